//! The hasher at the lowest cost, and hashes of other programs.
//!
//! They were made with argon2-cffi 25.1.0 of `PyPI` (the reference implementation in C), function
//! `argon2.low_level.hash_secret`, with the parameters shown. rust-argon2, which the Rocket + Redis tutorial uses,
//! writes the same text.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::oneshot;

use super::*;
use userd_core::PasswordPolicy;
use userd_core::random::{SeededRandom, SystemRandom};

const TINY: HashSettings =
    HashSettings { memory_kib: 8, iterations: 1, parallelism: 1, workers: 1, queue: 8, wait: Duration::from_secs(60) };

const FOREIGN_PASSWORD: &str = "correct horse battery";

/// `hash_secret(b"correct horse battery", salt, t, m, p, length, type, version)`.
const FOREIGN: &[&str] = &[
    // The tutorial's hashes: the defaults of rust-argon2.
    "$argon2i$v=19$m=4096,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$9zPMIhKcfiQl4UJIjG3qGPZNFtgA8stHPOEtxrqPdOE",
    "$argon2i$v=16$m=4096,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$8DMBDOoZ/5JxNNK9/m3A9k8udUnm4zBvxRgYV7y3oxg",
    // The same, as the reference implementation wrote it before versions existed.
    "$argon2i$m=4096,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$8DMBDOoZ/5JxNNK9/m3A9k8udUnm4zBvxRgYV7y3oxg",
    "$argon2d$v=19$m=64,t=2,p=1$c2FsdHNhbHQ$377+nds2xcqWubw9WgrfEw",
    "$argon2d$v=16$m=64,t=2,p=1$c2FsdHNhbHQ$5336Pxx3UhUalvETVdj9Hw",
    "$argon2id$v=19$m=128,t=2,p=4$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm$4kRE1ymNaXbpXTWP0u2iDSLOvSqgSyaI8pyhzyH/g5ZbmIfqI1DkMKMIcITsDNZVzDXtSkRa+2junrPFwBXVKw",
    "$argon2id$v=16$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$BdC+Z3/suygentpQAw2yKvv0zd5DAfCEKxfMKYYjZdg",
];

/// The same password at userd's default cost.
const FOREIGN_TODAY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$69I7qCjDTsQwhQqFvpQJiqEI0lGQvxC84fXE0Ktxca4";

/// `"A\u{30a}ngstro\u{308}m"`, decomposed as some keyboards send it, hashed as typed.
const FOREIGN_DECOMPOSED: &str =
    "$argon2i$v=19$m=64,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$QK6HhSNITfDOvjCHj/dkWBPXIkqQ9K0ZxreXpUrG1eo";

fn hasher(settings: HashSettings) -> PasswordHasher {
    PasswordHasher::start(&settings, Arc::new(SystemRandom), Arc::default()).unwrap()
}

fn password(text: &str) -> Password {
    Password::parse(text, PasswordPolicy { chars_min: 1, chars_max: 128 }).unwrap()
}

fn attempt(text: &str) -> PasswordAttempt {
    PasswordAttempt::parse(text).unwrap()
}

fn stored(text: &str) -> PasswordHash {
    PasswordHash::parse(text).unwrap()
}

const MATCH: Result<VerifyOutcome, HashError> = Ok(VerifyOutcome::Match { needs_rehash: false });
const OUTDATED: Result<VerifyOutcome, HashError> = Ok(VerifyOutcome::Match { needs_rehash: true });
const MISMATCH: Result<VerifyOutcome, HashError> = Ok(VerifyOutcome::Mismatch);

#[tokio::test]
async fn a_hash_matches_its_password_and_no_other() {
    let hasher = hasher(TINY);
    let hash = hasher.hash(&password("correct horse")).await.unwrap();
    assert!(hash.as_str().starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{}", hash.as_str());
    assert_eq!(hasher.verify(&attempt("correct horse"), Some(&hash)).await, MATCH);
    for wrong in ["correct horsf", "Correct horse", "correct horse ", "x"] {
        assert_eq!(hasher.verify(&attempt(wrong), Some(&hash)).await, MISMATCH, "{wrong}");
    }
}

#[tokio::test]
async fn every_hash_has_a_fresh_salt() {
    let hasher = PasswordHasher::start(&TINY, Arc::new(SeededRandom::from_seed(1)), Arc::default()).unwrap();
    let mut heads = HashSet::new();
    for _ in 0..20 {
        let hash = hasher.hash(&password("correct horse")).await.unwrap();
        assert!(heads.insert(hash.split().0.to_owned()));
    }
    let again = hasher.rehash(&attempt("correct horse")).await.unwrap();
    assert!(heads.insert(again.split().0.to_owned()));
}

#[tokio::test]
async fn hashes_of_other_programs_match_and_are_outdated() {
    let hasher = hasher(TINY);
    for text in FOREIGN {
        assert_eq!(hasher.verify(&attempt(FOREIGN_PASSWORD), Some(&stored(text))).await, OUTDATED, "{text}");
        assert_eq!(hasher.verify(&attempt("another"), Some(&stored(text))).await, MISMATCH, "{text}");
    }
}

#[tokio::test]
async fn a_hash_of_todays_cost_is_not_outdated_whatever_program_made_it() {
    let hasher = hasher(HashSettings { memory_kib: 19_456, iterations: 2, ..TINY });
    assert_eq!(hasher.verify(&attempt(FOREIGN_PASSWORD), Some(&stored(FOREIGN_TODAY))).await, MATCH);
    assert_eq!(hasher.hashes_done(), 1);
}

#[tokio::test]
async fn each_part_of_the_cost_makes_a_hash_outdated() {
    let current = hasher(TINY);
    let others = [
        HashSettings { memory_kib: 16, ..TINY },
        HashSettings { iterations: 2, ..TINY },
        HashSettings { memory_kib: 16, parallelism: 2, ..TINY },
    ];
    for other in others {
        let hash = hasher(other).hash(&password("correct horse")).await.unwrap();
        assert_eq!(current.verify(&attempt("correct horse"), Some(&hash)).await, OUTDATED, "{other:?}");
    }
    let old = current.rehash(&attempt("correct horse")).await.unwrap();
    assert_eq!(current.verify(&attempt("correct horse"), Some(&old)).await, MATCH);
}

#[tokio::test]
async fn all_keyboards_spell_one_password() {
    let hasher = hasher(TINY);
    let hash = hasher.hash(&password("A\u{30a}ngstro\u{308}m")).await.unwrap();
    for spelling in ["Ångström", "A\u{30a}ngstro\u{308}m", "\u{212b}ngström"] {
        assert_eq!(hasher.verify(&attempt(spelling), Some(&hash)).await, MATCH, "{}", spelling.escape_unicode());
    }
}

#[tokio::test]
async fn an_outdated_hash_is_also_tried_with_what_was_typed() {
    let hasher = hasher(TINY);
    let old = stored(FOREIGN_DECOMPOSED);
    let typed = attempt("A\u{30a}ngstro\u{308}m");
    assert_eq!(hasher.verify(&typed, Some(&old)).await, OUTDATED);
    assert_eq!(hasher.verify(&attempt("Ångström"), Some(&old)).await, MISMATCH);
    let new = hasher.rehash(&typed).await.unwrap();
    assert_eq!(hasher.verify(&attempt("Ångström"), Some(&new)).await, MATCH);
}

#[tokio::test]
async fn an_unknown_user_costs_as_many_hashes_as_a_known_one() {
    let hasher = hasher(TINY);
    let hash = hasher.hash(&password("correct horse")).await.unwrap();
    let mut before = hasher.hashes_done();
    let mut spent = || {
        let spent = hasher.hashes_done() - before;
        before += spent;
        spent
    };
    for text in ["correct horse", "wrong", "A\u{30a}"] {
        hasher.verify(&attempt(text), Some(&hash)).await.unwrap();
        assert_eq!(spent(), 1, "known");
        assert_eq!(hasher.verify(&attempt(text), None).await, MISMATCH);
        assert_eq!(spent(), 1, "unknown");
    }
    // An outdated hash is cheaper, so a wrong password costs a current hash as well.
    assert_eq!(hasher.verify(&attempt("wrong"), Some(&stored(FOREIGN_DECOMPOSED))).await, MISMATCH);
    assert_eq!(spent(), 2);
}

#[tokio::test]
async fn a_hash_that_is_too_expensive_or_of_another_kind_is_never_computed() {
    const TAIL: &str = "MDEyMzQ1Njc4OWFiY2RlZg$9zPMIhKcfiQl4UJIjG3qGPZNFtgA8stHPOEtxrqPdOE";
    let hasher = hasher(TINY);
    let long = "a".repeat(88);
    for (head, tail) in [
        ("$argon2id$v=19$m=131073,t=1,p=1", TAIL),
        ("$argon2id$v=19$m=4194304,t=1,p=1", TAIL),
        ("$argon2id$v=19$m=4294967295,t=4294967295,p=16777215", TAIL),
        ("$argon2id$v=19$m=8,t=17,p=1", TAIL),
        ("$argon2id$v=19$m=65536,t=5,p=1", TAIL),
        ("$argon2id$v=19$m=1024,t=1,p=17", TAIL),
        ("$argon2id$v=19$m=8,t=0,p=1", TAIL),
        ("$argon2id$v=19$m=8,t=1,p=0", TAIL),
        ("$argon2id$v=19$m=7,t=1,p=1", TAIL),
        ("$argon2id$v=19$m=8,t=1,p=2", TAIL),
        ("$argon2id$v=19$m=4294967296,t=1,p=1", TAIL),
        ("$argon2id$v=20$m=8,t=1,p=1", TAIL),
        ("$argon2id$v=19$m=8,t=1", TAIL),
        ("$argon2id$v=19$m=8,t=1,p=1,data=c2FsdA", TAIL),
        ("$argon2id$v=19$m=8,t=1,p=1,p=1", TAIL),
        ("$argon2id$v=19$m=8,t=1,x=1", TAIL),
        ("$argon2id$v=19", TAIL),
        ("$scrypt$ln=30,r=8,p=1", TAIL),
        ("$2x$12", "R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"),
        ("$1$salt", "qJH7.N4xYta3aEG/dfqo/0"),
        ("$argon2id$v=19$m=8,t=1,p=1", "c2FsdA$9zPMIhKcfiQl4UJIjG3qGPZNFtgA8stHPOEtxrqPdOE"),
        ("$argon2id$v=19$m=8,t=1,p=1", "MDEyMzQ1Njc4OWFiY2RlZg$9zPMIhKcfiQ"),
        ("$argon2id$v=19$m=8,t=1,p=1", &format!("MDEyMzQ1Njc4OWFiY2RlZg${long}")),
        ("$argon2id$v=19$m=8,t=1,p=1", &format!("{long}$9zPMIhKcfiQl4UJIjG3qGPZNFtgA8stHPOEtxrqPdOE")),
    ] {
        let verdict = hasher.verify(&attempt("x"), Some(&stored(&format!("{head}${tail}")))).await;
        assert!(matches!(verdict, Err(HashError::Unreadable(_))), "{head}${tail}: {verdict:?}");
    }
    assert_eq!(hasher.hashes_done(), 0);
}

#[tokio::test]
async fn scrypt_with_many_small_blocks_is_computed_though_rfc_7914_would_not_have_it() {
    let small = "$scrypt$ln=16,r=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$9zPMIhKcfiQl4UJIjG3qGPZNFtgA8stHPOEtxrqPdOE";
    assert_eq!(hasher(TINY).verify(&attempt("x"), Some(&stored(small))).await, MISMATCH);
}

#[tokio::test]
async fn limits_never_reject_what_is_configured() {
    let expensive = HashSettings { memory_kib: 64, iterations: limits::ITERATIONS_MAX + 1, ..TINY };
    let hasher = hasher(expensive);
    let hash = hasher.hash(&password("correct horse")).await.unwrap();
    assert_eq!(hasher.verify(&attempt("correct horse"), Some(&hash)).await, MATCH);
}

#[test]
fn memory_for_an_expensive_hash_is_released() {
    let mut engine = HashEngine::new(HashCost::current(&TINY), Arc::new(SystemRandom), Arc::default());
    assert_eq!(engine.blocks.capacity(), 0);
    engine.hash(b"x").unwrap();
    assert_eq!(engine.blocks.capacity(), 8);
    let expensive = stored::parse_stored(&stored(FOREIGN[0]), &HashCost::current(&TINY)).unwrap();
    let candidate = |text: &str| PasswordCandidate { normalised: Zeroizing::new(text.to_owned()), typed: None };
    assert_eq!(engine.verify(&candidate(FOREIGN_PASSWORD), Some(&expensive)), OUTDATED);
    assert_eq!(engine.blocks.capacity(), 0);
    assert_eq!(engine.verify(&candidate("wrong"), Some(&expensive)), MISMATCH);
    assert_eq!(engine.blocks.capacity(), 8);
}

#[tokio::test]
async fn what_no_worker_began_in_time_is_busy_and_never_computed() {
    let hasher = hasher(HashSettings { wait: Duration::ZERO, ..TINY });
    let (begun, has_begun) = oneshot::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let mut held = Box::pin(hasher.pool.run(move |_| {
        let _ = begun.send(());
        let _ = released.recv();
    }));
    tokio::select! {
        biased;
        _ = &mut held => unreachable!("it is held"),
        begun = has_begun => begun.unwrap(),
    }
    assert_eq!(hasher.verify(&attempt("x"), None).await, Err(HashError::Busy));
    assert_eq!(hasher.hash(&password("x")).await.map(|_| ()), Err(HashError::Busy));
    drop(release);
    assert_eq!(held.await, Ok(()));
    assert_eq!(hasher.pool.run(|_| ()).await, Ok(()));
    assert_eq!(hasher.hashes_done(), 0);
}

#[test]
fn settings_that_give_no_hash_are_refused_with_what_would_be_right() {
    assert_eq!(TINY.check(), Ok(()));
    let refused = [
        (HashSettings { parallelism: 0, ..TINY }, "a hash has 0 lanes; set between 1 and 64"),
        (HashSettings { iterations: 0, ..TINY }, "a hash makes 0 passes; set between 1 and 64"),
        (
            HashSettings { queue: 0, ..TINY },
            "0 requests may wait for a hash worker; set between 1 and 1000000, best four for each worker",
        ),
        (
            HashSettings { workers: 0, ..TINY },
            "there are 0 hash workers; set between 1 and 1024, best the number of cores",
        ),
        (
            HashSettings { memory_kib: 31, parallelism: 4, ..TINY },
            "the memory of a hash is 31 KiB; set it between 32 (8 KiB for each lane) and 1048576 KiB",
        ),
        (
            HashSettings { memory_kib: u32::MAX, ..TINY },
            "the memory of a hash is 4294967295 KiB; set it between 8 (8 KiB for each lane) and 1048576 KiB",
        ),
    ];
    for (settings, text) in refused {
        assert_eq!(settings.check().unwrap_err().to_string(), text);
        let error = PasswordHasher::start(&settings, Arc::new(SystemRandom), Arc::default()).err().unwrap();
        assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::InvalidInput, text));
    }
}

proptest! {
    #[test]
    fn whatever_is_read_is_within_the_limits(
        scheme in "argon2(i|d|id)|[a-z0-9]{1,8}", version in prop::option::of(15_u32..22),
        memory in prop_oneof![0_u32..200_000, any::<u32>()], iterations in prop_oneof![0_u32..20, any::<u32>()],
        parallelism in prop_oneof![0_u32..20, any::<u32>()], salt in "[A-Za-z0-9+/]{1,70}", output in "[A-Za-z0-9+/]{1,90}",
    ) {
        let version = version.map(|version| format!("$v={version}")).unwrap_or_default();
        let text = format!("${scheme}{version}$m={memory},t={iterations},p={parallelism}${salt}${output}");
        if let Ok(read) = stored::read(&stored(&text), &HashCost::current(&TINY)) {
            prop_assert!(read.cost.memory_kib <= limits::MEMORY_KIB_MAX);
            prop_assert!(u64::from(memory) * u64::from(iterations) <= limits::WORK_KIB_MAX);
            prop_assert!((1..=limits::ITERATIONS_MAX).contains(&iterations) && (1..=limits::PARALLELISM_MAX).contains(&parallelism));
            prop_assert!((16..=64).contains(&read.output.len()) && (8..=48).contains(&read.salt.len()));
        }
    }
}
