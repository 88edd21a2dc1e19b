//! The consistency check of sessions and of the service's keys.
//!
//! Not of events: nothing is decided by them, and SQLite's check of the file covers their structure.

use rusqlite::{Connection, Row, params};

use super::errors::DatabaseError;
use super::key_rows::{ALL_KEYS, key_from_row};
use super::rows::{limit, query_all};
use super::session_rows::session_from_row;
use super::sql::session_columns;
use userd_core::{UserId, error_chain};
use userd_store::{CheckReport, Finding, FindingKind, FindingState};

/// The columns of a session, and whether its user exists.
const SESSIONS: &str = concat!(
    "SELECT ",
    session_columns!(),
    ", EXISTS (SELECT 1 FROM users WHERE users.id = sessions.user) FROM sessions \
     WHERE sessions.rowid > ?1 ORDER BY sessions.rowid LIMIT ?2"
);

/// The columns of the rowid and of the user's existence in [`SESSIONS`].
const ROWID: usize = 9;
const USER_EXISTS: usize = 10;

const REMOVE: &str = "DELETE FROM sessions WHERE rowid = ?1";

/// Checks the sessions after the rowid `after`; returns the rowid to continue from, if there may be more.
pub(super) fn sessions(
    connection: &Connection,
    after: i64,
    size: usize,
) -> Result<(CheckReport, Option<i64>), DatabaseError> {
    check_rows(connection, ("sessions", SESSIONS, ROWID), after, size, session)
}

/// Deletes the sessions that [`sessions`] has found in the same batch: none of them authenticates, and no user can
/// revoke them.
pub(super) fn repair(connection: &Connection, after: i64, size: usize) -> Result<(), DatabaseError> {
    let useless: Vec<i64> = query_all(connection, SESSIONS, params![after, limit(size)], |row| {
        let rowid = row.get(ROWID)?;
        Ok(session(row)?.map(|_| rowid))
    })?;
    for rowid in useless {
        connection.prepare_cached(REMOVE)?.execute([rowid])?;
    }
    Ok(())
}

/// What is wrong with a row of [`SESSIONS`]. A session that can't be parsed is rejected; once it is deleted, its user
/// signs in again.
fn session(row: &Row<'_>) -> Result<Option<Finding>, DatabaseError> {
    let user_exists: bool = row.get(USER_EXISTS)?;
    let user = row.get_ref(0)?.as_blob().ok().and_then(UserId::from_slice);
    let finding = found_in(session_from_row(row, 0), |session| {
        let place = user.map_or_else(String::new, |user| format!("sessions/{user}/{}", session.id));
        let orphaned = manual_finding(FindingKind::OrphanedSession, place, "its user does not exist".to_owned());
        (!user_exists).then_some(Finding { user, ..orphaned })
    })?;
    Ok(finding.map(|finding| Finding { state: FindingState::Repairable, ..finding }))
}

/// Checks up to `size` rows of `table` after the rowid `after`, which `sql` selects; returns the rowid to continue
/// from, if there may be more.
pub(super) fn check_rows(
    connection: &Connection,
    (table, sql, rowid): (&str, &str, usize),
    after: i64,
    size: usize,
    mut check: impl FnMut(&Row<'_>) -> Result<Option<Finding>, DatabaseError>,
) -> Result<(CheckReport, Option<i64>), DatabaseError> {
    let (mut report, mut last) = (CheckReport::default(), after);
    let walked = query_all(connection, sql, params![after, limit(size)], |row| {
        last = row.get(rowid)?;
        report.records_checked += 1;
        report.findings.extend(check(row)?);
        Ok(None::<()>)
    });
    if let Err(error) = walked {
        // Rows behind a damaged page can't be reached; the stage of the count shows how many users they are.
        report.findings.push(damaged_page(error, format!("{table} after rowid {last}"))?);
        return Ok((report, None));
    }
    let more = usize::try_from(report.records_checked).is_ok_and(|checked| checked >= size);
    Ok((report, more.then_some(last)))
}

/// Checks all keys. One that can't be parsed has no fix: an operator has to create another one.
pub(super) fn keys(connection: &Connection) -> Result<CheckReport, DatabaseError> {
    let mut report = CheckReport::default();
    let checked = query_all(connection, ALL_KEYS, [], |row| {
        report.records_checked += 1;
        found_in(key_from_row(row), |_| None)
    });
    match checked {
        Ok(findings) => Ok(CheckReport { findings, ..report }),
        Err(error) => {
            let findings = vec![damaged_page(error, "service_keys")?];
            Ok(CheckReport { findings, ..CheckReport::default() })
        }
    }
}

/// The finding for a record that can't be parsed, or else what `check` finds.
pub(super) fn found_in<T>(
    parsed: Result<T, DatabaseError>,
    check: impl FnOnce(T) -> Option<Finding>,
) -> Result<Option<Finding>, DatabaseError> {
    match parsed {
        Ok(record) => Ok(check(record)),
        Err(DatabaseError::Row { key, source }) => {
            Ok(Some(manual_finding(FindingKind::Unreadable, key, error_chain(&source))))
        }
        Err(error) => Err(error),
    }
}

/// The finding for a damaged page.
///
/// # Errors
/// Any other error.
fn damaged_page(error: DatabaseError, place: impl Into<String>) -> Result<Finding, DatabaseError> {
    match error {
        DatabaseError::Engine(error) if is_corruption(&error) => {
            Ok(manual_finding(FindingKind::Unreadable, place, error.to_string()))
        }
        other => Err(other),
    }
}

/// A finding without an unambiguous fix.
pub(super) fn manual_finding(kind: FindingKind, place: impl Into<String>, detail: String) -> Finding {
    Finding { kind, state: FindingState::Manual, user: None, place: place.into(), detail }
}

/// Whether SQLite found a damaged page.
pub(super) fn is_corruption(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}
