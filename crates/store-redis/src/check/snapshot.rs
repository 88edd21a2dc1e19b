//! Parses what a record and a claim say, as far as the check needs it. Pure: from answers of the server to values.

use ::redis::Value;

use crate::user_record::{self, ClaimEntry, ClaimPointer, number, text};
use userd_core::{CanonicalEmail, Timestamp, UserId};
use userd_store::StoreError;

/// The fields that are read after [`user_record::USER_FIELDS`].
const PROTOCOL_FIELDS: [&str; 5] = ["ver", "eop", "chg", "till", "rel"];

/// An intent whose deadline is further ahead than this counts as overdue: a clock must have jumped. The scripts,
/// which run for a waiting request, use five minutes (`left_ms`); the check can wait, and its own clock may be the
/// slow one.
const INTENT_LEFT_MS_MAX: u64 = 24 * 3_600_000;

/// The fields of a record that is checked.
pub(super) fn all_fields() -> Vec<&'static str> {
    user_record::user_fields_and(&PROTOCOL_FIELDS)
}

/// The fields that are read from the holder of a claim or of a listing entry.
pub(super) const HOLDER_FIELDS: [&str; 7] = ["st", "email", "eop", "chg", "till", "rel", "as"];

/// How many of [`HOLDER_FIELDS`] show that a claim is owned.
pub(super) const OWNERSHIP_FIELDS: usize = 3;

/// The state of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordState {
    Pending,
    Active,
    Tombstone,
}

/// What a record says about itself and its claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordContents {
    pub(super) state: RecordState,
    /// Empty in a tombstone.
    pub(super) email: CanonicalEmail,
    /// The operation id under which the address is claimed.
    pub(super) eop: u64,
    /// The e-mail change in flight.
    pub(super) change: Option<ClaimEntry>,
    /// The deadline of an intent; 0 if there is none, or it is unreadable.
    pub(super) till: u64,
    /// Claims that may still have to be released.
    pub(super) stale_claims: Vec<ClaimEntry>,
    /// The fencing token.
    fence: u64,
    /// Whether the canonical address is not that of the address as written.
    pub(super) canonical_mismatch: bool,
}

/// What is stored at the key of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RecordSnapshot {
    /// Nothing.
    Missing,
    /// Something that no step writes; the reason in words.
    Unreadable(String),
    /// A record.
    Parsed(RecordContents),
}

/// What is stored at the key of a claim: a pointer, nothing, or (the error) anything else.
pub(super) type ClaimValue = Result<Option<ClaimPointer>, &'static str>;

/// The validity of a claim, by its holder's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClaimValidity {
    /// The holder has the address.
    Owned,
    /// The holder has the address, but under another operation id: after a rollback, or a restored record. The check of
    /// the record corrects the claim in one step; releasing it first would make the address available.
    OtherOp,
    /// An intent of the holder, in time or overdue, or one of its stale claims. The check of the record handles it.
    Intent,
    /// The holder's record does not know about it.
    Dead,
    /// The holder's record is unreadable.
    Unknown,
}

/// The answer to an `HMGET` as strings.
fn texts(answer: Value) -> Result<Vec<Option<String>>, &'static str> {
    match answer {
        Value::Array(fields) => fields.into_iter().map(text).collect(),
        _ => Err("the key holds another type"),
    }
}

/// Parses the answer to [`all_fields`].
pub(super) fn parse_record(id: UserId, answer: Value) -> RecordSnapshot {
    let Value::Array(mut fields) = answer else {
        return RecordSnapshot::Unreadable("the key holds another type".to_owned());
    };
    if fields.iter().all(|field| *field == Value::Nil) {
        return RecordSnapshot::Missing;
    }
    let more = fields.split_off(fields.len().min(user_record::USER_FIELDS.len()));
    let email = fields.get(3).cloned().unwrap_or(Value::Nil);
    let personal = fields.iter().skip(2).any(|field| *field != Value::Nil);
    let state = match fields.first() {
        Some(Value::BulkString(state)) => state.clone(),
        _ => Vec::new(),
    };
    let user = match user_record::parse_user(id, "", fields) {
        Ok(user) => user,
        Err(StoreError::Corrupt { source, .. }) => return RecordSnapshot::Unreadable(source.to_string()),
        Err(other) => return RecordSnapshot::Unreadable(other.to_string()),
    };
    let canonical_mismatch =
        user.as_ref().is_some_and(|user| !is_canonical_of(user.email.canonical().as_str(), user.email.as_written()));
    match parse_protocol_fields(&state, email, more, personal) {
        Ok(contents) => RecordSnapshot::Parsed(RecordContents { canonical_mismatch, ..contents }),
        Err(what) => RecordSnapshot::Unreadable(what.to_owned()),
    }
}

fn parse_protocol_fields(
    state: &[u8],
    email: Value,
    more: Vec<Value>,
    personal: bool,
) -> Result<RecordContents, &'static str> {
    let mut more = more.into_iter();
    let mut next = || text(more.next().unwrap_or(Value::Nil));
    let fence = number(next()?).ok_or("ver is not a number")?;
    let (eop, change, till, rel) = (next()?, next()?, next()?, next()?.unwrap_or_default());
    let stale_claims = user_record::parse_claims(&rel);
    if stale_claims.len() != rel.lines().count() {
        return Err("rel has a line that is not a claim");
    }
    let state = match state {
        b"P" => RecordState::Pending,
        b"A" => RecordState::Active,
        b"X" | b"D" if personal => return Err("the tombstone still has fields of the user"),
        b"X" | b"D" => RecordState::Tombstone,
        _ => return Err("st is none of P, A, X and D"),
    };
    let (mut email, mut eop, change) = (text(email)?, number(eop), parse_change(change)?);
    if state == RecordState::Tombstone {
        (email, eop) = (Some(String::new()), Some(0));
    }
    let email = CanonicalEmail::from_stored(email.ok_or("email is missing")?);
    let eop = eop.filter(|&eop| eop <= fence).ok_or("eop is not a number up to ver")?;
    let till = number(till).unwrap_or(0);
    Ok(RecordContents { state, email, eop, change, till, stale_claims, fence, canonical_mismatch: false })
}

fn parse_change(text: Option<String>) -> Result<Option<ClaimEntry>, &'static str> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let [one] = <[ClaimEntry; 1]>::try_from(user_record::parse_claims(&text)).map_err(|_| "chg is not a claim")?;
    Ok(Some(one))
}

/// Whether `canonical` is the canonical form of `written`.
fn is_canonical_of(canonical: &str, written: &str) -> bool {
    CanonicalEmail::parse(written).is_ok_and(|email| email.as_str() == canonical)
}

/// Whether an intent with this deadline may be aborted.
pub(super) fn is_overdue(till: u64, now: Timestamp) -> bool {
    till < now.as_millis() || till - now.as_millis() > INTENT_LEFT_MS_MAX
}

/// The validity of the claim `pointer` on `email`, from the holder's answer to [`HOLDER_FIELDS`]. Changes nothing,
/// unlike
/// `resolve`.
pub(super) fn validity(email: &CanonicalEmail, pointer: ClaimPointer, answer: Value) -> ClaimValidity {
    let Ok(fields) = texts(answer) else { return ClaimValidity::Unknown };
    let field = |place: usize| fields.get(place).and_then(Option::as_deref).unwrap_or_default();
    if fields.iter().all(Option::is_none) {
        return ClaimValidity::Dead;
    }
    let op = pointer.op;
    let listed = user_record::parse_claims(field(5)).iter().any(|entry| entry.op == op && entry.email == *email);
    let in_flight = field(3) == format!("{op} {email}");
    let has = field(1) == email.as_str();
    match field(0) {
        "A" if field(1).is_empty() => ClaimValidity::Unknown,
        "A" if has && field(2) == op.to_string() => ClaimValidity::Owned,
        "A" if has => ClaimValidity::OtherOp,
        "P" if has && op == 1 => ClaimValidity::Intent,
        "A" if in_flight => ClaimValidity::Intent,
        "P" | "A" | "X" | "D" if listed => ClaimValidity::Intent,
        // The address in the record is itself in doubt: this may be the right claim.
        "A" if !field(6).is_empty() && !is_canonical_of(field(1), field(6)) => ClaimValidity::Unknown,
        "P" | "A" | "X" | "D" => ClaimValidity::Dead,
        _ => ClaimValidity::Unknown,
    }
}

/// Whether the answer to [`HOLDER_FIELDS`] is that of an active user with `email` (any, if `None`); `None` if the
/// record is unreadable.
pub(super) fn owns_email(email: Option<&CanonicalEmail>, answer: Value) -> Option<bool> {
    let fields = texts(answer).ok()?;
    let field = |place: usize| fields.get(place).and_then(Option::as_deref).unwrap_or_default();
    match field(0) {
        "A" if field(1).is_empty() => None,
        "A" => Some(email.is_none_or(|email| field(1) == email.as_str())),
        "P" | "X" | "D" => Some(false),
        "" if fields.iter().all(Option::is_none) => Some(false),
        _ => None,
    }
}
