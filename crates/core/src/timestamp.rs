//! Timestamps in UTC with millisecond precision, in RFC 3339 outside.

use std::fmt;

use time::OffsetDateTime;

/// The last timestamp of RFC 3339: the end of the year 9999.
const MILLIS_MAX: u64 = 253_402_300_799_999;

/// The bytes of a compact timestamp: six hold the milliseconds of 8,900 years.
pub const TIMESTAMP_BYTES: usize = 6;

/// Milliseconds since 1970-01-01T00:00:00Z, at most the end of the year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// `ms` milliseconds after the epoch, clamped to the year 9999.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(if ms < MILLIS_MAX { ms } else { MILLIS_MAX })
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        self.0
    }

    /// The milliseconds in six bytes, big-endian; enough for all that [`Timestamp::from_millis`] allows.
    #[must_use]
    pub fn to_bytes(self) -> [u8; TIMESTAMP_BYTES] {
        let [_, _, bytes @ ..] = self.0.to_be_bytes();
        bytes
    }

    /// The reverse of [`Timestamp::to_bytes`].
    #[must_use]
    pub fn from_bytes(bytes: [u8; TIMESTAMP_BYTES]) -> Self {
        let mut number = [0; 8];
        number[8 - TIMESTAMP_BYTES..].copy_from_slice(&bytes);
        Self::from_millis(u64::from_be_bytes(number))
    }

    /// `ms` milliseconds later.
    #[must_use]
    pub fn plus_millis(self, ms: u64) -> Self {
        Self::from_millis(self.0.saturating_add(ms))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 (section 5.6), always in UTC and with three decimals, so that text order is time order:
    /// `2026-11-22T14:31:02.007Z`. Every view of a user has two timestamps, and `time`'s own formatting takes several
    /// times as long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment =
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000).map_err(|_| fmt::Error)?;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let parts = [
            (0, 4, moment.year().unsigned_abs()),
            (5, 2, u32::from(u8::from(moment.month()))),
            (8, 2, u32::from(moment.day())),
            (11, 2, u32::from(moment.hour())),
            (14, 2, u32::from(moment.minute())),
            (17, 2, u32::from(moment.second())),
            (20, 3, u32::from(moment.millisecond())),
        ];
        for (start, digits, mut number) in parts {
            for place in (start..start + digits).rev() {
                text[place] = b'0' + u8::try_from(number % 10).unwrap_or_default();
                number /= 10;
            }
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_rfc_3339_with_three_decimals() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(1_795_357_862_007).to_string(), "2026-11-22T14:31:02.007Z");
        assert_eq!(Timestamp::from_millis(951_782_399_999).to_string(), "2000-02-28T23:59:59.999Z");
        assert_eq!(Timestamp::from_millis(951_868_799_010).to_string(), "2000-02-29T23:59:59.010Z");
        assert_eq!(Timestamp::from_millis(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn six_bytes_hold_every_moment() {
        for ms in [0, 1, 1_795_357_862_007, u64::MAX] {
            let moment = Timestamp::from_millis(ms);
            assert_eq!(Timestamp::from_bytes(moment.to_bytes()), moment);
        }
    }
}
