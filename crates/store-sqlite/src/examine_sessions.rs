//! The doctor on what hangs on users: sessions and the service's keys.
//!
//! Not events: nothing is decided by them, and the file's own check looks at their structure.

use rusqlite::{Connection, params};

use super::errors::Failure;
use super::examine::{chain, is_damage, person};
use super::keys;
use super::session_rows::{session_columns, session_from_row};
use userd_core::UserId;
use userd_store::{Examined, Finding, FindingKind, FindingState};

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
pub(super) fn sessions(connection: &Connection, after: i64, size: usize) -> Result<(Examined, Option<i64>), Failure> {
    let mut examined = Examined::default();
    let (mut met, mut last) = (0, after);
    let walked = walk(connection, after, size, |rowid, finding| {
        (met, last) = (met + 1, rowid);
        examined.findings.extend(finding);
    });
    examined.looked_at = met;
    match walked {
        Ok(()) => {}
        // What lies behind a damaged page can't be reached by walking on.
        Err(Failure::Engine(error)) if is_damage(&error) => {
            let place = format!("sessions after rowid {last}");
            examined.findings.push(person(FindingKind::Unreadable, place, error.to_string()));
            return Ok((examined, None));
        }
        Err(error) => return Err(error),
    }
    let on = usize::try_from(met).is_ok_and(|met| met >= size).then_some(last);
    Ok((examined, on))
}

/// Removes what [`sessions`] has found in the same portion: it lets nobody in, and nobody can end it.
pub(super) fn mend(connection: &Connection, after: i64, size: usize) -> Result<(), Failure> {
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
) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached(SESSIONS)?;
    let mut rows = statement.query(params![after, i64::try_from(size).unwrap_or(i64::MAX)])?;
    while let Some(row) = rows.next()? {
        let (rowid, there): (i64, bool) = (row.get(ROWID)?, row.get(USER_THERE)?);
        let finding = match session_from_row(row, 0) {
            Ok(_) if there => None,
            Ok(session) => {
                let user = row.get_ref(0)?.as_blob().ok().and_then(UserId::from_slice);
                let place = user.map_or_else(String::new, |user| format!("sessions/{user}/{}", session.id));
                Some(Finding { user, ..mendable(FindingKind::SessionStray, place, "its user is not there".to_owned()) })
            }
            Err(Failure::Row { key, source }) => Some(mendable(FindingKind::Unreadable, key, chain(&source))),
            Err(other) => return Err(other),
        };
        meet(rowid, finding);
    }
    Ok(())
}

/// A session that can't be read is refused to everybody; without it, its user signs in again.
fn mendable(kind: FindingKind, place: String, detail: String) -> Finding {
    Finding { state: FindingState::Mendable, ..person(kind, place, detail) }
}

/// Looks at all keys. One that can't be read needs a person, who makes another one: what it said is not known.
pub(super) fn keys(connection: &Connection) -> Result<Examined, Failure> {
    match keys::examine(connection) {
        Ok((looked_at, wrong)) => {
            let findings = wrong.into_iter().filter_map(|failure| match failure {
                Failure::Row { key, source } => Some(person(FindingKind::Unreadable, key, chain(&source))),
                _ => None,
            });
            Ok(Examined { looked_at, findings: findings.collect(), ..Examined::default() })
        }
        Err(Failure::Engine(error)) if is_damage(&error) => {
            let finding = person(FindingKind::Unreadable, "service_keys", error.to_string());
            Ok(Examined { findings: vec![finding], ..Examined::default() })
        }
        Err(error) => Err(error),
    }
}
