//! The rules by example, and properties of every text.

use proptest::prelude::*;

use super::*;

const POLICY: PasswordPolicy = PasswordPolicy { chars_min: 8, chars_max: 128 };
const PHC: &str = "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$69I7qCjDTsQwhQqFvpQJiqEI0lGQvxC84fXE0Ktxca4";

fn parse(text: &str) -> Result<String, PasswordError> {
    Password::parse(text, POLICY).map(|password| password.expose().to_owned())
}

#[test]
fn length_is_counted_in_characters_after_normalising() {
    assert_eq!(PasswordPolicy::default(), POLICY);
    assert_eq!(parse(""), Err(PasswordError::TooShort(8)));
    assert_eq!(parse("żółwiki"), Err(PasswordError::TooShort(8)));
    assert!(parse("żółwikiż").is_ok());
    // Eight code points that are seven characters, and the reverse.
    assert_eq!(parse("zo\u{301}lwiki"), Err(PasswordError::TooShort(8)));
    assert_eq!(parse("oﬃce12").as_deref(), Ok("office12"));
    assert!(parse(&"李".repeat(128)).is_ok());
    assert_eq!(parse(&"李".repeat(129)), Err(PasswordError::TooLong(128)));
    assert!(parse(&"\u{1f512}".repeat(128)).is_ok());
    // One character that NFKC expands to eighteen.
    assert_eq!(parse(&"\u{fdfa}".repeat(8)), Err(PasswordError::TooLong(128)));
    assert_eq!(parse(&"\u{fdfa}".repeat(1_000_000)), Err(PasswordError::TooLong(128)));
}

#[test]
fn whatever_becomes_a_password_can_be_offered_as_one() {
    let decomposed = "\u{1112}\u{1161}\u{11ab}".repeat(128);
    assert_eq!(parse(&decomposed), Err(PasswordError::TooLong(128)));
    assert_eq!(PasswordAttempt::parse(&decomposed).map(|_| ()), Err(PasswordError::TooManyBytes));
}

#[test]
fn nothing_is_required_trimmed_or_forbidden_in_a_password() {
    for text in
        ["        ", " leading and trailing ", "aaaaaaaaaaaa", "nul\0inside", "emoji 🔒 ok", "\u{200b}zerowidth"]
    {
        assert_eq!(parse(text).as_deref(), Ok(text));
    }
    assert_eq!(parse("ｆｕｌｌｗｉｄｔｈ").as_deref(), Ok("fullwidth"));
}

#[test]
fn a_common_password_is_refused_in_any_spelling_but_only_as_a_whole() {
    for text in ["password1", "PassWord1", "ｐａｓｓｗｏｒｄ１", "12345678", "!QAZ2wsx"] {
        assert_eq!(parse(text), Err(PasswordError::Common), "{text}");
    }
    for text in ["password1 and more", " password1", "my password1"] {
        assert!(parse(text).is_ok(), "{text}");
    }
}

#[test]
fn the_own_name_or_address_is_refused_in_any_spelling() {
    let name = DisplayName::parse("Jürgen Straßer").unwrap();
    let email = Email::parse("Juergen.S@Bücher.Example").unwrap();
    for text in [
        "jürgen straßer",
        "JU\u{308}RGEN STRASSER",
        "juergen.s@bücher.example",
        "JUERGEN.S@xn--bcher-kva.example",
        "Juergen.S",
        "ＪＵＥＲＧＥＮ．Ｓ",
    ] {
        let password = Password::parse(text, POLICY).unwrap();
        assert_eq!(password.check_personal(&name, &email), Err(PasswordError::Personal), "{text}");
    }
    for text in ["jürgen straßer!", "juergen.s@other.example"] {
        assert_eq!(Password::parse(text, POLICY).unwrap().check_personal(&name, &email), Ok(()), "{text}");
    }
}

#[test]
fn an_attempt_keeps_what_was_typed_and_knows_its_normal_form() {
    assert_eq!(PasswordAttempt::parse("").map(|_| ()), Err(PasswordError::Empty));
    assert!(PasswordAttempt::parse(&"x".repeat(PASSWORD_ATTEMPT_BYTES_MAX)).is_ok());
    assert_eq!(PasswordAttempt::parse(&"x".repeat(1025)).map(|_| ()), Err(PasswordError::TooManyBytes));
    let attempt = PasswordAttempt::parse("A\u{30a}ngstro\u{308}m").unwrap();
    assert_eq!(attempt.expose(), "A\u{30a}ngstro\u{308}m");
    assert_eq!(attempt.normalised().as_str(), "Ångström");
}

#[test]
fn secrets_show_nothing_in_debug() {
    let password = Password::parse("correct horse", POLICY).unwrap();
    let attempt = PasswordAttempt::parse("correct horse").unwrap();
    let hash = PasswordHash::parse(PHC).unwrap();
    assert_eq!(format!("{password:?} {attempt:?} {hash:?}"), "Password(***) PasswordAttempt(***) PasswordHash(***)");
}

#[test]
fn a_hash_is_a_phc_string_with_salt_and_hash() {
    let hash = PasswordHash::parse(PHC).unwrap();
    assert_eq!(hash.as_str(), PHC);
    let (head, last) = hash.split();
    assert_eq!(head, "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg");
    assert_eq!(last, "69I7qCjDTsQwhQqFvpQJiqEI0lGQvxC84fXE0Ktxca4");
    assert_eq!(PasswordHash::join(head, last), Ok(hash));
    for text in ["$scrypt$ln=17,r=8,p=1$c2FsdA$aGFzaA", "$x$salt$hash", "$x$v=1$salt$hash", "$x$v=1$a=b$salt$hash"] {
        assert_eq!(PasswordHash::parse(text).map(|hash| hash.as_str().to_owned()).as_deref(), Ok(text));
    }
    let long = format!("$x$salt${}", "a".repeat(PASSWORD_HASH_BYTES_MAX));
    for text in [
        "",
        "$",
        "plain",
        "$x",
        "$x$salt",
        "$x$salt$",
        "$x$$hash",
        "$$salt$hash",
        "x$salt$hash",
        "$X$salt$hash",
        "$x$v=1$salt",
        "$x$v=$salt$hash",
        "$x$a=b,$salt$hash",
        "$x$salt$hash$more",
        "$x$sa lt$hash",
        "$x$salt$hash\n",
        "$x$salt$hä",
        long.as_str(),
    ] {
        assert_eq!(PasswordHash::parse(text), Err(PasswordHashError), "{text:?}");
    }
    assert_eq!(PasswordHash::join("$x", "salt$hash"), Err(PasswordHashError));
}

proptest! {
    #[test]
    fn parsing_is_total_and_a_password_parses_to_itself(text in "\\PC{0,40}|.{0,300}") {
        if let Ok(first) = parse(&text) {
            prop_assert!((8..=128).contains(&first.chars().count()));
            prop_assert_eq!(parse(&first), Ok(first.clone()));
            let attempt = PasswordAttempt::parse(&text).unwrap();
            prop_assert_eq!(&*attempt.normalised(), &first);
        }
    }

    #[test]
    fn attempts_are_total_and_kept_as_typed(text in any::<String>()) {
        match PasswordAttempt::parse(&text) {
            Ok(attempt) => prop_assert_eq!(attempt.expose(), text),
            Err(_) => prop_assert!(text.is_empty() || text.len() > PASSWORD_ATTEMPT_BYTES_MAX),
        }
    }

    #[test]
    fn hashes_are_total_and_survive_being_split(text in "(\\$[a-z0-9=,/+.-]{0,8}){0,6}|.{0,60}") {
        if let Ok(hash) = PasswordHash::parse(&text) {
            let (head, last) = hash.split();
            prop_assert_eq!(PasswordHash::join(head, last), Ok(hash));
        }
    }
}
