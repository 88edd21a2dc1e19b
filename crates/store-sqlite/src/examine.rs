//! The doctor on the embedded store: the file's own check, every row, the number that is kept. What hangs on users is
//! in `examine_sessions`.
//!
//! On a connection of its own that only reads, so that no look-up waits for it; and on a blocking thread, because
//! the file's own check takes seconds on a large file.

use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use rusqlite::{Connection, InterruptHandle, params};

use super::errors::{Failure, Trouble};
use super::examine_sessions;
use super::rows::{user_columns, user_from_row};
use userd_core::{CanonicalEmail, User};
use userd_store::{Examined, Finding, FindingKind, FindingState, Place, Portion, StoreError};

const ROWS: &str = concat!("SELECT ", user_columns!(), " FROM users WHERE rowid > ?1 ORDER BY rowid LIMIT ?2");

/// One statement, so that both numbers are of one moment.
const COUNTS: &str = "SELECT (SELECT count(*) FROM users), (SELECT value FROM meta WHERE key = 'users_count')";

/// Only what is wrong is written, so that a second repair changes nothing.
const SET_COUNT: &str = "INSERT INTO meta (key, value) SELECT 'users_count', count(*) FROM users WHERE true \
     ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value";

/// The most sentences of the file's own check that are asked for.
const SENTENCES_MAX: i64 = 20;

/// Between two attempts to break off what is under way.
const CLOSE_PAUSE: Duration = Duration::from_millis(5);

/// The parts of a pass, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    File,
    /// The rows after this rowid.
    Rows(i64),
    /// The sessions after this rowid.
    Sessions(i64),
    Keys,
    Count,
}

impl Part {
    fn at(place: &Place) -> Option<Self> {
        match place.as_str() {
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

    fn place(self) -> Place {
        match self {
            Self::File => Place::start(),
            Self::Rows(after) => Place::from_text(format!("rows {after}")),
            Self::Sessions(after) => Place::from_text(format!("sessions {after}")),
            Self::Keys => Place::from_text("keys".to_owned()),
            Self::Count => Place::from_text("count".to_owned()),
        }
    }
}

/// The doctor's connection; gone after [`Examiner::close`].
pub(super) struct Examiner {
    connection: Arc<Mutex<Option<Connection>>>,
    interrupt: InterruptHandle,
}

impl Examiner {
    pub(super) fn new(connection: Connection) -> Self {
        let interrupt = connection.get_interrupt_handle();
        Self { connection: Arc::new(Mutex::new(Some(connection))), interrupt }
    }

    /// Looks at the next portion; mends nothing.
    pub(super) async fn look(&self, portion: &Portion) -> Result<Examined, StoreError> {
        let part = part(portion)?;
        let (connection, size) = (Arc::clone(&self.connection), portion.size.max(1));
        let looked = tokio::task::spawn_blocking(move || {
            let guard = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let connection = guard.as_ref().ok_or_else(|| Trouble::Closed.into_store_error())?;
            look(connection, part, size).map_err(Failure::into_store_error)
        });
        looked.await.unwrap_or_else(|error| Err(StoreError::unavailable(error)))
    }

    /// Breaks off what it does, and closes the connection. Asked again and again, because what is told to break off
    /// before it has begun does not hear it.
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

impl std::fmt::Debug for Examiner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Examiner").finish_non_exhaustive()
    }
}

fn look(connection: &Connection, part: Part, size: usize) -> Result<Examined, Failure> {
    match part {
        Part::File => file(connection),
        Part::Rows(after) => rows(connection, after, size),
        Part::Sessions(after) => {
            let (mut examined, on) = examine_sessions::sessions(connection, after, size)?;
            examined.next = Some(on.map_or(Part::Keys, Part::Sessions).place());
            Ok(examined)
        }
        Part::Keys => Ok(Examined { next: Some(Part::Count.place()), ..examine_sessions::keys(connection)? }),
        Part::Count => count(connection),
    }
}

fn part(portion: &Portion) -> Result<Part, StoreError> {
    Part::at(&portion.from).ok_or_else(|| StoreError::unavailable("the doctor's place is none of this store"))
}

/// Mends what can be mended in a portion that was looked at; runs in the writer's transaction.
pub(super) fn mend(connection: &Connection, portion: &Portion) -> Result<(), Failure> {
    match Part::at(&portion.from) {
        Some(Part::Sessions(after)) => examine_sessions::mend(connection, after, portion.size.max(1)),
        Some(Part::Count) => set_count(connection),
        _ => Ok(()),
    }
}

fn file(connection: &Connection) -> Result<Examined, Failure> {
    // A number that is not there is a finding later on.
    let kept = connection.query_row("SELECT value FROM meta WHERE key = 'users_count'", [], |row| row.get::<_, i64>(0));
    let mut examined = Examined {
        expected: kept.ok().and_then(|kept| u64::try_from(kept).ok()),
        next: Some(Part::Rows(i64::MIN).place()),
        ..Examined::default()
    };
    let checked = connection.prepare(&format!("PRAGMA integrity_check({SENTENCES_MAX})")).and_then(|mut check| {
        let sentences = check.query_map([], |row| row.get::<_, String>(0))?;
        sentences.collect::<rusqlite::Result<Vec<String>>>()
    });
    let sentences = match checked {
        Err(error) if is_damage(&error) => vec![error.to_string()],
        other => other?,
    };
    let wrong = sentences.into_iter().filter(|sentence| sentence != "ok");
    examined.findings.extend(wrong.map(|sentence| person(FindingKind::FileDamaged, "the database file", sentence)));
    Ok(examined)
}

fn rows(connection: &Connection, after: i64, size: usize) -> Result<Examined, Failure> {
    let mut examined = Examined::default();
    let (mut last, mut met) = (after, 0);
    let limit = i64::try_from(size).unwrap_or(i64::MAX);
    let walked = (|| -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(ROWS)?;
        let mut rows = statement.query(params![after, limit])?;
        while let Some(row) = rows.next()? {
            met += 1;
            // The column after those of the user: where to go on.
            last = row.get("rowid")?;
            match user_from_row(row) {
                Ok(user) => examined.findings.extend(canonical_wrong(&user)),
                Err(Failure::Row { key, source }) => {
                    examined.findings.push(person(FindingKind::Unreadable, key, chain(&source)));
                }
                Err(Failure::Engine(error)) => return Err(error),
                Err(Failure::IdInUse(_)) => {}
            }
        }
        Ok(())
    })();
    examined.looked_at = met;
    examined.users = met;
    match walked {
        Ok(()) => {}
        // What lies behind a damaged page can't be reached by walking on; the count tells how much it is.
        Err(error) if is_damage(&error) => {
            let place = format!("users after rowid {last}");
            examined.findings.push(person(FindingKind::Unreadable, place, error.to_string()));
            met = 0;
        }
        Err(error) => return Err(error.into()),
    }
    let on = usize::try_from(met).is_ok_and(|met| met >= size);
    examined.next = Some(if on { Part::Rows(last) } else { Part::Sessions(i64::MIN) }.place());
    Ok(examined)
}

fn canonical_wrong(user: &User) -> Option<Finding> {
    let right = CanonicalEmail::parse(user.email.as_written());
    (right.as_ref() != Ok(user.email.canonical())).then(|| Finding {
        user: Some(user.id),
        ..person(
            FindingKind::CanonicalWrong,
            format!("users/{}", user.id),
            "the canonical e-mail is not that of the e-mail as written".to_owned(),
        )
    })
}

fn count(connection: &Connection) -> Result<Examined, Failure> {
    let counted = connection.query_row(COUNTS, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?)));
    let mut examined = Examined::default();
    match counted {
        Ok((rows, kept)) if kept == Some(rows) => {}
        Ok((rows, kept)) => {
            let kept = kept.map_or_else(|| "no number is".to_owned(), |kept| format!("{kept} are"));
            let detail = format!("{rows} users are there, but {kept} kept");
            let finding = person(FindingKind::CountWrong, "meta/users_count", detail);
            examined.findings.push(Finding { state: FindingState::Mendable, ..finding });
        }
        Err(error) if is_damage(&error) => {
            examined.findings.push(person(FindingKind::Unreadable, "users", error.to_string()));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(examined)
}

/// Sets the number of users right.
fn set_count(connection: &Connection) -> Result<(), Failure> {
    connection.execute(SET_COUNT, [])?;
    Ok(())
}

/// What a person has to look at.
pub(super) fn person(kind: FindingKind, place: impl Into<String>, detail: String) -> Finding {
    Finding { kind, state: FindingState::NeedsPerson, user: None, place: place.into(), detail }
}

/// Whether SQLite met a page that it can't read.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

/// An error with its cause.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
