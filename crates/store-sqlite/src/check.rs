//! The consistency check: SQLite's own check of the file, every user's row, the number of users. Sessions and keys are
//! in `check_sessions`.
//!
//! It has a read-only connection of its own, so that no look-up waits for it, and runs on a blocking thread, because
//! SQLite's check of a large file takes seconds.

use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use rusqlite::{Connection, InterruptHandle};

use super::check_sessions::{self, check_rows, found_in, is_corruption, manual_finding};
use super::errors::{DatabaseError, UnavailableReason};
use super::rows::user_from_row;
use super::sql::user_columns;
use userd_core::{CanonicalEmail, User};
use userd_store::{CheckBatch, CheckCursor, CheckReport, Finding, FindingKind, FindingState, StoreError};

const ROWS: &str = concat!("SELECT ", user_columns!(), " FROM users WHERE rowid > ?1 ORDER BY rowid LIMIT ?2");

/// The column of the rowid in [`ROWS`].
const ROWID: usize = 9;

/// One statement, so that both numbers are from one snapshot.
const COUNTS: &str = "SELECT (SELECT count(*) FROM users), (SELECT value FROM meta WHERE key = 'users_count')";

/// Writes a wrong number only, so that a second repair changes nothing.
const SET_COUNT: &str = "INSERT INTO meta (key, value) SELECT 'users_count', count(*) FROM users WHERE true \
     ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value";

/// Limit of the messages of SQLite's check.
const MESSAGES_MAX: i64 = 20;

/// The pause between two attempts to interrupt a check.
const CLOSE_PAUSE: Duration = Duration::from_millis(5);

/// The stages of a run, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CheckStage {
    File,
    /// The rows after this rowid.
    Rows(i64),
    /// The sessions after this rowid.
    Sessions(i64),
    Keys,
    Count,
}

impl CheckStage {
    fn from_cursor(cursor: &CheckCursor) -> Option<Self> {
        match cursor.as_str() {
            "" => Some(Self::File),
            "keys" => Some(Self::Keys),
            "count" => Some(Self::Count),
            text => match text.split_once(' ')? {
                ("rows", after) => after.parse().ok().map(Self::Rows),
                ("sessions", after) => after.parse().ok().map(Self::Sessions),
                _ => None,
            },
        }
    }

    fn to_cursor(self) -> CheckCursor {
        match self {
            Self::File => CheckCursor::start(),
            Self::Rows(after) => CheckCursor::from_text(format!("rows {after}")),
            Self::Sessions(after) => CheckCursor::from_text(format!("sessions {after}")),
            Self::Keys => CheckCursor::from_text("keys".to_owned()),
            Self::Count => CheckCursor::from_text("count".to_owned()),
        }
    }
}

/// The connection of the check; closed by [`ConsistencyChecker::close`].
pub(super) struct ConsistencyChecker {
    connection: Arc<Mutex<Option<Connection>>>,
    interrupt: InterruptHandle,
}

impl ConsistencyChecker {
    pub(super) fn new(connection: Connection) -> Self {
        let interrupt = connection.get_interrupt_handle();
        Self { connection: Arc::new(Mutex::new(Some(connection))), interrupt }
    }

    /// Checks the next batch; repairs nothing.
    pub(super) async fn check_batch(&self, batch: &CheckBatch) -> Result<CheckReport, StoreError> {
        let stage = CheckStage::from_cursor(&batch.from)
            .ok_or_else(|| StoreError::unavailable("the cursor of the check is not of this store"))?;
        let (connection, size) = (Arc::clone(&self.connection), batch.size.max(1));
        let checked = tokio::task::spawn_blocking(move || {
            let guard = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let connection = guard.as_ref().ok_or_else(|| UnavailableReason::Closed.into_store_error())?;
            check_stage(connection, stage, size).map_err(DatabaseError::into_store_error)
        });
        checked.await.unwrap_or_else(|error| Err(StoreError::unavailable(error)))
    }

    /// Interrupts a check and closes the connection. Repeated until it works, because an interrupt before a statement
    /// starts has no effect.
    pub(super) async fn close(&self) {
        loop {
            self.interrupt.interrupt();
            match self.connection.try_lock() {
                Ok(mut connection) => return drop(connection.take()),
                Err(TryLockError::Poisoned(poisoned)) => return drop(poisoned.into_inner().take()),
                Err(TryLockError::WouldBlock) => {}
            }
            tokio::time::sleep(CLOSE_PAUSE).await;
        }
    }
}

impl std::fmt::Debug for ConsistencyChecker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsistencyChecker").finish_non_exhaustive()
    }
}

fn check_stage(connection: &Connection, stage: CheckStage, size: usize) -> Result<CheckReport, DatabaseError> {
    match stage {
        CheckStage::File => file(connection),
        CheckStage::Rows(after) => rows(connection, after, size),
        CheckStage::Sessions(after) => {
            let (mut report, on) = check_sessions::sessions(connection, after, size)?;
            report.next = Some(on.map_or(CheckStage::Keys, CheckStage::Sessions).to_cursor());
            Ok(report)
        }
        CheckStage::Keys => {
            Ok(CheckReport { next: Some(CheckStage::Count.to_cursor()), ..check_sessions::keys(connection)? })
        }
        CheckStage::Count => count(connection),
    }
}

/// Repairs the findings of a batch that was checked; runs in the writer's transaction.
pub(super) fn repair(connection: &Connection, batch: &CheckBatch) -> Result<(), DatabaseError> {
    match CheckStage::from_cursor(&batch.from) {
        Some(CheckStage::Sessions(after)) => check_sessions::repair(connection, after, batch.size.max(1)),
        Some(CheckStage::Count) => Ok(connection.execute(SET_COUNT, []).map(drop)?),
        _ => Ok(()),
    }
}

fn file(connection: &Connection) -> Result<CheckReport, DatabaseError> {
    // A missing number is a finding of a later stage.
    let kept = connection.query_row("SELECT value FROM meta WHERE key = 'users_count'", [], |row| row.get::<_, i64>(0));
    let mut report = CheckReport {
        expected: kept.ok().and_then(|kept| u64::try_from(kept).ok()),
        next: Some(CheckStage::Rows(i64::MIN).to_cursor()),
        ..CheckReport::default()
    };
    let checked = connection.prepare(&format!("PRAGMA integrity_check({MESSAGES_MAX})")).and_then(|mut check| {
        let messages = check.query_map([], |row| row.get::<_, String>(0))?;
        messages.collect::<rusqlite::Result<Vec<String>>>()
    });
    let messages = match checked {
        Err(error) if is_corruption(&error) => vec![error.to_string()],
        other => other?,
    };
    let wrong = messages.into_iter().filter(|message| message != "ok");
    report.findings.extend(wrong.map(|message| manual_finding(FindingKind::DamagedFile, "the database file", message)));
    Ok(report)
}

fn rows(connection: &Connection, after: i64, size: usize) -> Result<CheckReport, DatabaseError> {
    let (mut report, on) = check_rows(connection, ("users", ROWS, ROWID), after, size, |row| {
        found_in(user_from_row(row), |user| canonical_mismatch(&user))
    })?;
    report.users = report.records_checked;
    report.next = Some(on.map_or(CheckStage::Sessions(i64::MIN), CheckStage::Rows).to_cursor());
    Ok(report)
}

fn canonical_mismatch(user: &User) -> Option<Finding> {
    let right = CanonicalEmail::parse(user.email.as_written());
    (right.as_ref() != Ok(user.email.canonical())).then(|| Finding {
        user: Some(user.id),
        ..manual_finding(
            FindingKind::CanonicalMismatch,
            format!("users/{}", user.id),
            "the canonical e-mail is not that of the e-mail as written".to_owned(),
        )
    })
}

fn count(connection: &Connection) -> Result<CheckReport, DatabaseError> {
    let counted = connection.query_row(COUNTS, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?)));
    let mut report = CheckReport::default();
    match counted {
        Ok((rows, kept)) if kept == Some(rows) => {}
        Ok((rows, kept)) => {
            let kept = kept.map_or_else(|| "no number".to_owned(), |kept| kept.to_string());
            let detail = format!("the table has {rows} users, the stored count is {kept}");
            let finding = manual_finding(FindingKind::CountMismatch, "meta/users_count", detail);
            report.findings.push(Finding { state: FindingState::Repairable, ..finding });
        }
        Err(error) if is_corruption(&error) => {
            report.findings.push(manual_finding(FindingKind::Unreadable, "users", error.to_string()));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(report)
}
