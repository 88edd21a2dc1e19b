//! The checksum of a row, which detects damage on the disk.
//!
//! Users, sessions and keys have one: a flipped bit there could admit an attacker, lock out a user or return wrong
//! data. Events have none, because nothing is decided by them.
//!
//! SQLite's pages have no checksum: a flipped bit in a name or a hash makes a valid row with another name or hash, and
//! `PRAGMA integrity_check` finds nothing (measured in `docs/decisions/0004`). It is no signature: a program that can
//! write the file can compute it.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, params_from_iter};
use sha2::{Digest, Sha256};

use super::errors::RowError;
use userd_core::{Timestamp, UserVersion};

/// The columns of a user that it covers: all.
pub(super) const COLUMNS: usize = 8;

/// The checksum of the values of a row, in the order in which they are read: the first eight bytes of SHA-256 over
/// each value's type, length and bytes. Defined for values of invalid rows, too.
pub(super) fn checksum<const N: usize>(values: [ValueRef<'_>; N]) -> i64 {
    let mut digest = Sha256::new();
    for value in values {
        let number;
        let (kind, bytes): (u8, &[u8]) = match value {
            ValueRef::Null => (0, &[]),
            ValueRef::Integer(integer) => {
                number = integer.to_be_bytes();
                (1, &number)
            }
            ValueRef::Real(real) => {
                number = real.to_be_bytes();
                (2, &number)
            }
            ValueRef::Text(text) => (3, text),
            ValueRef::Blob(blob) => (4, blob),
        };
        digest.update([kind]);
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&digest.finalize()[..8]);
    i64::from_be_bytes(first)
}

/// The `N` values of `row` from the column `first` on.
pub(super) fn values<'r, const N: usize>(row: &'r Row<'_>, first: usize) -> rusqlite::Result<[ValueRef<'r>; N]> {
    let mut values = [ValueRef::Null; N];
    for (place, value) in values.iter_mut().enumerate() {
        *value = row.get_ref(first + place)?;
    }
    Ok(values)
}

/// Parses the columns from `first` on by `parse`, and compares them with the checksum in the column behind them.
pub(super) fn verified<T, const N: usize>(
    row: &Row<'_>,
    first: usize,
    parse: impl FnOnce([ValueRef<'_>; N]) -> Result<T, RowError>,
) -> rusqlite::Result<Result<T, RowError>> {
    let (values, kept) = (values(row, first)?, row.get_ref(first + N)?);
    Ok(parse(values).and_then(|parsed| match kept.as_i64() {
        Ok(kept) if kept == checksum(values) => Ok(parsed),
        _ => Err(RowError::Checksum),
    }))
}

/// Runs a statement with `values`, the columns of a row, and their checksum as parameters; returns how many rows it
/// changed.
pub(super) fn write_row<const N: usize>(
    connection: &Connection,
    sql: &str,
    values: [ValueRef<'_>; N],
) -> rusqlite::Result<usize> {
    let all = values.into_iter().chain([ValueRef::Integer(checksum(values))]);
    connection.prepare_cached(sql)?.execute(params_from_iter(all.map(ToSqlOutput::Borrowed)))
}

/// A time as the column's integer: at most the year 9999, so it always fits.
pub(super) fn millis(moment: Timestamp) -> i64 {
    i64::try_from(moment.as_millis()).unwrap_or(i64::MAX)
}

/// A version as the column's integer. A number beyond `i64`, the limit of SQLite's integers, becomes one that no row
/// has.
pub(super) fn version(version: UserVersion) -> i64 {
    i64::try_from(version.number()).unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> [ValueRef<'static>; COLUMNS] {
        [
            ValueRef::Blob(&[7; 16]),
            ValueRef::Text(b"Ann"),
            ValueRef::Text(b"Ann@x.org"),
            ValueRef::Text(b"ann@x.org"),
            ValueRef::Text(b"$argon2id$"),
            ValueRef::Integer(1),
            ValueRef::Integer(2),
            ValueRef::Integer(3),
        ]
    }

    /// Existing files have these checksums: another way to compute them is another schema version.
    #[test]
    fn it_never_changes() {
        assert_eq!(checksum(row()), -4_577_408_756_545_749_029);
    }

    #[test]
    fn every_column_its_kind_and_its_borders_count() {
        let mut different = vec![checksum(row())];
        for column in 0..COLUMNS {
            let mut changed = row();
            changed[column] = ValueRef::Text(b"another");
            different.push(checksum(changed));
            changed[column] = ValueRef::Blob(b"another");
            different.push(checksum(changed));
        }
        let mut moved = row();
        (moved[1], moved[2]) = (ValueRef::Text(b"AnnA"), ValueRef::Text(b"nn@x.org"));
        different.push(checksum(moved));
        let all = different.len();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), all);
    }
}
