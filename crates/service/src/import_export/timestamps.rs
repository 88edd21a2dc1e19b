//! Moments as files from elsewhere write them.

use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};

use userd_core::Timestamp;

/// The moment in an RFC 3339 text (section 5.6): with `T`, `t` or a space, any number of decimals, `Z` or an offset.
/// More than milliseconds is cut. `None` if it is none, or before 1970.
pub(super) fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let number = |from: usize, digits: usize| -> Option<u32> {
        let part = bytes.get(from..from + digits).filter(|part| part.iter().all(u8::is_ascii_digit))?;
        std::str::from_utf8(part).ok()?.parse().ok()
    };
    let is = |place: usize, any: &[u8]| bytes.get(place).is_some_and(|byte| any.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let month = Month::try_from(u8::try_from(number(5, 2)?).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(number(0, 4)?).ok()?, month, u8::try_from(number(8, 2)?).ok()?);
    let [hour, minute, second] = [number(11, 2)?, number(14, 2)?, number(17, 2)?].map(|part| part.to_le_bytes()[0]);
    // A leap second is the last moment of its minute.
    let (second, leap) = if second == 60 { (59, true) } else { (second, false) };
    let mut at = 19;
    let mut millis = 0;
    if is(at, b".") {
        let decimals = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let padded: String = text.get(at + 1..at + 1 + decimals)?.chars().chain("000".chars()).take(3).collect();
        millis = padded.parse().ok().filter(|_| decimals > 0)?;
        at += 1 + decimals;
    }
    let offset = match text.get(at..)? {
        "Z" | "z" => UtcOffset::UTC,
        _ if is(at, b"+-") && is(at + 3, b":") && bytes.len() == at + 6 => {
            let sign = if is(at, b"-") { -1 } else { 1 };
            let [hours, minutes] =
                [number(at + 1, 2)?, number(at + 4, 2)?].map(|part| part.to_le_bytes()[0].cast_signed());
            UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()?
        }
        _ => return None,
    };
    let time = Time::from_hms_milli(hour, minute, second, if leap { 999 } else { millis }).ok()?;
    let moment = PrimitiveDateTime::new(date.ok()?, time).assume_offset(offset);
    u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok().map(Timestamp::from_millis)
}

/// The same, or a number since the epoch: seconds, with decimals or without, or milliseconds, which are told by their
/// size: what would be later than the year 5138 in seconds is milliseconds.
pub(super) fn parse_lenient(text: &str) -> Option<Timestamp> {
    const MILLIS_FROM: f64 = 1e11;
    let text = text.trim();
    let number: f64 = match text.parse() {
        Ok(number) => number,
        Err(_) => return parse_rfc3339(text),
    };
    let millis = if number < MILLIS_FROM { number * 1000.0 } else { number };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is within these bounds")]
    (0.0..253_402_300_800_000.0).contains(&millis).then(|| Timestamp::from_millis(millis.round() as u64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_read_in_every_spelling_of_rfc_3339() {
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
