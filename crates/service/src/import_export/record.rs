//! One line of an export file: parsed without trust, and written.
//!
//! The first line has the version of the format, the last one the number of users, so that a truncated file is
//! detected. Reasons name fields and never quote a value: the file is full of secrets. Of a repeated field the last one
//! counts.
//!
//! To add a field: its name in the list of fields, a line in the function that reads the object, and one in the struct
//! that is written.

use std::collections::HashSet;
use std::convert::Infallible;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::timestamps::parse_rfc3339;
use crate::hashing::{HashError, HashSettings, check_stored_hash};
use userd_core::input::{
    InputErrorKind, InputErrors, InputObject, InputReader, InputValue, JsonErrorKind, ObjectReader, PathSegment,
    RejectedField, RepeatedFields, parse_json,
};
use userd_core::{
    AccountStatus, DisplayName, Email, PasswordHash, RefreshState, Session, SessionId, SessionProof, Timestamp, User,
    UserAgent, UserId, UserVersion,
};
use userd_store::{AccountRecord, IMPORTED_SESSIONS_MAX};

/// The version of the format. A file with a later one is rejected.
pub const FORMAT_VERSION: u64 = 1;

/// The fields of a user.
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

/// A line.
#[derive(Debug)]
pub(super) enum ParsedLine {
    /// The first one: the version of the format.
    Header(u64),
    /// A user.
    User(Box<AccountRecord>),
    /// The last one: the number of users before it.
    End(u64),
}

/// Why a line is rejected.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidRecord {
    /// The user's id, if it is valid.
    pub(super) id: Option<String>,
    pub(super) reason: String,
}

/// The line in `text`. `hashes` has the hash settings of the importing server.
pub(super) fn parse_line(text: &[u8], hashes: &HashSettings) -> Result<ParsedLine, InvalidRecord> {
    let value = parse_json(text).map_err(|error| {
        let what = match error.kind {
            JsonErrorKind::EndsEarly | JsonErrorKind::Empty => "it ends too early",
            _ => "something else was expected",
        };
        invalid(&format!("is no JSON: column {}: {what}", error.column))
    })?;
    let InputValue::Object(object) = value else { return Err(invalid("must be a JSON object")) };
    match object.get("type").and_then(InputValue::as_text) {
        Some("userd-export") => number(&object, "version").map(ParsedLine::Header),
        Some("end") => number(&object, "users").map(ParsedLine::End),
        Some("user") => {
            let id = object.get("id").and_then(InputValue::as_text).filter(|id| UserId::parse(id).is_some());
            let mut reader = InputReader::new(RepeatedFields::KeepLast);
            let account = account(&mut reader.object(&object, &USER_FIELDS), hashes);
            reader
                .finish(account)
                .map(|account| ParsedLine::User(Box::new(account)))
                .map_err(|errors| InvalidRecord { id: id.map(str::to_owned), reason: first_reason(&errors) })
        }
        Some(_) => Err(invalid("`type` must be \"user\", \"userd-export\" or \"end\"")),
        None => Err(invalid("`type` is missing; a user's is \"user\"")),
    }
}

/// A line that does not name a user.
pub(super) fn invalid(reason: &str) -> InvalidRecord {
    InvalidRecord { id: None, reason: reason.to_owned() }
}

/// A number of the first or the last line, whose other fields are not read: a later version may have more.
fn number(object: &InputObject, name: &str) -> Result<u64, InvalidRecord> {
    object.get(name).and_then(InputValue::as_u64).ok_or_else(|| invalid(&format!("`{name}` must be a number")))
}

/// The first mistake in words. One is enough: a file with a mistake has it on every line.
fn first_reason(errors: &InputErrors) -> String {
    let Some(error) = errors.errors.first() else { return "is no user".to_owned() };
    let in_session = error.path.len() > 2;
    let Some(PathSegment::Field(name)) = error.path.last() else {
        return match error.kind {
            InputErrorKind::WrongType { expected, .. } => format!("each of `sessions` must be {expected}"),
            ref kind => kind.to_string(),
        };
    };
    let rule = match &error.kind {
        InputErrorKind::UnknownField { .. } => {
            let place = if in_session { "a session " } else { "" };
            // A name that is no plain word may be a value in the wrong place.
            let plain =
                name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            let name = if plain { format!(" `{name}`") } else { String::new() };
            return format!("{place}has an unknown field{name}");
        }
        InputErrorKind::Missing { .. } | InputErrorKind::WrongType { found: "null", .. } => "is missing".to_owned(),
        InputErrorKind::WrongType { expected, .. } => format!("must be {expected}"),
        InputErrorKind::TooManyItems { max } => format!("must be at most {max}"),
        kind => kind.to_string(),
    };
    if in_session { format!("of a session, `{name}` {rule}") } else { format!("`{name}` {rule}") }
}

fn timestamp(text: &str) -> Result<Timestamp, &'static str> {
    parse_rfc3339(text).ok_or("must be a moment from 1970 on like 2026-11-22T14:31:02.007Z")
}

fn account(fields: &mut ObjectReader<'_>, hashes: &HashSettings) -> Option<AccountRecord> {
    let id = fields.required("id", |text| UserId::parse(text).ok_or("must be a UUID"));
    let name = fields.required("name", DisplayName::parse);
    let email = fields.required("email", Email::parse);
    let password_hash = fields.required("password_hash", |text| password_hash(text, hashes));
    let created_at = fields.required("created_at", timestamp);
    let updated_at = fields.optional("updated_at", timestamp);
    let (disabled, password_expired) = (fields.flag("disabled"), fields.flag("password_expired"));
    let sessions = fields.optional_with("sessions", |value| {
        value.list(IMPORTED_SESSIONS_MAX, |item| item.object(&SESSION_FIELDS, session))
    });
    let status = AccountStatus { disabled: disabled?, password_expired: password_expired? };
    let sessions = sessions.ok()?.unwrap_or_default();
    if !sessions.is_empty() && status != AccountStatus::default() {
        fields.reject("sessions", "must be empty where the user is disabled or the password expired");
    }
    if !have_distinct_ids(&sessions) {
        fields.reject_object("two of `sessions` have the same id, or ids that begin with the same 8 bytes");
    }
    let created_at = created_at?;
    let user = User {
        id: id?,
        name: name?,
        email: email?,
        password_hash: password_hash?,
        status,
        created_at,
        updated_at: updated_at.ok()?.unwrap_or(created_at),
        version: UserVersion::FIRST,
    };
    Some(AccountRecord { user, sessions })
}

/// Whether no two ids begin alike: a store may address the records of a session by the first half of its id.
fn have_distinct_ids(sessions: &[Session]) -> bool {
    let mut seen = HashSet::new();
    sessions.iter().all(|session| seen.insert(&session.id.as_bytes()[..8]))
}

/// The hash in our spelling. The prefixes that a store uses for the account status belong to no scheme and are
/// rejected.
fn password_hash(text: &str, hashes: &HashSettings) -> Result<PasswordHash, String> {
    let hash = PasswordHash::from_imported(text).map_err(|error| format!("can't be taken: {error}"))?;
    check_hash_supported(&hash, hashes)?;
    Ok(hash)
}

/// Rejects a hash that this server could not compute: the user could never sign in.
pub(super) fn check_hash_supported(hash: &PasswordHash, hashes: &HashSettings) -> Result<(), String> {
    check_stored_hash(hash, hashes).map_err(|error| match error {
        HashError::Unreadable(why) => format!("can't be taken: {why}"),
        error => format!("can't be taken: {error}"),
    })
}

fn session(fields: &mut ObjectReader<'_>) -> Option<Session> {
    let id = fields.required("id", |text| SessionId::parse(text).ok_or("is none"));
    let proof = fields.required("proof", |text| decoded(text, SessionProof::from_slice));
    // Earlier versions wrote `made_at` and `seen_at`.
    let created_at = either(fields, "created_at", "made_at");
    if matches!(created_at, Ok(None)) {
        fields.reject("created_at", "is none");
    }
    let last_used_at = either(fields, "last_used_at", "seen_at");
    let address = fields.optional("address", |text| text.parse().map_err(|_| "is none"));
    let agent = fields.optional("agent", |text| Ok::<_, Infallible>(UserAgent::shorten(text)));
    let refresh = fields.optional("refresh", |text| decoded(text, RefreshState::from_bytes));
    let created_at = created_at.ok()??;
    Some(Session {
        id: id?,
        proof: proof?,
        created_at,
        last_used_at: last_used_at.ok()?.unwrap_or(created_at),
        address: address.ok()?,
        agent: agent.ok()?.unwrap_or_else(|| UserAgent::shorten("")),
        refresh: refresh.ok()?,
    })
}

fn decoded<T>(text: &str, read: impl FnOnce(&[u8]) -> Option<T>) -> Result<T, &'static str> {
    URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| read(&bytes)).ok_or("is none")
}

/// The timestamp in the field `name`, or else in the field `former`.
fn either(
    fields: &mut ObjectReader<'_>,
    name: &'static str,
    former: &'static str,
) -> Result<Option<Timestamp>, RejectedField> {
    match fields.optional(name, timestamp)? {
        Some(at) => Ok(Some(at)),
        None => fields.optional(former, timestamp),
    }
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
    /// The user, with the sessions if they are exported.
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
