//! The rules by example, and properties of every text.

use proptest::prelude::*;

use super::EmailError as E;
use super::*;

/// Accepted addresses, and their canonical form.
#[rustfmt::skip]
const ACCEPTED: &[(&str, &str)] = &[
    ("jane@example.com", "jane@example.com"),
    ("  Jane.Doe@Example.COM \r\n", "jane.doe@example.com"),
    ("\u{3000}jane@example.com\u{a0}", "jane@example.com"),
    ("jane+tag@example.com", "jane+tag@example.com"),
    ("j.a.n.e@example.com", "j.a.n.e@example.com"),
    ("!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com"),
    ("user%other.example@example.com", "user%other.example@example.com"),
    ("{1f3}@example.com", "{1f3}@example.com"),
    ("-@example.com", "-@example.com"),
    ("1@example.com", "1@example.com"),
    ("a@b.co", "a@b.co"),
    ("a@1.example", "a@1.example"),
    ("a@example.c0", "a@example.c0"),
    // Widths, ligatures, compatibility characters.
    ("ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "jane@example.com"),
    ("JANE@ＥＸＡＭＰＬＥ．com", "jane@example.com"),
    ("jane﹫example.com", "jane@example.com"),
    ("jane@example。com", "jane@example.com"),
    ("jane@example｡com", "jane@example.com"),
    ("oﬃce@example.com", "office@example.com"),
    ("\u{1d4d9}ane@example.com", "jane@example.com"),
    ("jane²@example.com", "jane2@example.com"),
    ("jane①@example.com", "jane1@example.com"),
    ("Ⅳ@example.com", "iv@example.com"),
    ("™@example.com", "tm@example.com"),
    ("℀@example.com", "a/c@example.com"),
    ("ﾊﾝ@example.com", "ハン@example.com"),
    ("\u{212a}elvin@example.com", "kelvin@example.com"),
    ("jane\u{2024}doe@example.com", "jane.doe@example.com"),
    // Case folding and composition.
    ("JÜRGEN@example.com", "jürgen@example.com"),
    ("Ju\u{308}rgen@example.com", "jürgen@example.com"),
    ("straße@example.com", "strasse@example.com"),
    ("STRAẞE@example.com", "strasse@example.com"),
    ("ὈΔΥΣΣΕΎΣ@example.com", "ὀδυσσεύσ@example.com"),
    ("ὀδυσσεύς@example.com", "ὀδυσσεύσ@example.com"),
    ("İ@example.com", "i\u{307}@example.com"),
    ("ı@example.com", "ı@example.com"),
    ("ſam@example.com", "sam@example.com"),
    ("ᾼ@example.com", "αι@example.com"),
    ("Ꭰ@example.com", "Ꭰ@example.com"),
    ("ꭰ@example.com", "Ꭰ@example.com"),
    // Scripts.
    ("李@example.com", "李@example.com"),
    ("〇@example.com", "〇@example.com"),
    ("\u{1112}\u{1161}\u{11ab}@example.com", "한@example.com"),
    ("ไทย@example.com", "ไทย@example.com"),
    ("शर्मा@example.com", "शर्मा@example.com"),
    ("שלום@example.com", "שלום@example.com"),
    ("שלום1@example.com", "שלום1@example.com"),
    ("علي@example.com", "علي@example.com"),
    ("علي.٣@example.com", "علي.٣@example.com"),
    // Domains in both spellings.
    ("jane@bücher.example", "jane@xn--bcher-kva.example"),
    ("jane@BÜCHER.example", "jane@xn--bcher-kva.example"),
    ("jane@bu\u{308}cher.example", "jane@xn--bcher-kva.example"),
    ("jane@XN--BCHER-KVA.example", "jane@xn--bcher-kva.example"),
    ("jane@straße.example", "jane@xn--strae-oqa.example"),
    ("jane@STRASSE.example", "jane@strasse.example"),
    ("jane@βόλος.example", "jane@xn--nxasmm1c.example"),
    ("jane@☕.example", "jane@xn--53h.example"),
    ("jane@例え.テスト", "jane@xn--r8jz45g.xn--zckzah"),
    ("jane@שלום.example", "jane@xn--9dbne9b.example"),
];

/// Rejected addresses, and the rule that each breaks.
#[rustfmt::skip]
const REFUSED: &[(&str, EmailError)] = &[
    ("", E::Empty),
    (" \t\u{3000}\r\n", E::Empty),
    ("jane", E::NoAt),
    ("@", E::LocalEmpty),
    ("@example.com", E::LocalEmpty),
    ("jane@", E::DomainEmpty),
    ("jane@@example.com", E::ManyAts),
    ("jane@doe@example.com", E::ManyAts),
    ("jane＠doe@example.com", E::ManyAts),
    // Controls and line breaks.
    ("jane\0@example.com", E::Control),
    ("jane@example.com\0", E::Control),
    ("jane@example.com\r\nBcc: all@example.com", E::Control),
    ("jane\t@example.com", E::Control),
    ("jane\u{7f}@example.com", E::Control),
    ("jane\u{85}x@example.com", E::Control),
    ("jane\u{2028}x@example.com", E::Control),
    // Invisible.
    ("jane\u{200b}@example.com", E::Invisible),
    ("\u{feff}jane@example.com", E::Invisible),
    ("ja\u{ad}ne@example.com", E::Invisible),
    ("jane\u{200d}@example.com", E::Invisible),
    ("jane@exa\u{200c}mple.com", E::Invisible),
    ("jane@example.com\u{2060}", E::Invisible),
    ("ja\u{34f}ne@example.com", E::Invisible),
    ("jane\u{3164}@example.com", E::Invisible),
    ("jane\u{ffa0}@example.com", E::Invisible),
    ("jane\u{115f}@example.com", E::Invisible),
    ("jane\u{e0041}@example.com", E::Invisible),
    ("jane\u{fff9}@example.com", E::Invisible),
    ("jane@❤\u{fe0f}.example", E::Invisible),
    // A label with a joiner: UTS #46 accepts it, its Unicode form is rejected.
    ("jane@xn--mgba3gch31f060k.example", E::Invisible),
    // Direction.
    ("jane\u{202e}@example.com", E::BidiControl),
    ("\u{200f}jane@example.com", E::BidiControl),
    ("jane@exam\u{2066}ple.com", E::BidiControl),
    ("\u{61c}jane@example.com", E::BidiControl),
    ("janeשלום@example.com", E::LocalDirection),
    ("שלוםjane@example.com", E::LocalDirection),
    ("1שלום@example.com", E::LocalDirection),
    ("שלום+@example.com", E::LocalDirection),
    ("علي1٣@example.com", E::LocalDirection),
    ("٣@example.com", E::LocalDirection),
    ("jane@aש.example", E::DomainCharacter),
    // Unassigned or private.
    ("jane\u{378}@example.com", E::Unassigned),
    ("jane\u{ffff}@example.com", E::Unassigned),
    ("jane\u{fdd0}@example.com", E::Unassigned),
    ("jane\u{e0080}@example.com", E::Unassigned),
    ("jane\u{e000}@example.com", E::PrivateUse),
    ("jane\u{10fffd}@example.com", E::PrivateUse),
    // One character that hides a separator.
    ("jane@example⒈com", E::Compound),
    ("jane…doe@example.com", E::Compound),
    ("㏂@example.com", E::Compound),
    // More than an addr-spec.
    ("Jane Doe <jane@example.com>", E::DisplayName),
    ("<jane@example.com>", E::DisplayName),
    ("jane＜x＞@example.com", E::DisplayName),
    ("jane(home)@example.com", E::Comment),
    ("jane@example.com (Jane)", E::Comment),
    ("\"jane doe\"@example.com", E::Quoted),
    ("\"jane@home\"@example.com", E::Quoted),
    ("jane@example.com, joe@example.com", E::Several),
    ("jane@example.com;joe@example.com", E::Several),
    ("jane doe@example.com", E::Space),
    ("jane\u{a0}doe@example.com", E::Space),
    ("jane @example.com", E::Space),
    ("jane@\u{2003}example.com", E::Space),
    ("jane\u{a8}@example.com", E::Space),
    // The local part.
    (".jane@example.com", E::LocalDots),
    ("jane.@example.com", E::LocalDots),
    ("jane..doe@example.com", E::LocalDots),
    ("mailto:jane@example.com", E::LocalCharacter),
    ("jane:doe@example.com", E::LocalCharacter),
    ("jane,doe@example.com", E::LocalCharacter),
    ("jane\\doe@example.com", E::LocalCharacter),
    ("jane[x]@example.com", E::LocalCharacter),
    ("☕@example.com", E::LocalCharacter),
    ("jane–doe@example.com", E::LocalCharacter),
    ("l·l@example.com", E::LocalCharacter),
    ("ـعلي@example.com", E::LocalCharacter),
    ("\u{1112}@example.com", E::LocalCharacter),
    ("a\u{20dd}@example.com", E::LocalCharacter),
    ("علي٣۳@example.com", E::LocalCharacter),
    ("\u{301}jane@example.com", E::LocalMark),
    ("jane.\u{301}doe@example.com", E::LocalMark),
    ("\u{20dd}a@example.com", E::LocalMark),
    // The domain.
    ("jane@[127.0.0.1]", E::AddressLiteral),
    ("jane@[IPv6:::1]", E::AddressLiteral),
    ("jane@127.0.0.1", E::DomainNumeric),
    ("jane@example.123", E::DomainNumeric),
    ("jane@localhost", E::DomainSingleLabel),
    ("jane@example.com.", E::DomainDots),
    ("jane@.example.com", E::DomainDots),
    ("jane@example..com", E::DomainDots),
    ("jane@.", E::DomainDots),
    ("jane@-example.com", E::DomainHyphen),
    ("jane@example-.com", E::DomainHyphen),
    ("jane@ab--cd.example", E::DomainHyphen),
    ("jane@exa_mple.com", E::DomainCharacter),
    ("jane@example.com:25", E::DomainCharacter),
    ("jane@exam/ple.com", E::DomainCharacter),
    ("jane@{1f3}.example", E::DomainCharacter),
    ("jane@%00.example", E::DomainCharacter),
    ("jane@xn--a.example", E::DomainCharacter),
    ("jane@xn--jane-.example", E::DomainCharacter),
    ("jane@\u{301}a.example", E::DomainCharacter),
];

fn canonical(text: &str) -> Result<String, EmailError> {
    CanonicalEmail::parse(text).map(|email| email.to_string())
}

#[test]
fn accepted_addresses_have_the_canonical_form_of_the_table() {
    for (text, form) in ACCEPTED {
        assert_eq!(canonical(text).as_deref(), Ok(*form), "{}", text.escape_unicode());
        assert_eq!(canonical(form).as_deref(), Ok(*form), "parsed again: {form}");
    }
}

#[test]
fn refused_addresses_break_the_rule_of_the_table() {
    for (text, error) in REFUSED {
        assert_eq!(canonical(text), Err(*error), "{}", text.escape_unicode());
        assert_eq!(Email::parse(text).map(|_| ()), Err(*error));
    }
}

#[test]
fn lengths_are_bounded_as_written_and_in_canonical_form() {
    let local = |n: usize| format!("{}@example.com", "a".repeat(n));
    assert!(canonical(&local(64)).is_ok());
    assert_eq!(canonical(&local(65)), Err(E::LocalTooLong));
    assert!(canonical(&format!("{}@example.com", "é".repeat(32))).is_ok());
    assert_eq!(canonical(&format!("{}@example.com", "é".repeat(33))), Err(E::LocalTooLong));
    assert_eq!(canonical(&format!("{}@example.com", "ẞ".repeat(22))), Err(E::LocalTooLong));

    let domain =
        |n: usize| format!("a@{}{}.com", "b.".repeat((n - 5) / 2), if n.is_multiple_of(2) { "cc" } else { "c" });
    assert_eq!(domain(252).len(), 254);
    assert!(canonical(&domain(252)).is_ok());
    assert_eq!(canonical(&domain(253)), Err(E::TooLong));
    assert!(canonical(&format!("a@{}.com", "b".repeat(63))).is_ok());
    assert_eq!(canonical(&format!("a@{}.com", "b".repeat(64))), Err(E::DomainTooLong));
    // Short as written, long in ASCII.
    let umlauts = format!("a@{}com", "ü.".repeat(40));
    assert!(umlauts.len() < 254);
    assert_eq!(canonical(&umlauts), Err(E::DomainTooLong));
    let nearly = format!("{}@{}com", "a".repeat(60), "ü.".repeat(27));
    assert!(nearly.len() < 254);
    assert_eq!(canonical(&nearly), Err(E::TooLong));
    // Padding does not count, and costs no more than trimming.
    assert!(canonical(&format!("{}a@b.co", " ".repeat(100_000))).is_ok());
    assert_eq!(canonical(&"a".repeat(1_000_000)), Err(E::TooLong));
}

#[test]
fn the_written_form_is_kept_trimmed() {
    let email = Email::parse("  Jane@Bücher.Example ").unwrap();
    assert_eq!(email.as_written(), "Jane@Bücher.Example");
    assert_eq!(email.canonical().as_str(), "jane@xn--bcher-kva.example");
    assert_eq!(email.canonical().local(), "jane");
}

/// The type ensures that the message can't quote the address: no variant has a field.
#[test]
fn every_error_says_what_an_address_must_be() {
    for (_, error) in REFUSED {
        assert!(error.to_string().starts_with("must "), "{error}");
    }
    assert_eq!(size_of::<EmailError>(), 1);
}

/// The ranges without case, width or decomposition, which would take most of the time: ideographs, Hangul and Tangut
/// syllables, unassigned planes, private use.
fn is_one_of_too_many(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{e000}'..='\u{f8ff}'
        | '\u{17000}'..='\u{18fff}' | '\u{20000}'..='\u{2f7ff}' | '\u{2fa20}'..='\u{dffff}' | '\u{e0200}'..)
}

/// All other characters: alone, between letters, in the domain.
#[test]
fn every_character_is_stable_or_refused() {
    for c in ('\0'..=char::MAX).filter(|c| !is_one_of_too_many(*c)) {
        for text in [format!("{c}@example.com"), format!("a{c}b@example.com"), format!("j@a{c}b.example")] {
            let Ok(form) = canonical(&text) else { continue };
            assert_eq!(canonical(&form).as_deref(), Ok(form.as_str()), "U+{:04X}", u32::from(c));
            let upper: String = text.chars().flat_map(char::to_uppercase).collect();
            // Upper case is the same address, if it is a valid address at all. Dotless ı alone is an exception: its
            // upper case is the I of other letters, and folding deliberately keeps ı and i apart.
            if text.starts_with(c) && c != 'ı' {
                let upper_form = canonical(&upper).unwrap_or_else(|_| form.clone());
                assert_eq!(upper_form, form, "U+{:04X}", u32::from(c));
            }
        }
    }
}

/// Texts that resemble addresses enough to pass the first rules.
fn address_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[a-zA-Z0-9.+_-]{1,6}",
        2 => prop::sample::select(vec!["@", ".", "＠", "。", "xn--", "xn--bcher-kva", "ß", "İ", "ς", "\u{345}",
            "\u{301}", "\u{308}", "ש", "٣", "\u{200d}", "ﬁ", "ü", "한", "\u{1112}", "{", "%"]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    let part = prop::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat());
    (part.clone(), part).prop_map(|(local, domain)| format!("{local}@{domain}.example"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_is_parsed_or_refused(text in any::<String>()) {
        let _ = Email::parse(&text);
    }

    #[test]
    fn a_canonical_form_is_sound_and_parses_to_itself(text in address_like()) {
        if let Ok(form) = canonical(&text) {
            prop_assert_eq!(canonical(&form), Ok(form.clone()));
            prop_assert!(form.len() <= EMAIL_BYTES_MAX);
            prop_assert_eq!(form.matches('@').count(), 1);
            prop_assert!(!form.contains(|c: char| c.is_control() || c.is_whitespace()));
            let (local, domain) = form.split_once('@').unwrap();
            prop_assert!((1..=EMAIL_LOCAL_BYTES_MAX).contains(&local.len()));
            prop_assert!(domain.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b)));
        }
    }

    #[test]
    fn ascii_case_makes_no_difference(text in address_like()) {
        prop_assert_eq!(canonical(&text.to_ascii_uppercase()), canonical(&text.to_ascii_lowercase()));
    }

    #[test]
    fn a_plain_address_is_itself_in_lower_case_and_in_full_width(text in "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,20}@[a-zA-Z][a-zA-Z0-9]{0,20}\\.[a-zA-Z]{2,10}") {
        prop_assert_eq!(canonical(&text), Ok(text.to_ascii_lowercase()));
        let wide: String =
            text.chars().map(|c| char::from_u32(u32::from(c) - 0x21 + 0xff01).unwrap()).collect();
        prop_assert_eq!(canonical(&wide), Ok(text.to_ascii_lowercase()));
    }
}
