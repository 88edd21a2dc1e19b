//! The record format of a user: the fields of a Redis hash. Knows no connection and no script.
//!
//! **Invariant:** the record is the only truth about its user. A user exists if `st` is `A`; a claim, a listing entry
//! or a session counts only if the record agrees. Every change raises `ver`, so a late message is recognised by an
//! old value.
//!
//! | field | holds |
//! |---|---|
//! | `st` | state: P pending sign-up, A active, X aborted sign-up (tombstone), D deleted (tombstone) |
//! | `ver` | the fencing token of the protocol: raised by every intent and every change |
//! | `rev` | the user's version in the store contract: raised by every change, and by nothing else |
//! | `name`, `made`, `upd` | name; time of sign-up and of the last change, in milliseconds |
//! | `email`, `eop` | canonical e-mail address, and the operation id (a value of `ver`) under which it was claimed |
//! | `as` | the e-mail address as the user wrote it; empty if that is the canonical form |
//! | `salt`, `hash` | the password's PHC string, split at its last `$`; it starts with the account status |
//! | `chg`, `till` | the e-mail change in flight, and the deadline of the intent (of a sign-up or a change) |
//! | `rel` | stale claims: claims that may still have to be released |
//! | `by` | the nonce of the last change, which identifies its repeat; of an imported user, a digest of the values |
//! | `epo` | the session epoch: sessions of another epoch are revoked; missing means 0 |
//! | `eby` | the nonce of the last revocation of all sessions, by which its repeat is recognised |
//!
//! `salt` and `hash` are separate so that both are at most 64 bytes: up to that length Redis keeps a hash compact.
//! `AccountStatus::encode_in_hash` describes how the status is stored.
//!
//! To add a field: name it here, write it in `user_fields`, read it in `parse_user`. The scripts take any pairs.

use ::redis::Value;

use userd_core::{
    AccountStatus, CanonicalEmail, DisplayName, Email, PasswordHash, Timestamp, User, UserId, UserVersion,
};
use userd_store::StoreError;

/// The version of this layout, kept in the key space's `meta`.
pub(super) const FORMAT_VERSION: u32 = 1;

/// The fields of a user, in the order of [`parse_user`].
pub(super) const USER_FIELDS: [&str; 9] = ["st", "rev", "name", "email", "as", "salt", "hash", "made", "upd"];

/// The field that is read after [`USER_FIELDS`] to validate sessions.
pub(super) const EPOCH_FIELD: &str = "epo";

/// [`USER_FIELDS`], then `more`.
pub(super) fn user_fields_and(more: &[&'static str]) -> Vec<&'static str> {
    [&USER_FIELDS, more].concat()
}

/// The session epoch in a field of a record.
pub(super) fn parse_epoch(field: &Value) -> Result<u32, &'static str> {
    match field {
        Value::Nil => Ok(0),
        Value::BulkString(bytes) => {
            std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or("epo is not a number")
        }
        _ => Err("epo is not a string"),
    }
}

/// Fields and values of a new user, without those that the script writes itself.
pub(super) fn user_fields(user: &User) -> Vec<String> {
    let mut pairs = vec!["made".to_owned(), user.created_at.as_millis().to_string()];
    pairs.extend(profile_fields(&user.name, &user.email, user.updated_at));
    pairs.extend(password_fields(&user.password_hash, user.status));
    pairs
}

/// Fields and values of a profile, without the canonical address.
pub(super) fn profile_fields(name: &DisplayName, email: &Email, updated_at: Timestamp) -> Vec<String> {
    let spelling = if email.as_written() == email.canonical().as_str() { "" } else { email.as_written() };
    let updated_at = updated_at.as_millis().to_string();
    ["name", name.as_str(), "as", spelling, "upd", &updated_at].map(str::to_owned).to_vec()
}

/// Fields and values of a password and the account status.
pub(super) fn password_fields(password_hash: &PasswordHash, status: AccountStatus) -> Vec<String> {
    let (head, tail) = password_hash.split();
    vec!["salt".to_owned(), status.encode_in_hash(head).into_owned(), "hash".to_owned(), tail.to_owned()]
}

/// The active user in the answer to an `HMGET` of [`USER_FIELDS`]; `None` if there is none.
pub(super) fn parse_user(id: UserId, key: &str, answer: Vec<Value>) -> Result<Option<User>, StoreError> {
    let mut fields = answer.into_iter();
    let mut next = || text(fields.next().unwrap_or(Value::Nil));
    let mut parse = || -> Result<Option<User>, &'static str> {
        match next()?.as_deref() {
            Some("A") => {}
            None | Some("P" | "X" | "D") => return Ok(None),
            Some(_) => return Err("st is none of P, A, X and D"),
        }
        let version = number(next()?).ok_or("rev is not a number")?;
        let name = DisplayName::parse(&next()?.ok_or("name is missing")?).map_err(|_| "name is not a valid name")?;
        let canonical = next()?.filter(|email| email.contains('@')).ok_or("email is missing")?;
        let written = next()?.filter(|written| !written.is_empty()).unwrap_or_else(|| canonical.clone());
        let (salt, hash) = (next()?.ok_or("salt is missing")?, next()?.ok_or("hash is missing")?);
        let (status, salt) = AccountStatus::decode_from_hash(&salt);
        let password_hash = PasswordHash::join(&salt, &hash).map_err(|_| "salt and hash are not a PHC string")?;
        let created_at = number(next()?).ok_or("made is not a number")?;
        let updated_at = number(next()?).ok_or("upd is not a number")?;
        Ok(Some(User {
            id,
            name,
            email: Email::from_stored(written, CanonicalEmail::from_stored(canonical)),
            password_hash,
            status,
            created_at: Timestamp::from_millis(created_at),
            updated_at: Timestamp::from_millis(updated_at),
            version: UserVersion::from_number(version),
        }))
    };
    parse().map_err(|what| StoreError::corrupt(key, what))
}

/// A field as text; `None` if the record does not have it.
pub(super) fn text(field: Value) -> Result<Option<String>, &'static str> {
    match field {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| "a field is not UTF-8"),
        _ => Err("a field is not a string"),
    }
}

/// A field as a number.
pub(super) fn number(text: Option<String>) -> Option<u64> {
    text?.parse().ok()
}

/// The content of a claim: its holder, and the operation id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClaimPointer {
    /// The holder.
    pub(super) id: UserId,
    /// The operation id: the value of the holder's `ver` under which the claim was made.
    pub(super) op: u64,
}

impl ClaimPointer {
    /// The pointer in `<uuid>:<op>`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (id, op) = text.split_once(':')?;
        Some(Self { id: UserId::parse(id)?, op: op.parse().ok()? })
    }

    /// The pointer in the answer to a `GET` of a claim; `None` if there is no claim.
    pub(super) fn in_answer(answer: &Value) -> Result<Option<Self>, &'static str> {
        match answer {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => {
                let pointer = std::str::from_utf8(bytes).ok().and_then(Self::parse);
                pointer.map(Some).ok_or("the claim is not a pointer")
            }
            _ => Err("the claim is not a string"),
        }
    }
}

impl std::fmt::Display for ClaimPointer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.id, self.op)
    }
}

/// A stale claim of a record: a line `<operation id> <e-mail>` of its `rel`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClaimEntry {
    /// The operation id under which it was claimed.
    pub(super) op: u64,
    /// The canonical e-mail address.
    pub(super) email: CanonicalEmail,
}

/// The claims in a record's `rel`. Other lines are skipped; the consistency check reports them.
pub(super) fn parse_claims(rel: &str) -> Vec<ClaimEntry> {
    rel.lines()
        .filter_map(|line| {
            let (op, email) = line.split_once(' ')?;
            Some(ClaimEntry { op: op.parse().ok()?, email: CanonicalEmail::from_stored(email.to_owned()) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa5f3";

    fn any_field() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Nil),
            any::<Vec<u8>>().prop_map(Value::BulkString),
            any::<i64>().prop_map(Value::Int),
            "[0-9]{1,20}|A|a@b.cd|\\$a\\$b".prop_map(|text| Value::BulkString(text.into_bytes())),
        ]
    }

    proptest! {
        #[test]
        fn reading_any_answer_never_panics(fields in prop::collection::vec(any_field(), 0..12)) {
            let id = UserId::parse(ID).expect("an id");
            let _ = parse_user(id, "key", fields);
        }

        #[test]
        fn any_text_is_a_pointer_or_is_not_and_a_pointer_is_read_back(text in any::<String>(), op in any::<u64>()) {
            let _ = ClaimPointer::parse(&text);
            let pointer = ClaimPointer { id: UserId::parse(ID).expect("an id"), op };
            prop_assert_eq!(ClaimPointer::parse(&pointer.to_string()), Some(pointer));
        }

        #[test]
        fn any_list_of_claims_is_read_without_panic(text in any::<String>()) {
            let _ = parse_claims(&text);
        }
    }

    #[test]
    fn a_list_of_claims_is_read_line_by_line() {
        let list = parse_claims("1 a@example.org\n12 b@example.org\nnonsense\n");
        assert_eq!(list.len(), 2);
        assert_eq!((list[1].op, list[1].email.as_str()), (12, "b@example.org"));
    }
}
