//! The statements of the look-ups. Every reader prepares all of them before it serves, so that a wrong table is found
//! at the start.
//!
//! Statements that write are next to the function that runs them. To add a look-up: a constant here and in [`LOOKUPS`].

/// The columns that `user_from_row` reads, in its order: those that the checksum covers, the checksum, and `rowid`,
/// which identifies a row with an invalid id.
macro_rules! user_columns {
    () => {
        "id, name, email, canonical, password_hash, created_at, updated_at, version, checksum, users.rowid"
    };
}
pub(super) use user_columns;

/// The columns that `session_from_row` reads, in its order: those that the checksum covers, the checksum, and `rowid`.
macro_rules! session_columns {
    () => {
        "user, sessions.id, proof, made_at, seen_at, address, agent, refresh, sessions.checksum, sessions.rowid"
    };
}
pub(super) use session_columns;

/// One session.
pub(super) const SESSION: &str =
    concat!("SELECT ", session_columns!(), " FROM sessions WHERE user = ?1 AND sessions.id = ?2");

/// All sessions of a user, the newest first.
pub(super) const SESSIONS: &str =
    concat!("SELECT ", session_columns!(), " FROM sessions WHERE user = ?1 ORDER BY made_at DESC, sessions.id DESC");

/// One session with its user: one statement, so that both are from one snapshot. The session's columns are renamed,
/// because both tables have an id.
pub(super) const SESSION_WITH_USER: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", s1, s2, s3, s4, s5, s6, s7, s8, s9, s10 FROM \
     (SELECT user AS s1, id AS s2, proof AS s3, made_at AS s4, seen_at AS s5, address AS s6, agent AS s7, \
     refresh AS s8, checksum AS s9, rowid AS s10 FROM sessions WHERE user = ?1 AND id = ?2) CROSS JOIN users \
     WHERE id = ?1"
);

pub(super) const USER: &str = concat!("SELECT ", user_columns!(), " FROM users WHERE id = ?1");
pub(super) const USER_BY_EMAIL: &str = concat!("SELECT ", user_columns!(), " FROM users WHERE canonical = ?1");
pub(super) const USERS_COUNT: &str = "SELECT value FROM meta WHERE key = 'users_count'";

pub(super) const IDS: &str = "SELECT rowid, id FROM users WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3";
pub(super) const IDS_DOWN: &str = "SELECT rowid, id FROM users WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
pub(super) const EMAILS: &str =
    "SELECT rowid, canonical FROM users WHERE canonical >= ?1 AND canonical < ?2 ORDER BY canonical LIMIT ?3";
pub(super) const EMAILS_DOWN: &str =
    "SELECT rowid, canonical FROM users WHERE canonical >= ?1 AND canonical < ?2 ORDER BY canonical DESC LIMIT ?3";
pub(super) const ROW: &str = concat!("SELECT ", user_columns!(), " FROM users WHERE rowid = ?1");

/// The events of a user after a number, and before one.
pub(super) const EVENTS_AFTER: &str =
    "SELECT number, kind, at, address, caller FROM events WHERE user = ?1 AND number > ?2 ORDER BY number";
pub(super) const EVENTS_BEFORE: &str =
    "SELECT number, kind, at, address, caller FROM events WHERE user = ?1 AND number < ?2 ORDER BY number DESC";

/// The keys of a kind.
pub(super) const KEYS: &str = "SELECT kind, id, text, checksum FROM service_keys WHERE kind = ?1 ORDER BY id";

/// Every look-up.
pub(super) const LOOKUPS: [&str; 14] = [
    USER,
    USER_BY_EMAIL,
    USERS_COUNT,
    IDS,
    IDS_DOWN,
    EMAILS,
    EMAILS_DOWN,
    ROW,
    SESSION,
    SESSIONS,
    SESSION_WITH_USER,
    EVENTS_AFTER,
    EVENTS_BEFORE,
    KEYS,
];
