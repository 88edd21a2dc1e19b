//! Timestamps in import files: RFC 3339, and what legacy databases have.
//!
//! `time` parses RFC 3339. It accepts any byte between date and time; this module accepts three.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use userd_core::Timestamp;

/// The byte between date and time: its position in RFC 3339, and the values that this module accepts.
const SEPARATOR: (usize, [u8; 3]) = (10, *b"Tt ");

/// Parses RFC 3339 (section 5.6) with `T`, `t` or a space, any number of decimals, `Z`, `z` or an offset. Truncates to
/// milliseconds. A leap second is valid only where one can be, at the end of a month in UTC, and is the millisecond
/// before. `None` if it is invalid, or before 1970.
pub(super) fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    text.as_bytes().get(SEPARATOR.0).filter(|byte| SEPARATOR.1.contains(byte))?;
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).ok().map(Timestamp::from_millis)
}

/// Also parses a number since the epoch: seconds, with or without decimals, or milliseconds. The size decides: a number
/// that would be after the year 5138 in seconds is milliseconds.
pub(super) fn parse_lenient(text: &str) -> Option<Timestamp> {
    const MILLIS_FROM: f64 = 1e11;
    let text = text.trim();
    let Ok(number) = text.parse::<f64>() else { return parse_rfc3339(text) };
    let millis = if number < MILLIS_FROM { number * 1000.0 } else { number };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked on the next line")]
    (0.0..253_402_300_800_000.0).contains(&millis).then(|| Timestamp::from_millis(millis.round() as u64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn timestamps_are_read_in_every_spelling_of_rfc_3339() {
        let expected = Some(Timestamp::from_millis(1_795_357_862_007));
        for text in [
            "2026-11-22T14:31:02.007Z",
            "2026-11-22t14:31:02.0070001z",
            "2026-11-22 15:31:02.007+01:00",
            "2026-11-22T09:01:02.007-05:30",
        ] {
            assert_eq!(parse_rfc3339(text), expected, "{text}");
        }
        assert_eq!(parse_rfc3339("2016-12-31T23:59:60Z"), Some(Timestamp::from_millis(1_483_228_799_999)));
        for text in [
            "",
            "2026-11-22",
            "2026-02-30T00:00:00Z",
            "2026-11-22T14:31:02",
            "1969-12-31T23:59:59Z",
            "2026-11-22T14:31:02.Z",
            "2026-11-22x14:31:02Z",
            "2026-11-22T14:31:60Z",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_is_seconds_or_milliseconds_by_its_size() {
        for (text, millis) in [
            ("1795357862", 1_795_357_862_000),
            ("1795357862.007", 1_795_357_862_007),
            ("1795357862007", 1_795_357_862_007),
        ] {
            assert_eq!(parse_lenient(text), Some(Timestamp::from_millis(millis)), "{text}");
        }
        for text in ["-1", "NaN", "inf", "yesterday", "1e30"] {
            assert_eq!(parse_lenient(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn our_own_spelling_is_read_back(ms in 0..253_402_300_799_999_u64) {
            let at = Timestamp::from_millis(ms);
            prop_assert_eq!(parse_rfc3339(&at.to_string()), Some(at));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), like in "[0-9TZ:.+ -]{0,32}") {
            let _ = (parse_lenient(&text), parse_lenient(&like));
        }
    }
}
