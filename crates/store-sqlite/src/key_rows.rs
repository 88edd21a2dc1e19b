//! Rows of `service_keys`, each with a checksum.
//!
//! A key that can't be parsed fails the reading of its whole kind. Skipping it would be worse: without its only API key
//! userd would be in protected mode, as before the first one.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::checksum::{checksum, values};
use super::errors::{DatabaseError, RowError};
use super::rows::read;
use super::sql::KEYS;
use userd_store::{KeyKind, StoredKey};

/// The columns that the checksum covers: all.
const COLUMNS: usize = 3;

/// The keys of every kind, for the consistency check.
const ALL_KEYS: &str = "SELECT kind, id, text, checksum FROM service_keys ORDER BY kind, id";

const KEY: &str = "SELECT kind, id, text, checksum FROM service_keys WHERE kind = ?1 AND id = ?2";

const WRITE: &str = "INSERT INTO service_keys (kind, id, text, checksum) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (kind, id) DO UPDATE SET text = excluded.text, checksum = excluded.checksum";

const REMOVE: &str = "DELETE FROM service_keys WHERE kind = ?1 AND id = ?2";

/// The keys of a kind, ordered by id.
pub(super) fn keys(connection: &Connection, kind: KeyKind) -> Result<Vec<StoredKey>, DatabaseError> {
    let mut statement = connection.prepare_cached(KEYS)?;
    let mut rows = statement.query([kind.as_str()])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(key_from_row(row)?);
    }
    Ok(keys)
}

/// The number of keys, and what is wrong with those that can't be parsed.
pub(super) fn check(connection: &Connection) -> Result<(u64, Vec<DatabaseError>), DatabaseError> {
    let mut statement = connection.prepare_cached(ALL_KEYS)?;
    let mut rows = statement.query([])?;
    let (mut met, mut wrong) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        met += 1;
        match key_from_row(row) {
            Ok(_) => {}
            Err(DatabaseError::Engine(error)) => return Err(error.into()),
            Err(failure) => wrong.push(failure),
        }
    }
    Ok((met, wrong))
}

/// Compare and set, inside a writing transaction.
pub(super) fn replace(
    connection: &Connection,
    kind: KeyKind,
    id: &str,
    expected: Option<&str>,
    next: Option<&str>,
) -> Result<bool, DatabaseError> {
    let stored_text = stored_text(connection, kind, id)?;
    if stored_text.as_deref() == next {
        return Ok(true);
    }
    if stored_text.as_deref() != expected {
        return Ok(false);
    }
    match next {
        Some(text) => {
            let sum = checksum([kind.as_str(), id, text].map(|value| ValueRef::Text(value.as_bytes())));
            connection.prepare_cached(WRITE)?.execute(params![kind.as_str(), id, text, sum])?;
        }
        None => _ = connection.prepare_cached(REMOVE)?.execute([kind.as_str(), id])?,
    }
    Ok(true)
}

fn stored_text(connection: &Connection, kind: KeyKind, id: &str) -> Result<Option<String>, DatabaseError> {
    let mut statement = connection.prepare_cached(KEY)?;
    let mut rows = statement.query([kind.as_str(), id])?;
    Ok(rows.next()?.map(key_from_row).transpose()?.map(|key| key.text))
}

fn key_from_row(row: &Row<'_>) -> Result<StoredKey, DatabaseError> {
    let values: [_; COLUMNS] = values(row, 0)?;
    let kept = row.get_ref(COLUMNS)?.as_i64();
    let parsed = key_from_values(values).and_then(|key| match kept {
        Ok(kept) if kept == checksum(values) => Ok(key),
        _ => Err(RowError::Checksum),
    });
    parsed.map_err(|source| DatabaseError::Row { key: record_key(values), source })
}

fn key_from_values([_, id, text]: [ValueRef<'_>; COLUMNS]) -> Result<StoredKey, RowError> {
    Ok(StoredKey { id: read("id", id.as_str())?.to_owned(), text: read("text", text.as_str())?.to_owned() })
}

fn record_key(values: [ValueRef<'_>; COLUMNS]) -> String {
    match (values[0].as_str(), values[1].as_str()) {
        (Ok(kind), Ok(id)) => format!("service_keys/{kind}/{id}"),
        _ => "service_keys".to_owned(),
    }
}
