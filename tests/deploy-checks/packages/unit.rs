//! The systemd unit: accepted by systemd, as restricted as it says, with settings that userd accepts.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::{path, succeeds, text};

/// The largest exposure that systemd may report, in tenths: 0 is none, 100 all. It is 12 with systemd 252; the rest is
/// network access, which userd needs. A newer systemd may check more.
const EXPOSURE_MAX: &str = "20";

/// The unit with changes, next to the program that tests run.
fn unit(folder: &TempDir, change: impl Fn(&str) -> String) -> PathBuf {
    let unit = folder.path().join("userd.service");
    let text = text("deploy/systemd/userd.service");
    assert!(text.contains("\nExecStart=/usr/local/bin/userd --config /etc/userd/userd.toml\n"));
    let text = text.replace("/usr/local/bin/userd", env!("CARGO_BIN_EXE_userd"));
    fs::write(&unit, change(&text)).expect("it can be written");
    unit
}

fn analyze() -> Command {
    Command::new("systemd-analyze")
}

/// systemd warns about what it does not know, and continues; so a warning is a mistake.
fn verified(unit: &PathBuf) -> Result<(), String> {
    let output = analyze().args(["verify", "--man=no"]).arg(unit).output();
    let output = output.expect("systemd-analyze can be started, or install it: apt-get install systemd");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // Messages about other units of this machine are ignored.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("userd.service")).collect();
    if output.status.success() && ours.is_empty() { Ok(()) } else { Err(said) }
}

#[test]
fn systemd_accepts_the_unit_with_and_without_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(verified(&unit(&folder, str::to_owned)), Ok(()));
    let with_secrets =
        unit(&folder, |text| text.replace("\n#LoadCredential=", "\nLoadCredential=").replace("\n#Env", "\nEnv"));
    assert!(fs::read_to_string(&with_secrets).expect("it was written").contains("\nLoadCredential=redis_password:"));
    assert_eq!(verified(&with_secrets), Ok(()));
    let wrong = unit(&folder, |text| text.replace("\nProtectSystem=strict", "\nProtectSystm=strict"));
    assert!(verified(&wrong).is_err_and(|said| said.contains("ProtectSystm")));
}

#[test]
fn systemd_reports_little_exposure_of_the_unit() {
    let folder = tempfile::tempdir().expect("a folder");
    let security = |unit: &PathBuf| {
        let mut command = analyze();
        command.args(["security", "--no-pager", "--offline=true", &format!("--threshold={EXPOSURE_MAX}")]).arg(unit);
        command
    };
    succeeds(&mut security(&unit(&folder, str::to_owned)));
    let open =
        unit(&folder, |text| text.replace("\nCapabilityBoundingSet=\n", "\n").replace("\nSystemCallFilter=", "\n#"));
    let found = security(&open).output().expect("it was started before");
    assert!(!found.status.success(), "a unit that gives more is found");
}

#[test]
fn the_unit_stops_later_than_userd_and_its_settings_are_taken() {
    let unit = text("deploy/systemd/userd.service");
    let stop: u64 =
        unit.split("\nTimeoutStopSec=").nth(1).and_then(|rest| rest.split('s').next()?.parse().ok()).expect("s");
    let grace = userd::config::DEFAULTS.lines().find_map(|line| line.strip_prefix("shutdown_grace_s = "));
    assert!(stop > grace.and_then(|grace| grace.parse::<u64>().ok()).expect("the reference has it"));
    let settings = path("deploy/systemd/userd.toml");
    let mut userd = Command::new(env!("CARGO_BIN_EXE_userd"));
    assert_eq!(succeeds(userd.arg("--config").arg(settings).args(["config", "check"]).env_clear()), "ok\n");
    succeeds(Command::new("systemd-sysusers").arg("--dry-run").arg(path("deploy/systemd/userd.sysusers")));
}

#[test]
fn the_installation_is_complete_and_leaves_settings_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    let make = || {
        let mut make = Command::new("make");
        make.arg("install").current_dir(userd_test_support::paths::workspace_root());
        make.arg(format!("DESTDIR={}", root.display())).args(["PREFIX=/usr", "SYSCONFDIR=/etc"]);
        succeeds(make.arg(concat!("PROGRAM=", env!("CARGO_BIN_EXE_userd"))));
    };
    make();
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let unit = read("usr/lib/systemd/system/userd.service");
    assert!(unit.contains("\nExecStart=/usr/bin/userd --config /etc/userd/userd.toml\n"), "{unit}");
    assert!(read("usr/share/man/man1/userd.1").contains("userd"));
    assert!(read("usr/share/bash-completion/completions/userd").contains("doctor"));
    assert!(read("usr/share/zsh/site-functions/_userd").starts_with("#compdef userd"));
    assert!(read("usr/share/fish/vendor_completions.d/userd.fish").contains("complete -c userd"));
    assert_eq!(read("usr/share/doc/userd/userd.default.toml"), userd::config::DEFAULTS);
    assert_eq!(succeeds(Command::new(root.join("usr/bin/userd")).arg("--version").env_clear()).lines().count(), 1);

    let settings = root.join("etc/userd/userd.toml");
    fs::write(&settings, "workers = 3\n").expect("it was installed");
    make();
    assert_eq!(fs::read_to_string(&settings).expect("it is there"), "workers = 3\n");
}
