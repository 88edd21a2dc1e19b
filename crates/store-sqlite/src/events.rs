//! Account events: one row each, in the transaction of the change that it records.
//!
//! No checksum: nothing is decided by an event.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::checksum::{millis, values};
use super::errors::{DatabaseError, RowError};
use super::rows::{address_from, number, read};
use super::sql::{EVENTS_AFTER, EVENTS_BEFORE};
use userd_core::{AccountEvent, Actor, EventKind, PrincipalId, Timestamp, UserAgent, UserId, address_to_bytes};
use userd_store::{EventPosition, SortOrder};

/// Limit of the old events deleted with a new one. One would do; with more, a lowered retention limit takes effect
/// gradually, and no change waits for all of it.
const PRUNED_MAX: i64 = 8;

const INSERT: &str = "INSERT INTO events (user, kind, at, address, caller) VALUES (?1, ?2, ?3, ?4, ?5)";

/// Failed sign-ins with unknown e-mails share one row, each replacing the one before: so attackers can't displace the
/// events of users.
const REPLACE_UNKNOWN_EMAIL: &str =
    "INSERT OR REPLACE INTO events (number, user, kind, at, address, caller) VALUES (-1, ?1, ?2, ?3, ?4, ?5)";

/// Numbers grow by one, so the oldest events are found by their distance, without counting.
const PRUNE: &str = "DELETE FROM events WHERE number IN \
     (SELECT number FROM events WHERE number BETWEEN 0 AND ?1 ORDER BY number LIMIT ?2)";

/// Records events: the actor, the time, and how many events are retained.
#[derive(Debug, Clone)]
pub(super) struct EventWriter {
    pub(super) actor: Actor,
    pub(super) now: Timestamp,
    pub(super) retention_max: u64,
}

impl EventWriter {
    /// Records `kind` for `user`, and deletes events beyond the retention limit.
    pub(super) fn write(&self, connection: &Connection, user: UserId, kind: EventKind) -> Result<(), DatabaseError> {
        self.insert(connection, INSERT, user.as_bytes(), kind)?;
        let kept = i64::try_from(self.retention_max.max(1)).unwrap_or(i64::MAX);
        let too_old = connection.last_insert_rowid().saturating_sub(kept);
        connection.prepare_cached(PRUNE)?.execute([too_old, PRUNED_MAX])?;
        Ok(())
    }

    /// Does the same work as [`Self::write`] for an unknown e-mail, in a single row however often.
    pub(super) fn write_for_unknown_email(
        &self,
        connection: &Connection,
        kind: EventKind,
    ) -> Result<(), DatabaseError> {
        self.insert(connection, REPLACE_UNKNOWN_EMAIL, &[0; 16], kind)?;
        connection.prepare_cached(PRUNE)?.execute([-1, PRUNED_MAX])?;
        Ok(())
    }

    fn insert(
        &self,
        connection: &Connection,
        sql: &str,
        user: &[u8; 16],
        kind: EventKind,
    ) -> Result<(), DatabaseError> {
        connection.prepare_cached(sql)?.execute(params![
            &user[..],
            kind.as_str(),
            millis(self.now),
            address_to_bytes(self.actor.address),
            self.actor.principal.to_string(),
        ])?;
        Ok(())
    }
}

/// The next `most` events of `user`. A position is a number and 0. A kind that a newer userd wrote is skipped.
pub(super) fn page(
    connection: &Connection,
    user: UserId,
    after: Option<EventPosition>,
    order: SortOrder,
    most: usize,
) -> Result<Vec<(EventPosition, AccountEvent)>, DatabaseError> {
    let (sql, start) = match order {
        SortOrder::Ascending => (EVENTS_AFTER, -1),
        SortOrder::Descending => (EVENTS_BEFORE, i64::MAX),
    };
    let after = after.map_or(start, |EventPosition(number, _)| i64::try_from(number).unwrap_or(i64::MAX));
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![&user.as_bytes()[..], after])?;
    let mut found = Vec::new();
    while found.len() < most
        && let Some(row) = rows.next()?
    {
        let number: i64 = row.get(0)?;
        found.extend(event(row, user)?.map(|event| (EventPosition(number.unsigned_abs(), 0), event)));
    }
    Ok(found)
}

fn event(row: &Row<'_>, user: UserId) -> Result<Option<AccountEvent>, DatabaseError> {
    match parse(user, values(row, 1)?) {
        Ok(event) => Ok(event),
        Err(source) => Err(DatabaseError::Row { key: format!("events/{}", row.get::<_, i64>(0)?), source }),
    }
}

fn parse(user: UserId, [kind, at, address, principal]: [ValueRef<'_>; 4]) -> Result<Option<AccountEvent>, RowError> {
    let Some(kind) = EventKind::parse(read("kind", kind.as_str())?) else { return Ok(None) };
    let actor = Actor {
        address: address_from(address)?,
        agent: UserAgent::default(),
        principal: PrincipalId::from_stored(read("caller", principal.as_str())?).ok_or(RowError::Other("caller"))?,
    };
    Ok(Some(AccountEvent { user, kind, at: Timestamp::from_millis(number("at", at, 0)?), actor }))
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::super::connection::configure_reader;
    use super::super::sql::{EMAILS, EMAILS_DOWN, IDS, IDS_DOWN, ROW, SESSION, SESSION_WITH_USER, SESSIONS};
    use super::super::tables::{CREATE_DEPENDENTS, CREATE_USERS};
    use super::*;

    fn tables() -> Connection {
        let memory = Connection::open_in_memory().expect("a database in memory");
        memory.execute_batch(CREATE_USERS).and_then(|()| memory.execute_batch(CREATE_DEPENDENTS)).expect("tables");
        memory
    }

    fn user(number: u8) -> UserId {
        UserId::from_slice(&[number; 16]).expect("sixteen bytes")
    }

    fn event_writer(kept: u64, now: u64) -> EventWriter {
        EventWriter { actor: Actor::default(), now: Timestamp::from_millis(now), retention_max: kept }
    }

    /// The last events, the newest first.
    fn events(connection: &Connection, user: UserId, most: usize) -> Result<Vec<AccountEvent>, DatabaseError> {
        let found = page(connection, user, None, SortOrder::Descending, most)?;
        Ok(found.into_iter().map(|(_, event)| event).collect())
    }

    fn rows(connection: &Connection) -> u64 {
        let rows: i64 = connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).expect("a number");
        rows.unsigned_abs()
    }

    #[test]
    fn the_oldest_events_are_deleted_beyond_the_retention_limit() {
        let connection = tables();
        for now in 0..50 {
            event_writer(10, now)
                .write(&connection, user(u8::from(now % 2 == 0)), EventKind::SignedIn)
                .expect("written");
            assert_eq!(rows(&connection), (now + 1).min(10));
        }
        for number in 0..2 {
            let kept = events(&connection, user(number), 100).expect("read");
            let at: Vec<_> = kept.iter().rev().map(|event| event.at.as_millis()).collect();
            let expected: Vec<_> = (40..50).filter(|now| now % 2 == u64::from(number == 0)).collect();
            assert_eq!(at, expected);
        }
    }

    #[test]
    fn a_lowered_retention_limit_takes_effect_gradually() {
        let connection = tables();
        for now in 0..50 {
            event_writer(100, now).write(&connection, user(1), EventKind::SignedIn).expect("written");
        }
        event_writer(5, 50).write(&connection, user(1), EventKind::SignedIn).expect("written");
        assert_eq!(rows(&connection), 43, "some at a time");
        for now in 51..60 {
            event_writer(5, now).write(&connection, user(1), EventKind::SignedIn).expect("written");
        }
        assert_eq!(rows(&connection), 5);
    }

    #[test]
    fn failed_sign_ins_with_unknown_emails_share_one_row() {
        let connection = tables();
        for now in 0..200 {
            event_writer(10, now).write_for_unknown_email(&connection, EventKind::SignInFailed).expect("written");
            if now % 20 == 0 {
                event_writer(10, now).write(&connection, user(1), EventKind::SignInFailed).expect("written");
            }
        }
        assert_eq!(rows(&connection), 11);
        assert_eq!(events(&connection, user(1), 100).expect("read").len(), 10);
    }

    #[test]
    fn a_kind_of_a_newer_userd_is_skipped_and_damage_is_named() {
        let connection = tables();
        for now in 0..3 {
            event_writer(10, now).write(&connection, user(1), EventKind::SignedIn).expect("written");
        }
        connection.execute("UPDATE events SET kind = 'made-up' WHERE number = 2", []).expect("changed");
        assert_eq!(events(&connection, user(1), 100).expect("read").len(), 2);
        connection.execute("UPDATE events SET caller = 'made-up' WHERE number = 3", []).expect("changed");
        match events(&connection, user(1), 100) {
            Err(DatabaseError::Row { key, source: RowError::Other("caller") }) => assert_eq!(key, "events/3"),
            other => panic!("{other:?}"),
        }
    }

    const STATEMENTS: [&str; 12] = [
        INSERT,
        PRUNE,
        EVENTS_AFTER,
        EVENTS_BEFORE,
        SESSION,
        SESSIONS,
        SESSION_WITH_USER,
        IDS,
        IDS_DOWN,
        EMAILS,
        EMAILS_DOWN,
        ROW,
    ];

    #[test]
    fn no_statement_scans_a_table() {
        let connection = tables();
        for sql in &STATEMENTS[1..] {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
            let (mut steps, mut rows) = (Vec::<String>::new(), plan.raw_query());
            while let Some(row) = rows.next().expect("a plan") {
                steps.push(row.get(3).expect("a text"));
            }
            assert!(steps.iter().any(|step| step.starts_with("SEARCH")), "{sql}: {steps:?}");
            assert!(steps.iter().all(|step| !step.starts_with("SCAN")), "{sql}: {steps:?}");
        }
    }

    #[test]
    fn no_statement_is_prepared_twice() {
        let connection = tables();
        configure_reader(&connection).expect("configured");
        for sql in STATEMENTS {
            for number in 1..4 {
                let mut statement = connection.prepare_cached(sql).expect("a statement");
                for parameter in 1..=statement.parameter_count() {
                    statement.raw_bind_parameter(parameter, number).expect("a parameter");
                }
                // Rows with such values are rejected, after the statement was prepared.
                let _ = statement.raw_query().next();
                assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{sql}");
                assert_eq!(statement.get_status(StatementStatus::Run), number, "{sql}");
            }
        }
    }
}
