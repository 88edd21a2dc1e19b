//! What a record and a claim say, as far as the doctor asks. Pure: from answers of the server to values.

use ::redis::Value;

use crate::record::{self, Owed, Pointer};
use userd_core::{CanonicalEmail, Timestamp, UserId};
use userd_store::StoreError;

/// What is asked of a record beside [`record::READ`], after it.
const MORE: [&str; 5] = ["ver", "eop", "chg", "till", "rel"];

/// An intent whose deadline lies further ahead than this counts as overdue: a clock must have jumped. The scripts, asked
/// by somebody who waits for the e-mail, say so after five minutes (`left_ms`); the doctor is in no hurry, and its own
/// clock may be the slow one.
const INTENT_LEFT_MS_MAX: u64 = 24 * 3_600_000;

/// The fields asked of a record that is looked at whole.
pub(super) fn whole_fields() -> Vec<&'static str> {
    record::READ.into_iter().chain(MORE).collect()
}

/// The fields asked of the holder of a claim or of a listing entry.
pub(super) const HOLDER: [&str; 7] = ["st", "email", "eop", "chg", "till", "rel", "as"];

/// How many of [`HOLDER`] tell that a claim is owned.
pub(super) const OWNED_BY: usize = 3;

/// The state of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Pending,
    Active,
    Tombstone,
}

/// What a record says of itself and of claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) state: State,
    /// Empty in a tombstone.
    pub(super) email: CanonicalEmail,
    /// The op under which the e-mail is claimed.
    pub(super) eop: u64,
    /// The e-mail change in flight.
    pub(super) change: Option<Owed>,
    /// The deadline of an intent; 0 if there is none that can be read.
    pub(super) till: u64,
    pub(super) owed: Vec<Owed>,
}

/// What lies where a record should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    /// Nothing.
    Gone,
    /// Something that no step writes, and why.
    Unreadable(String),
    /// A record, with its fence.
    Whole { said: Said, fence: u64, canonical_wrong: bool },
}

/// What an e-mail's claim holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    Nothing,
    Pointer(Pointer),
    /// Something else.
    Garbage,
}

/// What a claim is worth by what its holder's record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// The holder has the e-mail.
    Owned,
    /// The holder has the e-mail, but under another op: after a rollback, or a record that came from a backup. The
    /// check of the record puts the claim right in one step; to release it first would set the e-mail free.
    OtherOp,
    /// The holder's intent, in time or overdue, or a claim that the record lists to be released: the record's
    /// own affair.
    Intent,
    /// The holder's record says nothing of it.
    Dead,
    /// The holder's record can't be read.
    Unknown,
}

fn text(value: Value) -> Result<Option<String>, &'static str> {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| "a field is not UTF-8"),
        _ => Err("the key holds another type"),
    }
}

/// The answers to an `HMGET`, as texts.
fn texts(answer: Value) -> Result<Vec<Option<String>>, &'static str> {
    match answer {
        Value::Array(fields) => fields.into_iter().map(text).collect(),
        _ => Err("the key holds another type"),
    }
}

/// Reads the answer to [`whole_fields`].
pub(super) fn whole(id: UserId, answer: Value) -> Record {
    let Value::Array(mut fields) = answer else { return Record::Unreadable("the key holds another type".to_owned()) };
    if fields.iter().all(|field| *field == Value::Nil) {
        return Record::Gone;
    }
    let more = fields.split_off(fields.len().min(record::READ.len()));
    let email = fields.get(3).cloned().unwrap_or(Value::Nil);
    let personal = fields.iter().skip(2).any(|field| *field != Value::Nil);
    let state = match fields.first() {
        Some(Value::BulkString(state)) => state.clone(),
        _ => Vec::new(),
    };
    let user = match record::read(id, "", fields) {
        Ok(user) => user,
        Err(StoreError::Corrupt { source, .. }) => return Record::Unreadable(source.to_string()),
        Err(other) => return Record::Unreadable(other.to_string()),
    };
    let canonical_wrong =
        user.as_ref().is_some_and(|user| !is_canonical_of(user.email.canonical().as_str(), user.email.as_written()));
    match rest(&state, email, more, personal) {
        Ok((said, fence)) => Record::Whole { said, fence, canonical_wrong },
        Err(what) => Record::Unreadable(what.to_owned()),
    }
}

fn rest(state: &[u8], email: Value, more: Vec<Value>, personal: bool) -> Result<(Said, u64), &'static str> {
    let mut more = more.into_iter();
    let mut next = || text(more.next().unwrap_or(Value::Nil));
    let fence = number(next()?).ok_or("ver is no number")?;
    let (eop, change, till, rel) = (next()?, next()?, next()?, next()?.unwrap_or_default());
    let owed = record::owed(&rel);
    if owed.len() != rel.lines().count() {
        return Err("rel holds a line that is no claim");
    }
    let state = match state {
        b"P" => State::Pending,
        b"A" => State::Active,
        b"X" | b"D" if personal => return Err("the tombstone still holds fields of the user"),
        b"X" | b"D" => State::Tombstone,
        _ => return Err("st is none of P, A, X, D"),
    };
    let (mut email, mut eop, change) = (text(email)?, number(eop), change_of(change)?);
    if state == State::Tombstone {
        (email, eop) = (Some(String::new()), Some(0));
    }
    let email = CanonicalEmail::from_stored(email.ok_or("email is missing")?);
    let eop = eop.filter(|&eop| eop <= fence).ok_or("eop is no number up to ver")?;
    Ok((Said { state, email, eop, change, till: number(till).unwrap_or(0), owed }, fence))
}

fn change_of(text: Option<String>) -> Result<Option<Owed>, &'static str> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => match <[Owed; 1]>::try_from(record::owed(&text)) {
            Ok([one]) => Ok(Some(one)),
            Err(_) => Err("chg is no claim"),
        },
    }
}

fn number(text: Option<String>) -> Option<u64> {
    text?.parse().ok()
}

/// Whether `canonical` is the canonical form of `written`.
fn is_canonical_of(canonical: &str, written: &str) -> bool {
    CanonicalEmail::parse(written).is_ok_and(|email| email.as_str() == canonical)
}

/// Whether an intent with this deadline may be given up.
pub(super) fn overdue(till: u64, now: Timestamp) -> bool {
    till < now.as_millis() || till - now.as_millis() > INTENT_LEFT_MS_MAX
}

/// Reads the answer to a `GET` of a claim.
pub(super) fn held(answer: &Value) -> Held {
    match answer {
        Value::Nil => Held::Nothing,
        Value::BulkString(bytes) => {
            std::str::from_utf8(bytes).ok().and_then(Pointer::parse).map_or(Held::Garbage, Held::Pointer)
        }
        _ => Held::Garbage,
    }
}

/// Judges the claim of `pointer` on `email` by the holder's answer to [`HOLDER`]. Kills nothing, unlike resolve.
pub(super) fn worth(email: &CanonicalEmail, pointer: Pointer, answer: Value) -> Worth {
    let Ok(fields) = texts(answer) else { return Worth::Unknown };
    let field = |place: usize| fields.get(place).and_then(Option::as_deref).unwrap_or_default();
    if fields.iter().all(Option::is_none) {
        return Worth::Dead;
    }
    let Owed { op, email } = Owed { op: pointer.op, email: email.clone() };
    let listed = record::owed(field(5)).iter().any(|owed| owed.op == op && owed.email == email);
    let in_flight = field(3) == format!("{op} {email}");
    let has = field(1) == email.as_str();
    match field(0) {
        "A" if field(1).is_empty() => Worth::Unknown,
        "A" if has && field(2) == op.to_string() => Worth::Owned,
        "A" if has => Worth::OtherOp,
        "P" if has && op == 1 => Worth::Intent,
        "A" if in_flight => Worth::Intent,
        "P" | "A" | "X" | "D" if listed => Worth::Intent,
        // The e-mail in the record is itself in doubt: this may be the right claim.
        "A" if !field(6).is_empty() && !is_canonical_of(field(1), field(6)) => Worth::Unknown,
        "P" | "A" | "X" | "D" => Worth::Dead,
        _ => Worth::Unknown,
    }
}

/// Whether the holder's answer to [`HOLDER`] says that an active user has `email` (any, if `None`); `None` if it
/// can't be read.
pub(super) fn has(email: Option<&str>, answer: Value) -> Option<bool> {
    let fields = texts(answer).ok()?;
    let field = |place: usize| fields.get(place).and_then(Option::as_deref).unwrap_or_default();
    match field(0) {
        "A" if field(1).is_empty() => None,
        "A" => Some(email.is_none_or(|email| field(1) == email)),
        "P" | "X" | "D" => Some(false),
        "" if fields.iter().all(Option::is_none) => Some(false),
        _ => None,
    }
}
