//! One line of a file of users: read without trust, and written.
//!
//! The first line names the format, the last one says how many users there are, so that a file that was cut off is
//! known as one. Reasons name fields and never quote a value: a file of users is full of secrets.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};

use super::timestamps::parse_rfc3339;
use crate::hashing::{HashError, HashSettings, check_stored_hash};
use userd_core::{
    AccountStatus, DisplayName, Email, PasswordHash, RefreshState, Session, SessionId, SessionProof, Timestamp, User,
    UserAgent, UserId, UserVersion,
};
use userd_store::{AccountRecord, IMPORTED_SESSIONS_MAX};

/// The version of the format. A file with a later one is refused.
pub const FORMAT_VERSION: u64 = 1;

/// The fields of a user; the rest may be missing.
const USER_FIELDS: [&str; 10] = [
    "type",
    "id",
    "name",
    "email",
    "password_hash",
    "created_at",
    "updated_at",
    "disabled",
    "password_expired",
    "sessions",
];
const SESSION_FIELDS: [&str; 9] =
    ["id", "proof", "created_at", "last_used_at", "made_at", "seen_at", "address", "agent", "refresh"];

/// What a line is.
#[derive(Debug)]
pub(super) enum ParsedLine {
    /// The first one; the version of its format.
    Header(u64),
    /// A user.
    User(Box<AccountRecord>),
    /// The last one; how many users there are before it.
    End(u64),
}

/// Why a line is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidRecord {
    /// Whose it is, if that can be told.
    pub(super) id: Option<String>,
    pub(super) reason: String,
}

/// The line that `text` is. `hashes` says which hashes are computed where it comes in.
pub(super) fn parse_line(text: &[u8], hashes: &HashSettings) -> Result<ParsedLine, InvalidRecord> {
    let value: Value = serde_json::from_slice(text).map_err(|error| InvalidRecord {
        id: None,
        reason: format!("is no JSON: column {}: {}", error.column(), kind_of(&error)),
    })?;
    let Value::Object(mut fields) = value else { return Err(bad("must be a JSON object")) };
    match fields.get("type").and_then(Value::as_str) {
        Some("userd-export") => number(&fields, "version").map(ParsedLine::Header),
        Some("end") => number(&fields, "users").map(ParsedLine::End),
        Some("user") => {
            let id =
                fields.get("id").and_then(Value::as_str).filter(|id| UserId::parse(id).is_some()).map(str::to_owned);
            account(&mut fields, hashes)
                .map(|account| ParsedLine::User(Box::new(account)))
                .map_err(|reason| InvalidRecord { id, reason })
        }
        Some(_) => Err(bad("`type` must be \"user\", \"userd-export\" or \"end\"")),
        None => Err(bad("`type` is missing; a user's is \"user\"")),
    }
}

fn kind_of(error: &serde_json::Error) -> &'static str {
    if error.is_eof() { "it ends too early" } else { "something else was expected" }
}

fn bad(reason: &str) -> InvalidRecord {
    InvalidRecord { id: None, reason: reason.to_owned() }
}

fn number(fields: &Map<String, Value>, name: &str) -> Result<u64, InvalidRecord> {
    fields.get(name).and_then(Value::as_u64).ok_or_else(|| bad(&format!("`{name}` must be a number")))
}

fn known(fields: &Map<String, Value>, names: &[&str], place: &str) -> Result<(), String> {
    match fields.keys().find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        // What is no plain word may be a value in the wrong place.
        Some(name)
            if name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) =>
        {
            Err(format!("{place}has an unknown field `{name}`"))
        }
        Some(_) => Err(format!("{place}has an unknown field")),
    }
}

fn text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{name}` must be a string")),
    }
}

fn required(fields: &mut Map<String, Value>, name: &str) -> Result<String, String> {
    text(fields, name)?.ok_or_else(|| format!("`{name}` is missing"))
}

fn moment(fields: &mut Map<String, Value>, name: &str) -> Result<Option<Timestamp>, String> {
    let wrong = || format!("`{name}` must be a moment from 1970 on like 2026-11-22T14:31:02.007Z");
    text(fields, name)?.map(|text| parse_rfc3339(&text).ok_or_else(wrong)).transpose()
}

fn flag(fields: &mut Map<String, Value>, name: &str) -> Result<bool, String> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(flag),
        Some(_) => Err(format!("`{name}` must be true or false")),
    }
}

fn account(fields: &mut Map<String, Value>, hashes: &HashSettings) -> Result<AccountRecord, String> {
    known(fields, &USER_FIELDS, "")?;
    let id = UserId::parse(&required(fields, "id")?).ok_or("`id` must be a UUID")?;
    let name = DisplayName::parse(&required(fields, "name")?).map_err(|error| format!("`name` {error}"))?;
    let email = Email::parse(&required(fields, "email")?).map_err(|error| format!("`email` {error}"))?;
    let password_hash = password_hash(&required(fields, "password_hash")?, hashes)?;
    let created_at = moment(fields, "created_at")?.ok_or("`created_at` is missing")?;
    let updated_at = moment(fields, "updated_at")?.unwrap_or(created_at);
    let status =
        AccountStatus { disabled: flag(fields, "disabled")?, password_expired: flag(fields, "password_expired")? };
    let sessions = match fields.remove("sessions") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(all)) if all.len() <= IMPORTED_SESSIONS_MAX => {
            all.into_iter().map(session).collect::<Result<Vec<_>, _>>()?
        }
        Some(Value::Array(_)) => return Err(format!("`sessions` must be at most {IMPORTED_SESSIONS_MAX}")),
        Some(_) => return Err("`sessions` must be a list".to_owned()),
    };
    if !sessions.is_empty() && status != AccountStatus::default() {
        return Err("`sessions` must be empty where the user is disabled or the password expired".to_owned());
    }
    if !have_distinct_ids(&sessions) {
        return Err("two of `sessions` have the same id, or ids that begin with the same 8 bytes".to_owned());
    }
    let version = UserVersion::FIRST;
    let user = User { id, name, email, password_hash, status, created_at, updated_at, version };
    Ok(AccountRecord { user, sessions })
}

/// Whether no two ids begin alike: a store may know what belongs to a session by the first half of its id.
fn have_distinct_ids(sessions: &[Session]) -> bool {
    let mut seen = HashSet::new();
    sessions.iter().all(|session| seen.insert(&session.id.as_bytes()[..8]))
}

/// The hash as it comes from elsewhere, in our spelling. What marks a standing is no part of any scheme's name, and is
/// refused here.
fn password_hash(text: &str, hashes: &HashSettings) -> Result<PasswordHash, String> {
    let hash = PasswordHash::from_imported(text).map_err(|error| format!("`password_hash` can't be taken: {error}"))?;
    check_hash_supported(&hash, "password_hash", hashes)?;
    Ok(hash)
}

/// Nobody comes in who could never sign in.
pub(super) fn check_hash_supported(hash: &PasswordHash, field: &str, hashes: &HashSettings) -> Result<(), String> {
    check_stored_hash(hash, hashes).map_err(|error| match error {
        HashError::Unreadable(why) => format!("`{field}` can't be taken: {why}"),
        error => format!("`{field}` can't be taken: {error}"),
    })
}

fn session(value: Value) -> Result<Session, String> {
    let Value::Object(mut fields) = value else { return Err("each of `sessions` must be an object".to_owned()) };
    let fields = &mut fields;
    known(fields, &SESSION_FIELDS, "a session ")?;
    let of_session = |what: String| format!("of a session, {what}");
    let wrong = |name: &str| format!("of a session, `{name}` is none");
    let id = SessionId::parse(&required(fields, "id").map_err(of_session)?).ok_or_else(|| wrong("id"))?;
    let proof = URL_SAFE_NO_PAD.decode(required(fields, "proof").map_err(of_session)?).ok();
    let proof = proof.and_then(|proof| SessionProof::from_slice(&proof)).ok_or_else(|| wrong("proof"))?;
    // Earlier versions wrote `made_at` and `seen_at`.
    let created_at = match moment(fields, "created_at").map_err(of_session)? {
        Some(at) => Some(at),
        None => moment(fields, "made_at").map_err(of_session)?,
    };
    let created_at = created_at.ok_or_else(|| wrong("created_at"))?;
    let last_used_at = match moment(fields, "last_used_at").map_err(of_session)? {
        Some(at) => Some(at),
        None => moment(fields, "seen_at").map_err(of_session)?,
    };
    let last_used_at = last_used_at.unwrap_or(created_at);
    let address = text(fields, "address").map_err(of_session)?;
    let address = address.map(|text| text.parse().map_err(|_| wrong("address"))).transpose()?;
    let agent = UserAgent::shorten(&text(fields, "agent").map_err(of_session)?.unwrap_or_default());
    let refresh = text(fields, "refresh").map_err(of_session)?;
    let refresh = refresh.map(|text| {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        bytes.and_then(|bytes| RefreshState::from_bytes(&bytes)).ok_or_else(|| wrong("refresh"))
    });
    Ok(Session { id, proof, created_at, last_used_at, address, agent, refresh: refresh.transpose()? })
}

/// A user as a line.
#[derive(Serialize)]
pub(super) struct UserRecord<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    name: &'a str,
    email: &'a str,
    password_hash: &'a str,
    created_at: String,
    updated_at: String,
    disabled: bool,
    password_expired: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<Vec<SessionRecord<'a>>>,
}

#[derive(Serialize)]
struct SessionRecord<'a> {
    id: String,
    proof: String,
    created_at: String,
    last_used_at: String,
    address: Option<String>,
    agent: &'a str,
    refresh: Option<String>,
}

impl<'a> UserRecord<'a> {
    /// With the sessions, if they are to be written, too.
    pub(super) fn of(user: &'a User, sessions: Option<&'a [Session]>) -> Self {
        let session = |session: &'a Session| SessionRecord {
            id: session.id.to_string(),
            proof: URL_SAFE_NO_PAD.encode(session.proof.as_bytes()),
            created_at: session.created_at.to_string(),
            last_used_at: session.last_used_at.to_string(),
            address: session.address.map(|address| address.to_string()),
            agent: session.agent.as_str(),
            refresh: session.refresh.as_ref().map(|refresh| URL_SAFE_NO_PAD.encode(refresh.to_bytes())),
        };
        Self {
            kind: "user",
            id: user.id.to_string(),
            name: user.name.as_str(),
            email: user.email.as_written(),
            password_hash: user.password_hash.as_str(),
            created_at: user.created_at.to_string(),
            updated_at: user.updated_at.to_string(),
            disabled: user.status.disabled,
            password_expired: user.status.password_expired,
            sessions: sessions.map(|all| all.iter().map(session).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const USER: &str = r#"{"type":"user","id":"0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa5f3","name":"Ada","email":"Ada@x.org","password_hash":"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$RdescudvJCsgt3ubRdescudv","created_at":"2026-11-22T14:31:02.007Z"#;

    const TODAY: HashSettings =
        HashSettings { memory_kib: 8, iterations: 1, parallelism: 1, workers: 1, queue: 1, wait: Duration::ZERO };

    fn with(more: &str) -> Result<ParsedLine, InvalidRecord> {
        parse_line(format!("{USER}\"{more}}}").as_bytes(), &TODAY)
    }

    #[test]
    fn each_mistake_is_named_and_no_value_is_quoted() {
        for (more, reason) in [
            (r#","mail":"x""#, "has an unknown field `mail`"),
            (r#","$argon2id$secret":"x""#, "has an unknown field"),
            (r#","disabled":"yes""#, "`disabled` must be true or false"),
            (r#","updated_at":"secret""#, "`updated_at` must be a moment from 1970 on like 2026-11-22T14:31:02.007Z"),
            (r#","sessions":[{"secret":1}]"#, "a session has an unknown field `secret`"),
            (r#","sessions":[{"id":"x"}]"#, "of a session, `id` is none"),
            (
                r#","email":"secret""#,
                "`email` must contain an @ between the mailbox and the domain, like jane@example.com",
            ),
            (
                r#","password_hash":"$off-argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$RdescudvJCsgt3ub""#,
                "`password_hash` can't be taken: its scheme is not one of argon2i, argon2d, argon2id, bcrypt, scrypt and PBKDF2",
            ),
            (
                r#","password_hash":"$2b$31$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW""#,
                "`password_hash` can't be taken: its bcrypt cost is not between 4 and 14",
            ),
            (
                r#","password_hash":"$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$RdescudvJCsgt3ubRdescudv""#,
                "`password_hash` can't be taken: it needs more memory than is allowed",
            ),
            (
                r#","password_hash":"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$RdescudvJCsgt3ub""#,
                "`password_hash` can't be taken: it is shorter than 16 bytes",
            ),
            (
                r#","sessions":[{"id":"AAAAAAAAAAAAAAAAAAAAAA","proof":"AAAAAAAAAAAAAAAAAAAAAA","created_at":"2026-11-22T14:31:02.007Z"},{"id":"AAAAAAAAAAAAAAAAAAAAAQ","proof":"AAAAAAAAAAAAAAAAAAAAAA","made_at":"2026-11-22T14:31:02.007Z"}]"#,
                "two of `sessions` have the same id, or ids that begin with the same 8 bytes",
            ),
        ] {
            let bad = with(more).expect_err(more);
            assert_eq!(
                (bad.reason.as_str(), bad.id.as_deref()),
                (reason, Some("0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa5f3"))
            );
        }
        assert_eq!(parse_line(b"{", &TODAY).expect_err("no JSON").reason, "is no JSON: column 1: it ends too early");
        assert_eq!(parse_line(b"[]", &TODAY).expect_err("no object").reason, "must be a JSON object");
        assert!(matches!(parse_line(br#"{"type":"end","users":7}"#, &TODAY), Ok(ParsedLine::End(7))));
    }

    proptest! {
        #[test]
        fn a_user_is_read_back_as_written(
            id: [u8; 16], name in "[a-zé]{1,20}", disabled: bool, expired: bool, made in 0..9_999_999_999_u64,
            proof: [u8; 16], address: Option<[u8; 4]>, agent in "[a-z ]{0,20}",
        ) {
            let Ok(ParsedLine::User(account)) = with("") else { panic!("a user") };
            let at = Timestamp::from_millis(made);
            let session = Session {
                id: SessionId::from_slice(&id).expect("sixteen bytes"),
                proof: SessionProof::from_slice(&proof).expect("sixteen bytes"),
                created_at: at,
                last_used_at: at.plus_millis(7),
                address: address.map(Into::into),
                agent: UserAgent::shorten(&agent),
                refresh: None,
            };
            let status = AccountStatus { disabled, password_expired: expired };
            let user = User {
                id: UserId::from_slice(&id).expect("sixteen bytes"),
                name: DisplayName::parse(&name).expect("a name"),
                status,
                updated_at: at,
                ..account.user
            };
            let sessions = if status == AccountStatus::default() { vec![session] } else { vec![] };
            let account = AccountRecord { user, sessions };
            let text = serde_json::to_vec(&UserRecord::of(&account.user, Some(&account.sessions))).expect("JSON");
            match parse_line(&text, &TODAY) {
                Ok(ParsedLine::User(read)) => prop_assert_eq!(*read, account),
                other => panic!("{other:?}"),
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, more in "[\"{}:,a-z0-9\\[\\]]{0,60}") {
            let _ = (parse_line(&bytes, &TODAY), with(&more));
        }
    }
}
