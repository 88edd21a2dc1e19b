//! Imported hashes: each account signs in with its password, and the first sign-in replaces the hash by Argon2id.
//!
//! The vectors come from those programs; `fixtures/foreign_hashes.py` says how.

use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use userd_core::random::SeededRandom;
use userd_core::{PasswordAttempt, PasswordHash, UserId};
use userd_service::hashing::{HashError, HashSettings, PasswordHasher, VerifyOutcome, check_stored_hash};

use super::test_app::TestApp;
use super::{CHEAP_HASHES, hasher};

const FILE: &str = include_str!("../fixtures/foreign_hashes.json");

/// The hash that another program made of a password.
#[derive(Deserialize)]
struct HashVector {
    made_by: String,
    password: String,
    hash: String,
}

impl HashVector {
    fn as_password_hash(&self) -> PasswordHash {
        PasswordHash::from_imported(&self.hash)
            .unwrap_or_else(|error| panic!("{}, {}: {error}", self.made_by, self.hash))
    }

    /// Has the program's default cost, so it is computed only once.
    fn is_expensive(&self) -> bool {
        self.made_by.ends_with("default")
    }

    fn cuts_at_72_bytes(&self) -> bool {
        self.made_by.contains("bcrypt") && !self.made_by.contains("sha256")
    }
}

fn vectors() -> &'static [HashVector] {
    static VECTORS: LazyLock<Vec<HashVector>> = LazyLock::new(|| serde_json::from_str(FILE).expect("vectors"));
    &VECTORS
}

fn attempt(text: &str) -> PasswordAttempt {
    PasswordAttempt::parse(text).expect("an attempt")
}

#[rocket::async_test]
async fn every_vector_matches_only_its_password_and_needs_a_rehash() {
    assert!(vectors().len() > 80, "{} vectors", vectors().len());
    let hasher = hasher(&CHEAP_HASHES);
    for vector in vectors() {
        let (name, hash) = (format!("{}, {:?}", vector.made_by, vector.password), vector.as_password_hash());
        let right = hasher.verify(&attempt(&vector.password), Some(&hash)).await;
        assert_eq!(right, Ok(VerifyOutcome::Match { needs_rehash: true }), "{name}");
        if vector.is_expensive() {
            continue;
        }
        for wrong in [format!(" {}", vector.password), vector.password[1..].to_owned(), "x".to_owned()] {
            let verdict = hasher.verify(&attempt(&wrong), Some(&hash)).await;
            assert_eq!(verdict, Ok(VerifyOutcome::Mismatch), "{name} against {wrong:?}");
        }
        // bcrypt ignores what follows the 72nd byte, unless the program hashes the password with SHA-256 first.
        let longer = hasher.verify(&attempt(&format!("{}!", vector.password)), Some(&hash)).await;
        let cut = vector.cuts_at_72_bytes() && vector.password.len() >= 72;
        assert_eq!(longer.is_ok_and(|verdict| verdict != VerifyOutcome::Mismatch), cut, "{name}");
    }
}

#[rocket::async_test]
async fn an_imported_account_signs_in_with_its_password_and_its_hash_is_upgraded() {
    let app = TestApp::with_api_key().await;
    let one_of_each =
        ["bcrypt 2b", "passlib bcrypt_sha256 2", "django scrypt", "passlib pbkdf2_sha512", "django bcrypt"];
    for (number, made_by) in one_of_each.into_iter().enumerate() {
        let email = format!("ada{number}@example.com");
        let id = app.api.sign_up("Ada", &email).await.id();
        let id = UserId::parse(&id).expect("an id");
        // A password that was hashed in decomposed form, and has another length in NFKC.
        let vector = vectors().iter().find(|vector| vector.made_by == made_by && vector.password.contains('\u{fb01}'));
        let vector = vector.expect("a vector");
        app.store.set_password_hash(id, vector.as_password_hash());
        let kept = || app.store.all_users().into_iter().find(|user| user.id == id).expect("is there").password_hash;
        assert_eq!(app.try_login(&email, "another one altogether", &Vec::new()).await.status, 401, "{made_by}");
        assert_eq!(kept(), vector.as_password_hash(), "a failed attempt leaves it");
        assert_eq!(app.try_login(&email, &vector.password, &Vec::new()).await.status, 200, "{made_by}");
        assert!(kept().as_str().starts_with("$argon2id$"), "{}", kept().as_str());
        for spelling in [vector.password.as_str(), "Ångström fine"] {
            assert_eq!(app.try_login(&email, spelling, &Vec::new()).await.status, 200, "{made_by}: {spelling}");
        }
    }
}

#[rocket::async_test]
async fn a_long_password_counts_in_full_after_the_upgrade_from_bcrypt() {
    let app = TestApp::with_api_key().await;
    let id = app.api.sign_up("Ada", "ada@example.com").await.id();
    let long = |vector: &&HashVector| vector.made_by == "bcrypt 2b" && vector.password.len() == 90;
    let vector = vectors().iter().find(long).expect("a vector");
    app.store.set_password_hash(UserId::parse(&id).expect("an id"), vector.as_password_hash());
    let mut statuses = Vec::new();
    for password in [vector.password.clone(), format!("{}!", vector.password), vector.password[..72].to_owned()] {
        statuses.push(app.try_login("ada@example.com", &password, &Vec::new()).await.status);
    }
    assert_eq!(statuses, [200, 401, 401]);
}

#[rocket::async_test]
async fn a_wrong_password_of_an_imported_account_costs_a_dummy_hash_as_well() {
    let (hasher, hash) = (hasher(&CHEAP_HASHES), vectors()[0].as_password_hash());
    let mut spent = Vec::new();
    for (text, kept) in
        [("x", None), ("x", Some(&hash)), ("A\u{30a}", Some(&hash)), (vectors()[0].password.as_str(), Some(&hash))]
    {
        let before = hasher.hashes_done();
        hasher.verify(&attempt(text), kept).await.expect("a verdict");
        spent.push(hasher.hashes_done() - before);
    }
    assert_eq!(spent, [1, 2, 3, 1]);
}

#[rocket::async_test]
async fn too_expensive_and_too_short_hashes_are_rejected_and_never_computed() {
    const BCRYPT: &str = "R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";
    const TAIL: &str = "MDEyMzQ1Njc4OWFiY2RlZg$9zPMIhKcfiQl4UJIjG3qGPZNFtgA8stHPOEtxrqPdOE";
    let hasher = PasswordHasher::start(&CHEAP_HASHES, Arc::new(SeededRandom::from_seed(1)), Arc::default())
        .expect("the workers start");
    for (text, readable) in [
        (format!("$2b$14${BCRYPT}"), true),
        (format!("$2b$15${BCRYPT}"), false),
        (format!("$2b$31${BCRYPT}"), false),
        (format!("$2b$03${BCRYPT}"), false),
        (format!("$scrypt$ln=17,r=8,p=1${TAIL}"), true),
        (format!("$scrypt$ln=16,r=8,p=2${TAIL}"), true),
        (format!("$scrypt$ln=17,r=8,p=2${TAIL}"), false),
        (format!("$scrypt$ln=18,r=8,p=1${TAIL}"), false),
        (format!("$scrypt$ln=63,r=8,p=1${TAIL}"), false),
        (format!("$scrypt$ln=4294967295,r=4294967295,p=4294967295${TAIL}"), false),
        (format!("$scrypt$ln=0,r=8,p=1${TAIL}"), false),
        (format!("$scrypt$ln=4,r=33,p=1${TAIL}"), false),
        (format!("$scrypt$ln=4,r=0,p=1${TAIL}"), false),
        (format!("$scrypt$ln=4,r=8,p=17${TAIL}"), false),
        (format!("$scrypt$ln=4,r=8,p=0${TAIL}"), false),
        ("$scrypt$ln=4,r=8,p=1$c2FsdA$9zPMIhKcfiQ".to_owned(), false),
        (format!("$pbkdf2-sha256$2000000${TAIL}"), true),
        (format!("$pbkdf2-sha256$2000001${TAIL}"), false),
        (format!("$pbkdf2-sha512$1000000${TAIL}"), true),
        (format!("$pbkdf2-sha512$1000001${TAIL}"), false),
        (format!("$pbkdf2$i=4294967295${TAIL}"), false),
        (format!("$pbkdf2-sha256$0${TAIL}"), false),
        ("$pbkdf2-sha256$1$c2FsdA$9zPMIhKcfiQ".to_owned(), false),
        (format!("argon2$argon2id$v=19$m=102400,t=2,p=8${TAIL}"), true),
        (format!("$argon2id$v=19$m=262144,t=3,p=1${TAIL}"), false),
    ] {
        let hash = PasswordHash::from_imported(&text).expect("an imported hash");
        assert_eq!(check_stored_hash(&hash, &CHEAP_HASHES).is_ok(), readable, "{text}");
        if !readable {
            let verdict = hasher.verify(&attempt("x"), Some(&hash)).await;
            assert!(matches!(verdict, Err(HashError::Unreadable(_))), "{text}: {verdict:?}");
        }
    }
    assert_eq!(hasher.hashes_done(), 0);
}

proptest::proptest! {
    /// Every accepted hash can be computed, whatever its parameters.
    #[test]
    fn no_imported_hash_makes_a_worker_panic(
        scheme in "\\$(scrypt\\$ln=[0-9],r=[0-9]{1,2},p=[0-9]{1,2}|pbkdf2(-sha256|-sha512)?\\$[0-9]{1,4}|bcrypt(-hex-sha256|-b64-sha256|-hmac-sha256)?\\$v=98\\$r=4)",
        salt in "[./A-Za-z0-9]{22}|[A-Za-z0-9+/]{1,60}", output in "[./A-Za-z0-9]{31}|[A-Za-z0-9+/]{1,90}",
        password in "\\PC{1,100}|.{1,30}",
    ) {
        let settings = HashSettings { workers: 1, ..CHEAP_HASHES };
        if let Ok(hash) = PasswordHash::from_imported(&format!("{scheme}${salt}${output}"))
            && check_stored_hash(&hash, &settings).is_ok()
        {
            let runtime = rocket::tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let hasher = PasswordHasher::start(&settings, Arc::new(SeededRandom::from_seed(1)), Arc::default()).expect("a worker");
            let verdict = runtime.block_on(hasher.verify(&attempt(&password), Some(&hash)));
            proptest::prop_assert_eq!(verdict, Ok(VerifyOutcome::Mismatch));
        }
    }
}
