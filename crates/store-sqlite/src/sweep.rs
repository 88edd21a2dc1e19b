//! Sweeping: deleting sessions whose time is over, and full rate limit buckets, although their users never return.
//!
//! In batches: the rows are read on a reading connection, and those that have ended are deleted by the writer as one
//! change among others. So a request waits for one batch at most, and a crash between two batches leaves nothing half
//! done: the next sweep finds the rest. SQLite reuses the pages that become free; the file does not shrink.
//!
//! It does not delete sessions that can't be read: they authenticate no user, and the consistency check reports them.
//!
//! To sweep one more kind of row: a stage in [`SqliteStore::sweep_batch`].

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::errors::DatabaseError;
use super::rows::{limit, query_all};
use super::session_rows::session_from_row;
use super::sql::session_columns;
use super::store::SqliteStore;
use userd_core::{SessionLimits, Timestamp};
use userd_store::StoreError;

/// Limit of the rows that a batch reads and deletes. Reading takes some 2 µs a row, on the thread of the caller, and
/// deleting some 20 µs, in the writer: both together less than a full group of changes, which every change may have to
/// wait for anyway.
const ROWS_MAX: usize = 128;

/// The sessions after a rowid, in the order of the file.
const SESSIONS_AFTER: &str =
    concat!("SELECT ", session_columns!(), " FROM sessions WHERE sessions.rowid > ?1 ORDER BY sessions.rowid LIMIT ?2");

const SESSION_AT: &str = concat!("SELECT ", session_columns!(), " FROM sessions WHERE sessions.rowid = ?1");

const DELETE: &str = "DELETE FROM sessions WHERE rowid = ?1";

/// The column of the rowid in both.
const ROWID: usize = 9;

/// Where a sweep continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepPosition(i64);

impl SweepPosition {
    /// The beginning of a sweep.
    pub const START: Self = Self(i64::MIN);
}

/// What one batch deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepSummary {
    /// Sessions.
    pub sessions: u64,
    /// Where to continue; `None` at the end.
    pub next: Option<SweepPosition>,
}

impl SqliteStore {
    /// Deletes what has ended by `limits` at `now` in the next batch of rows. A session that was used meanwhile stays.
    ///
    /// # Errors
    /// The file can't be read or written. Nothing is deleted then, and the batch can be repeated.
    pub async fn sweep_batch(
        &self,
        from: SweepPosition,
        limits: &SessionLimits,
        now: Timestamp,
    ) -> Result<SweepSummary, StoreError> {
        let buckets = self.buckets().evict_full(now, ROWS_MAX);
        let limits = *limits;
        let (ended, after) = self.readers.read(|connection| ended_sessions(connection, from, &limits, now))?;
        let sessions = if ended.is_empty() {
            0
        } else {
            self.write(move |connection| delete_ended(connection, &ended, &limits, now)).await?
        };
        // Buckets beyond the bound are left to further batches.
        let next = after.or_else(|| (buckets == ROWS_MAX).then_some(SweepPosition(i64::MAX)));
        Ok(SweepSummary { sessions, next })
    }
}

/// The rowids of the sessions that have ended among the next rows, and where to continue if there may be more.
fn ended_sessions(
    connection: &Connection,
    SweepPosition(after): SweepPosition,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<(Vec<i64>, Option<SweepPosition>), DatabaseError> {
    let (mut rows, mut last) = (0, after);
    let ended = query_all(connection, SESSIONS_AFTER, params![after, limit(ROWS_MAX)], |row| {
        (rows, last) = (rows + 1, row.get(ROWID)?);
        Ok(has_ended(row, limits, now)?.then_some(last))
    })?;
    Ok((ended, (rows == ROWS_MAX).then_some(SweepPosition(last))))
}

/// Deletes those of `rowids` that have still ended: between reading and writing a session may have been used, or its
/// rowid given to another one. Returns how many.
fn delete_ended(
    connection: &Connection,
    rowids: &[i64],
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<u64, DatabaseError> {
    let mut deleted = 0;
    for rowid in rowids {
        let ended = connection
            .prepare_cached(SESSION_AT)?
            .query_row([rowid], |row| Ok(has_ended(row, limits, now)))
            .optional()?
            .transpose()?;
        if ended == Some(true) {
            deleted += connection.prepare_cached(DELETE)?.execute([rowid])? as u64;
        }
    }
    Ok(deleted)
}

fn has_ended(row: &Row<'_>, limits: &SessionLimits, now: Timestamp) -> Result<bool, DatabaseError> {
    match session_from_row(row, 0) {
        Ok(session) => Ok(limits.has_ended(&session, now)),
        Err(DatabaseError::Row { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::session_rows;
    use super::super::tables::CREATE_DEPENDENTS;
    use super::*;
    use userd_core::{Session, SessionId, SessionProof, UserAgent, UserId};

    const LIMITS: SessionLimits = SessionLimits { idle_ms: 1_000, absolute_ms: 5_000, sessions_max: 2 };

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn session() -> Session {
        Session {
            id: SessionId::from_slice(&[1; 16]).expect("sixteen bytes"),
            proof: SessionProof::from_slice(&[2; 16]).expect("sixteen bytes"),
            created_at: at(0),
            last_used_at: at(0),
            address: None,
            agent: UserAgent::default(),
            refresh: None,
        }
    }

    #[test]
    fn a_session_that_is_used_between_reading_and_deleting_stays() {
        let memory = Connection::open_in_memory().expect("a database in memory");
        memory.execute_batch(CREATE_DEPENDENTS).expect("tables");
        let user = UserId::from_slice(&[3; 16]).expect("sixteen bytes");
        session_rows::insert(&memory, user, &session()).expect("written");
        let (ended, next) = ended_sessions(&memory, SweepPosition::START, &LIMITS, at(1_000)).expect("read");
        assert_eq!((ended.len(), next), (1, None));
        let touched = Session { last_used_at: at(999), ..session() };
        session_rows::update(&memory, user, &touched).expect("written");
        assert_eq!(delete_ended(&memory, &ended, &LIMITS, at(1_000)).expect("nothing to delete"), 0);
        assert_eq!(delete_ended(&memory, &ended, &LIMITS, at(1_999)).expect("deleted"), 1);
        assert_eq!(delete_ended(&memory, &ended, &LIMITS, at(1_999)).expect("a repeat"), 0);
    }
}
