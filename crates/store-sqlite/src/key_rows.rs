//! Rows of `service_keys`, each with a checksum.
//!
//! A key that can't be parsed fails the reading of its whole kind. Skipping it would be worse: without its only API key
//! userd would be in protected mode, as before the first one.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::checksum::{verified, write_row};
use super::errors::{DatabaseError, RowError};
use super::rows::{query_all, read};
use super::sql::KEYS;
use userd_store::{KeyKind, StoredKey};

/// The keys of every kind, for the consistency check.
pub(super) const ALL_KEYS: &str = "SELECT kind, id, text, checksum FROM service_keys ORDER BY kind, id";

const KEY: &str = "SELECT kind, id, text, checksum FROM service_keys WHERE kind = ?1 AND id = ?2";

const WRITE: &str = "INSERT INTO service_keys (kind, id, text, checksum) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (kind, id) DO UPDATE SET text = excluded.text, checksum = excluded.checksum";

const REMOVE: &str = "DELETE FROM service_keys WHERE kind = ?1 AND id = ?2";

/// The keys of a kind, ordered by id.
pub(super) fn keys(connection: &Connection, kind: KeyKind) -> Result<Vec<StoredKey>, DatabaseError> {
    query_all(connection, KEYS, [kind.as_str()], |row| key_from_row(row).map(Some))
}

/// Compare and set, to run inside a writing transaction.
pub(super) fn replacement(
    kind: KeyKind,
    id: &str,
    expected: Option<&str>,
    next: Option<&str>,
) -> impl FnOnce(&Connection) -> Result<bool, DatabaseError> + Send + use<> {
    let [expected, next] = [expected, next].map(|text| text.map(str::to_owned));
    let id = id.to_owned();
    move |connection| {
        let stored_text = stored_text(connection, kind, &id)?;
        if stored_text == next {
            return Ok(true);
        }
        if stored_text != expected {
            return Ok(false);
        }
        match next {
            Some(text) => {
                let columns = [kind.as_str(), &id, &text].map(|value| ValueRef::Text(value.as_bytes()));
                write_row(connection, WRITE, columns)?;
            }
            None => _ = connection.prepare_cached(REMOVE)?.execute([kind.as_str(), &id])?,
        }
        Ok(true)
    }
}

fn stored_text(connection: &Connection, kind: KeyKind, id: &str) -> Result<Option<String>, DatabaseError> {
    let mut statement = connection.prepare_cached(KEY)?;
    let mut rows = statement.query([kind.as_str(), id])?;
    Ok(rows.next()?.map(key_from_row).transpose()?.map(|key| key.text))
}

/// The key in `row`.
///
/// # Errors
/// [`DatabaseError::Row`] with the row's key if it is invalid.
pub(super) fn key_from_row(row: &Row<'_>) -> Result<StoredKey, DatabaseError> {
    verified(row, 0, key_from_values)?.map_err(|source| DatabaseError::Row { key: record_key(row), source })
}

fn key_from_values([_, id, text]: [ValueRef<'_>; 3]) -> Result<StoredKey, RowError> {
    Ok(StoredKey { id: read("id", id.as_str())?.to_owned(), text: read("text", text.as_str())?.to_owned() })
}

fn record_key(row: &Row<'_>) -> String {
    match (row.get::<_, String>(0), row.get::<_, String>(1)) {
        (Ok(kind), Ok(id)) => format!("service_keys/{kind}/{id}"),
        _ => "service_keys".to_owned(),
    }
}
