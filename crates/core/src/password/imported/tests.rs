//! Each spelling by example, and properties of every text. `tests/it/http/imported_hashes.rs` verifies the computed
//! hashes with test vectors.

use proptest::prelude::*;

use zeroize::Zeroizing;

use super::*;

const SALT: &str = "R9h/cIPz0gi.URNNX3kh2O";
const HASH: &str = "PST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";

fn ours(text: &str) -> Result<String, ImportedHashError> {
    PasswordHash::from_imported(text).map(|hash| hash.as_str().to_owned())
}

#[test]
fn every_spelling_becomes_ours() {
    let crypt = format!("{SALT}{HASH}");
    for (text, spelled) in [
        (format!("$2a$12${crypt}"), format!("$bcrypt$v=98$r=12${SALT}${HASH}")),
        (format!("$2b$04${crypt}"), format!("$bcrypt$v=98$r=4${SALT}${HASH}")),
        (format!("bcrypt$$2y$31${crypt}"), format!("$bcrypt$v=98$r=31${SALT}${HASH}")),
        (format!("bcrypt_sha256$$2b$12${crypt}"), format!("$bcrypt-hex-sha256$v=98$r=12${SALT}${HASH}")),
        (format!("$bcrypt-sha256$2a,6${SALT}${HASH}"), format!("$bcrypt-b64-sha256$v=98$r=6${SALT}${HASH}")),
        (format!("$bcrypt-sha256$v=2,t=2b,r=6${SALT}${HASH}"), format!("$bcrypt-hmac-sha256$v=98$r=6${SALT}${HASH}")),
        ("$scrypt$ln=16,r=8,p=1$c2FsdA$aGFzaA".into(), "$scrypt$ln=16,r=8,p=1$c2FsdA$aGFzaA".into()),
        ("$scrypt$p=1,r=8,ln=16$c2FsdA==$aGFzaA==".into(), "$scrypt$ln=16,r=8,p=1$c2FsdA$aGFzaA".into()),
        ("scrypt$16384$salt$8$5$aGFzaA==".into(), "$scrypt$ln=14,r=8,p=5$c2FsdA$aGFzaA".into()),
        ("$pbkdf2$1000$..8$aGFzaA".into(), "$pbkdf2$i=1000$++8$aGFzaA".into()),
        ("$pbkdf2-sha256$i=600000,l=4$c2FsdA$aGFzaA".into(), "$pbkdf2-sha256$i=600000$c2FsdA$aGFzaA".into()),
        ("pbkdf2_sha256$1000000$salt$aGFzaA==".into(), "$pbkdf2-sha256$i=1000000$c2FsdA$aGFzaA".into()),
        ("pbkdf2_sha1$1$salt$aGFzaA==".into(), "$pbkdf2$i=1$c2FsdA$aGFzaA".into()),
        ("argon2$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA".into(), "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA".into()),
        ("$argon2d$m=8,t=1,p=1$c2FsdA$aGFzaA".into(), "$argon2d$m=8,t=1,p=1$c2FsdA$aGFzaA".into()),
    ] {
        assert_eq!(ours(&text), Ok(spelled.clone()), "{text}");
        assert_eq!(ours(&spelled), Ok(spelled), "ours is read back");
    }
}

#[test]
fn what_is_no_hash_of_a_known_scheme_is_refused_by_its_reason() {
    use ImportedHashError::{
        Encoding, FieldCount, NotPowerOfTwo, Parameters, Salt, Scheme, SignExtension, TooLong, Unusable,
    };
    let crypt = format!("{SALT}{HASH}");
    for (text, reason) in [
        (String::new(), Unusable),
        ("!Xw4f".into(), Unusable),
        (format!("$2x$12${crypt}"), SignExtension),
        (format!("bcrypt$$2x$12${crypt}"), SignExtension),
        (format!("$2$12${crypt}"), Scheme),
        ("5f4dcc3b5aa765d61d8327deb882cf99".into(), Scheme),
        ("md5$salt$5f4dcc3b5aa765d61d8327deb882cf99".into(), Scheme),
        ("$1$salt$qJH7.N4xYta3aEG/dfqo/0".into(), Scheme),
        ("$off-argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA".into(), Scheme),
        (format!("$2b$12${crypt}x"), Encoding),
        (format!("$2b$12${SALT}"), Encoding),
        (format!("$2b$12${}ä{HASH}", &SALT[..21]), Encoding),
        (format!("$2b$4${crypt}"), Parameters),
        (format!("$2b$+4${crypt}"), Parameters),
        (format!("$2b$12${crypt}$"), FieldCount),
        (format!("$bcrypt$v=97$r=12${SALT}${HASH}"), FieldCount),
        (format!("$bcrypt-sha256$v=3,t=2b,r=6${SALT}${HASH}"), Parameters),
        ("$scrypt$ln=16,r=8$c2FsdA$aGFzaA".into(), Parameters),
        ("$scrypt$ln=16,r=8,p=1,p=1$c2FsdA$aGFzaA".into(), Parameters),
        ("$scrypt$ln=16,r=8,p=4294967296$c2FsdA$aGFzaA".into(), Parameters),
        ("$scrypt$ln=16,r=8,p=1$c2FsdA$".into(), Encoding),
        ("$scrypt$ln=16,r=8,p=1$$aGFzaA".into(), Salt),
        ("scrypt$16383$salt$8$5$aGFzaA==".into(), NotPowerOfTwo),
        ("scrypt$0$salt$8$5$aGFzaA==".into(), NotPowerOfTwo),
        ("pbkdf2_sha256$1000$$aGFzaA==".into(), Salt),
        (format!("pbkdf2_sha256$1000${}$aGFzaA==", "s".repeat(129)), Salt),
        ("pbkdf2_sha256$1000$salt".into(), FieldCount),
        ("$pbkdf2-sha256$i=1000,l=5$c2FsdA$aGFzaA".into(), Encoding),
        ("$pbkdf2-sha256$1000$sa*t$aGFzaA".into(), Encoding),
        ("$argon2id$v=19$m=8,t=1,p=1$c2FsdA".into(), FieldCount),
        ("x".repeat(513), TooLong),
    ] {
        assert_eq!(ours(&text), Err(reason), "{text}");
    }
}

#[test]
fn what_other_programs_make_by_default_stays_compact_in_redis_also_when_ruled_against() {
    let (salt, sha512) = ("s".repeat(22), "a".repeat(86));
    for text in [
        format!("bcrypt_sha256$$2b$12${SALT}{HASH}"),
        format!("$bcrypt-sha256$v=2,t=2b,r=12${SALT}${HASH}"),
        format!("scrypt$16384${salt}$8$5${sha512}=="),
        format!("pbkdf2_sha256$1000000${salt}${}=", "a".repeat(43)),
        format!("$pbkdf2-sha512$25000${salt}${sha512}"),
    ] {
        let hash = PasswordHash::from_imported(&text).unwrap();
        let (head, tail) = hash.split();
        let marked = crate::AccountStatus { disabled: true, password_expired: true }.encode_in_hash(head).into_owned();
        assert!(marked.len() <= 64 && tail.len() <= 64, "{marked} {tail}");
    }
}

fn schemes() -> impl Strategy<Value = ImportedScheme> {
    use Pbkdf2Digest::{Sha1, Sha256, Sha512};
    use Prehash::{Base64HmacSha256, Base64Sha256, HexSha256, None};
    let prehash = prop::sample::select(vec![None, HexSha256, Base64Sha256, Base64HmacSha256]);
    let digest = prop::sample::select(vec![Sha1, Sha256, Sha512]);
    prop_oneof![
        (any::<u32>(), prehash).prop_map(|(cost, prehash)| ImportedScheme::Bcrypt { cost, prehash }),
        any::<(u32, u32, u32)>().prop_map(|(log_n, r, p)| ImportedScheme::Scrypt { log_n, r, p }),
        (any::<u32>(), digest).prop_map(|(iterations, digest)| ImportedScheme::Pbkdf2 { digest, iterations }),
    ]
}

proptest! {
    #[test]
    fn our_spelling_is_read_back_as_the_same_hash(
        scheme in schemes(), mut salt in prop::collection::vec(any::<u8>(), 1..=IMPORTED_SALT_BYTES_MAX),
        mut output in prop::collection::vec(any::<u8>(), 1..=STORED_OUTPUT_BYTES_MAX),
    ) {
        match scheme {
            ImportedScheme::Bcrypt { .. } => (salt, output) = (vec![salt[0]; 16], vec![output[0]; 23]),
            ImportedScheme::Pbkdf2 { .. } => output.truncate(20),
            ImportedScheme::Scrypt { .. } => {}
        }
        let hash = ImportedHash { scheme, salt, output: Zeroizing::new(output) };
        let spelled = PasswordHash::parse(&formats::to_phc(&hash)).unwrap();
        prop_assert_eq!(ImportedHash::parse(spelled.as_str()), Ok(hash));
        prop_assert_eq!(PasswordHash::from_imported(spelled.as_str()), Ok(spelled));
    }

    #[test]
    fn no_text_makes_it_panic_and_what_is_taken_is_spelled_once(
        text in "[$a-z0-9_-]{0,20}\\PC{0,60}|.{0,200}|\\$?(2[abxy]|bcrypt(-sha256)?|scrypt|pbkdf2(-sha256|_sha1)?)(\\$[a-z0-9=,/+.é-]{0,30}){0,6}",
    ) {
        if let Ok(hash) = PasswordHash::from_imported(&text) {
            prop_assert!(hash.as_str().len() <= PASSWORD_HASH_BYTES_MAX);
            prop_assert_eq!(ours(hash.as_str()), Ok(hash.as_str().to_owned()));
        }
    }
}
