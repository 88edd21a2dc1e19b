//! The consistency check of sessions and of the service's keys.
//!
//! Not of events: nothing is decided by them, and SQLite's check of the file covers their structure.

use rusqlite::{Connection, params};

use super::errors::DatabaseError;
use super::key_rows;
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
    let mut report = CheckReport::default();
    let (mut met, mut last) = (0, after);
    let walked = walk(connection, after, size, |rowid, finding| {
        (met, last) = (met + 1, rowid);
        report.findings.extend(finding);
    });
    report.records_checked = met;
    match walked {
        Ok(()) => {}
        // Rows behind a damaged page can't be reached.
        Err(DatabaseError::Engine(error)) if is_corruption(&error) => {
            let place = format!("sessions after rowid {last}");
            report.findings.push(manual_finding(FindingKind::Unreadable, place, error.to_string()));
            return Ok((report, None));
        }
        Err(error) => return Err(error),
    }
    let on = usize::try_from(met).is_ok_and(|met| met >= size).then_some(last);
    Ok((report, on))
}

/// Deletes the sessions that [`sessions`] has found in the same batch: none of them authenticates, and no user can
/// revoke them.
pub(super) fn repair(connection: &Connection, after: i64, size: usize) -> Result<(), DatabaseError> {
    let mut useless = Vec::new();
    walk(connection, after, size, |rowid, finding| useless.extend(finding.map(|_| rowid)))?;
    for rowid in useless {
        connection.prepare_cached(REMOVE)?.execute([rowid])?;
    }
    Ok(())
}

fn walk(
    connection: &Connection,
    after: i64,
    size: usize,
    mut meet: impl FnMut(i64, Option<Finding>),
) -> Result<(), DatabaseError> {
    let mut statement = connection.prepare_cached(SESSIONS)?;
    let mut rows = statement.query(params![after, i64::try_from(size).unwrap_or(i64::MAX)])?;
    while let Some(row) = rows.next()? {
        let (rowid, user_exists): (i64, bool) = (row.get(ROWID)?, row.get(USER_EXISTS)?);
        let finding = match session_from_row(row, 0) {
            Ok(_) if user_exists => None,
            Ok(session) => {
                let user = row.get_ref(0)?.as_blob().ok().and_then(UserId::from_slice);
                let place = user.map_or_else(String::new, |user| format!("sessions/{user}/{}", session.id));
                Some(Finding {
                    user,
                    ..repairable_finding(FindingKind::OrphanedSession, place, "its user does not exist".to_owned())
                })
            }
            Err(DatabaseError::Row { key, source }) => {
                Some(repairable_finding(FindingKind::Unreadable, key, error_chain(&source)))
            }
            Err(other) => return Err(other),
        };
        meet(rowid, finding);
    }
    Ok(())
}

/// A session that can't be parsed is rejected; once it is deleted, its user signs in again.
fn repairable_finding(kind: FindingKind, place: String, detail: String) -> Finding {
    Finding { state: FindingState::Repairable, ..manual_finding(kind, place, detail) }
}

/// Checks all keys. One that can't be parsed has no fix: an operator has to create another one.
pub(super) fn keys(connection: &Connection) -> Result<CheckReport, DatabaseError> {
    match key_rows::check(connection) {
        Ok((records_checked, wrong)) => {
            let findings = wrong.into_iter().filter_map(|failure| match failure {
                DatabaseError::Row { key, source } => {
                    Some(manual_finding(FindingKind::Unreadable, key, error_chain(&source)))
                }
                _ => None,
            });
            Ok(CheckReport { records_checked, findings: findings.collect(), ..CheckReport::default() })
        }
        Err(DatabaseError::Engine(error)) if is_corruption(&error) => {
            let finding = manual_finding(FindingKind::Unreadable, "service_keys", error.to_string());
            Ok(CheckReport { findings: vec![finding], ..CheckReport::default() })
        }
        Err(error) => Err(error),
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
