//! The simulator of power cuts itself: known operations, known images. The stores under it are tested in `power_sqlite`
//! and `power_redis`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use userd_core::random::SeededRandom;

use userd_test_support::power_journal::{FileOperation, SimulatedDisk, SurvivingWrites};
use userd_test_support::power_loss::{PowerLossRecorder, compile};

const STEPS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../test-support/src/power_loss_steps.c");

/// Runs a program with these steps in a watched folder, where `@` stands for the folder.
fn record_steps(steps: &[&str]) -> (TempDir, PowerLossRecorder) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("old"), "old content").expect("a file");
    let power = PowerLossRecorder::watch(folder.path());
    let program = tempfile::tempdir().expect("a folder");
    compile(STEPS, &[], &program.path().join("steps"));
    let at = folder.path().canonicalize().expect("a folder").to_string_lossy().into_owned();
    let status = Command::new(program.path().join("steps"))
        .args(steps.iter().map(|step| step.replace('@', &at)))
        .envs(power.environment())
        .status()
        .expect("the program runs");
    assert!(status.success(), "{steps:?}");
    (folder, power)
}

/// What a cut at the end leaves of a file, in each of many images.
fn surviving_contents(power: &PowerLossRecorder, name: &str, keep: SurvivingWrites) -> BTreeSet<Option<String>> {
    let records = power.records();
    (0..60)
        .map(|seed| {
            let image = power.cut_power(&records, records.len(), keep, seed);
            fs::read(image.path().join(name)).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        })
        .collect()
}

fn only(text: &str) -> BTreeSet<Option<String>> {
    BTreeSet::from([Some(text.to_owned())])
}

#[test]
fn what_was_synced_is_always_there_and_what_was_not_can_vanish() {
    let steps = ["put", "@/new", "0", "safe", "sync", "@/new", "sync", "@/", "append", "@/new", " or not"];
    let (folder, power) = record_steps(&steps);
    assert_eq!(fs::read_to_string(folder.path().join("new")).expect("a file"), "safe or not");
    assert_eq!(surviving_contents(&power, "new", SurvivingWrites::Nothing), only("safe"));
    assert_eq!(surviving_contents(&power, "new", SurvivingWrites::Everything), only("safe or not"));
    for keep in [SurvivingWrites::Prefix, SurvivingWrites::Pages, SurvivingWrites::Sectors] {
        assert_eq!(surviving_contents(&power, "new", keep), &only("safe") | &only("safe or not"), "{keep:?}");
        assert_eq!(surviving_contents(&power, "old", keep), only("old content"), "it was not changed");
    }
}

#[test]
fn a_write_that_began_within_a_sync_is_not_covered_by_it() {
    let (_folder, power) = record_steps(&["put", "@/old", "0", "OLD", "sync", "@/old", "put", "@/old", "4", "CONTENT"]);
    let mut records = power.records();
    let begins =
        records.iter().position(|record| matches!(record.act, FileOperation::SyncBegins { .. })).expect("a sync");
    let late = records.len() - 1;
    assert!(matches!(records[late].act, FileOperation::Write { .. }));
    // Like a write of another thread between the beginning and the end of the sync.
    let write = records.remove(late);
    records.insert(begins + 1, write);
    let mut disk = power.disk();
    disk.apply_all(&records);
    let image = power.write_image(&disk.image(SurvivingWrites::Nothing, &SeededRandom::from_seed(1)));
    assert_eq!(fs::read_to_string(image.path().join("old")).expect("a file"), "OLD content");
}

#[test]
fn a_name_is_safe_after_a_sync_of_its_folder_only() {
    let (_folder, power) = record_steps(&["put", "@/a", "0", "new", "sync", "@/a", "rename", "@/a", "@/old"]);
    assert_eq!(
        surviving_contents(&power, "old", SurvivingWrites::Nothing),
        only("old content"),
        "the content was synced, the name not"
    );
    assert_eq!(surviving_contents(&power, "old", SurvivingWrites::Everything), only("new"));
    let (_folder, power) =
        record_steps(&["put", "@/a", "0", "new", "sync", "@/a", "sync", "@/", "rename", "@/a", "@/old", "sync", "@/"]);
    for keep in SurvivingWrites::ALL {
        assert_eq!(surviving_contents(&power, "old", keep), only("new"), "{keep:?}");
        assert_eq!(surviving_contents(&power, "a", keep), BTreeSet::from([None]), "{keep:?}");
    }
    let (_folder, power) = record_steps(&["unlink", "@/old"]);
    assert_eq!(surviving_contents(&power, "old", SurvivingWrites::Nothing), only("old content"));
    assert_eq!(
        surviving_contents(&power, "old", SurvivingWrites::Sectors),
        &only("old content") | &BTreeSet::from([None])
    );
}

#[test]
fn what_went_through_stdio_is_there_once_it_is_synced() {
    let (_folder, power) = record_steps(&["print", "@/a", "printed", "sync", "@/"]);
    assert_eq!(surviving_contents(&power, "a", SurvivingWrites::Nothing), only("printed"));
    let (_folder, power) = record_steps(&["truncate", "@/old", "3"]);
    assert_eq!(surviving_contents(&power, "old", SurvivingWrites::Nothing), only("old content"));
    assert_eq!(surviving_contents(&power, "old", SurvivingWrites::Everything), only("old"));
}

#[test]
fn what_was_not_synced_is_torn_at_pages_and_sectors() {
    let text = "x".repeat(3 * 4096);
    let (_folder, power) = record_steps(&["put", "@/old", "2048", &text]);
    for (keep, border) in [(SurvivingWrites::Pages, 4096), (SurvivingWrites::Sectors, 512)] {
        let mut torn = BTreeSet::new();
        for content in surviving_contents(&power, "old", keep).into_iter().flatten() {
            for (at, pair) in content.as_bytes().windows(2).enumerate().skip(2048) {
                if pair[0] != pair[1] {
                    torn.insert((at + 1) % border);
                }
            }
        }
        assert_eq!(torn, BTreeSet::from([0]), "{keep:?}: torn, and only at borders");
    }
    let lengths: BTreeSet<_> = surviving_contents(&power, "old", SurvivingWrites::Prefix)
        .into_iter()
        .flatten()
        .map(|text| text.len())
        .collect();
    assert!(lengths.len() > 10, "{lengths:?}");
}

#[test]
fn the_same_seed_gives_the_same_image() {
    let text = "y".repeat(20_000);
    let (_folder, power) = record_steps(&["put", "@/old", "0", &text]);
    let records = power.records();
    let image = |seed| {
        let mut disk: SimulatedDisk = power.disk();
        disk.apply_all(&records);
        disk.image(SurvivingWrites::Sectors, &SeededRandom::from_seed(seed))
    };
    assert_eq!(image(7), image(7));
    assert_ne!(image(7), image(8));
}

#[test]
fn a_program_is_killed_at_the_configured_event() {
    for (at, expected) in [("0", ""), ("1", "one"), ("2", "one"), ("3", "onetwo"), ("4", "onetwo")] {
        let folder = tempfile::tempdir().expect("a folder");
        let power = PowerLossRecorder::watch(folder.path());
        let program = tempfile::tempdir().expect("a folder");
        compile(STEPS, &[], &program.path().join("steps"));
        let file = folder.path().join("a");
        let file = file.to_str().expect("a plain path");
        let status = Command::new(program.path().join("steps"))
            .args(["append", file, "one", "append", file, "two"])
            .envs(power.environment())
            .envs([("POWER_LOSS_KILL_AT", at), ("POWER_LOSS_KILL_ON", "W")])
            .status()
            .expect("the program runs");
        assert_eq!(status.success(), at == "4", "{at}: {status:?}");
        assert_eq!(fs::read_to_string(Path::new(file)).expect("a file"), expected, "{at}");
    }
}
