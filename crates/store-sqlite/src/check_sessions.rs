//! The doctor on what hangs on users: sessions and the service's keys.
//!
//! Not events: nothing is decided by them, and the file's own check looks at their structure.

use rusqlite::{Connection, params};

use super::errors::DatabaseError;
use super::findings::{is_corruption, manual_finding};
use super::key_rows;
use super::session_rows::session_from_row;
use super::sql::session_columns;
use userd_core::{UserId, error_chain};
use userd_store::{CheckReport, Finding, FindingKind, FindingState};

/// The columns of a session, and whether its user is there.
const SESSIONS: &str = concat!(
    "SELECT ",
    session_columns!(),
    ", EXISTS (SELECT 1 FROM users WHERE users.id = sessions.user) FROM sessions \
     WHERE sessions.rowid > ?1 ORDER BY sessions.rowid LIMIT ?2"
);

/// Where [`SESSIONS`] has the rowid and the answer about the user.
const ROWID: usize = 9;
const USER_THERE: usize = 10;

const REMOVE: &str = "DELETE FROM sessions WHERE rowid = ?1";

/// Looks at sessions after the rowid `after`; with the rowid to go on from, if there may be more.
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
        // What lies behind a damaged page can't be reached by walking on.
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

/// Removes what [`sessions`] has found in the same portion: it lets nobody in, and nobody can end it.
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
        let (rowid, there): (i64, bool) = (row.get(ROWID)?, row.get(USER_THERE)?);
        let finding = match session_from_row(row, 0) {
            Ok(_) if there => None,
            Ok(session) => {
                let user = row.get_ref(0)?.as_blob().ok().and_then(UserId::from_slice);
                let place = user.map_or_else(String::new, |user| format!("sessions/{user}/{}", session.id));
                Some(Finding {
                    user,
                    ..repairable_finding(FindingKind::OrphanedSession, place, "its user is not there".to_owned())
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

/// A session that can't be read is refused to everybody; without it, its user signs in again.
fn repairable_finding(kind: FindingKind, place: String, detail: String) -> Finding {
    Finding { state: FindingState::Repairable, ..manual_finding(kind, place, detail) }
}

/// Looks at all keys. One that can't be read needs a person, who makes another one: what it said is not known.
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
