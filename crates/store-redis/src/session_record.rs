//! The record format of a session: fields of a Redis hash of its user. Knows no connection. `scripts/sessions.lua`
//! reads and writes the same fields, and must be changed together with this module.
//!
//! **Invariant:** a session is valid only if its epoch equals the epoch of the user's record.
//!
//! | field | holds |
//! |---|---|
//! | id (16 bytes) | the core: proof 16, epoch 4, created 6, last used 6, address 0, 4 or 16 bytes |
//! | half the id (8 bytes) and `u` | the user agent; missing if the client sent none |
//! | half the id and `r`, `s`, `t` | the refresh state in chunks of 64 bytes; missing if there is none |
//!
//! Numbers are big-endian, times in milliseconds. Half an id is enough to distinguish the sessions of one
//! user. No value is longer than 64 bytes, because Redis keeps a hash compact only up to that length.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ::redis::Value;

use userd_core::{
    RefreshState, Session, SessionId, SessionProof, TIMESTAMP_BYTES, Timestamp, UserAgent, address_from_bytes,
    address_to_bytes,
};

/// The suffixes of the fields beside the core: the user agent, then the chunks of the refresh state in order.
const FIELD_SUFFIXES: [u8; 4] = *b"urst";

/// The longest chunk of a refresh state.
pub(super) const REFRESH_CHUNK_BYTES: usize = 64;

/// A session and the epoch in which it is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredSession {
    /// The session.
    pub(super) session: Session,
    /// The epoch that the record must have.
    pub(super) epoch: u32,
}

/// The names of a session's fields, in the order of [`parse_fields`].
pub(super) fn field_names(id: SessionId) -> Vec<Vec<u8>> {
    let core = id.as_bytes().to_vec();
    let others = FIELD_SUFFIXES.iter().map(|&letter| [&core[..8], &[letter]].concat());
    let others: Vec<Vec<u8>> = others.collect();
    std::iter::once(core).chain(others).collect()
}

/// The core of a session in epoch 0; a script sets the epoch.
pub(super) fn encode_core(
    proof: SessionProof,
    created_at: Timestamp,
    last_used_at: Timestamp,
    address: Option<IpAddr>,
) -> Vec<u8> {
    let (made, seen) = (created_at.to_bytes(), last_used_at.to_bytes());
    [&proof.as_bytes()[..], &[0; 4], &made, &seen, &address_to_bytes(address)].concat()
}

/// The session in the answer to an `HMGET` of [`field_names`]; `None` if there is none.
pub(super) fn parse_fields(id: SessionId, answer: Value) -> Result<Option<StoredSession>, &'static str> {
    let Value::Array(_) = answer else { return Err("the key holds another type") };
    let values: Vec<Vec<u8>> = ::redis::from_redis_value(answer).map_err(|_| "a field of a session is not a string")?;
    match values.split_first() {
        Some((core, [agent, refresh @ ..])) if !core.is_empty() => {
            parse_parts(id, core, agent, &refresh.concat()).map(Some)
        }
        _ => Ok(None),
    }
}

/// All sessions in the answer to an `HGETALL`.
pub(super) fn parse_all(answer: Value) -> Result<Vec<StoredSession>, &'static str> {
    let mut fields: BTreeMap<Vec<u8>, Vec<u8>> =
        ::redis::from_redis_value(answer).map_err(|_| "the key holds another type")?;
    let mut known = BTreeSet::new();
    let ids: Vec<SessionId> = fields.keys().filter_map(|name| SessionId::from_slice(name)).collect();
    let mut all = Vec::with_capacity(ids.len());
    for id in ids {
        let mut values = field_names(id).into_iter().map(|name| {
            known.insert(name.clone());
            fields.get(&name).cloned().unwrap_or_default()
        });
        let core = values.next().unwrap_or_default();
        let agent = values.next().unwrap_or_default();
        let refresh: Vec<Vec<u8>> = values.collect();
        all.push(parse_parts(id, &core, &agent, &refresh.concat())?);
    }
    fields.retain(|name, _| !known.contains(name));
    if fields.is_empty() { Ok(all) } else { Err("a field belongs to no session") }
}

/// The sessions of `epoch`, the newest first.
pub(super) fn of_epoch(all: Vec<StoredSession>, epoch: u32) -> Vec<Session> {
    let own = all.into_iter().filter(|kept| kept.epoch == epoch).map(|kept| kept.session);
    let mut own: Vec<Session> = own.collect();
    own.sort_by_key(|session| std::cmp::Reverse((session.created_at, session.id)));
    own
}

/// The session with these values. An empty refresh state means that there is none.
pub(super) fn parse_parts(
    id: SessionId,
    core: &[u8],
    agent: &[u8],
    refresh: &[u8],
) -> Result<StoredSession, &'static str> {
    let fixed = || -> Option<_> {
        let (proof, rest) = core.split_first_chunk::<16>()?;
        let (epoch, rest) = rest.split_first_chunk::<4>()?;
        let (made, rest) = rest.split_first_chunk::<TIMESTAMP_BYTES>()?;
        let (seen, address) = rest.split_first_chunk::<TIMESTAMP_BYTES>()?;
        Some((SessionProof::from_slice(proof)?, u32::from_be_bytes(*epoch), *made, *seen, address))
    };
    let (proof, epoch, made, seen, address) = fixed().ok_or("the core of a session is too short")?;
    let (created_at, last_used_at) = (Timestamp::from_bytes(made), Timestamp::from_bytes(seen));
    let address = address_from_bytes(address).map_err(|_| "the address of a session is invalid")?;
    let agent = String::from_utf8(agent.to_vec()).map_err(|_| "the user agent of a session is not UTF-8")?;
    let refresh = match refresh {
        [] => None,
        bytes => Some(RefreshState::from_bytes(bytes).ok_or("the refresh state of a session is invalid")?),
    };
    let agent = UserAgent::from_stored(agent);
    Ok(StoredSession { session: Session { id, proof, created_at, last_used_at, address, agent, refresh }, epoch })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Nil),
            prop::collection::vec(any::<u8>(), 0..70).prop_map(Value::BulkString),
            prop::collection::vec(any::<u8>(), 36..=36).prop_map(Value::BulkString),
            any::<i64>().prop_map(Value::Int),
        ]
    }

    fn any_address() -> impl Strategy<Value = Option<IpAddr>> {
        prop_oneof![
            Just(None),
            any::<[u8; 4]>().prop_map(|octets| Some(octets.into())),
            any::<[u8; 16]>().prop_map(|octets| Some(octets.into())),
        ]
    }

    fn id(bytes: [u8; 16]) -> SessionId {
        SessionId::from_slice(&bytes).expect("sixteen bytes")
    }

    proptest! {
        #[test]
        fn a_written_session_is_read_back(
            bytes: [u8; 16], proof: [u8; 16], at in 0..253_402_300_799_999_u64, address in any_address(), agent in ".{0,16}"
        ) {
            let (id, proof) = (id(bytes), SessionProof::from_slice(&proof).expect("sixteen bytes"));
            let at = Timestamp::from_millis(at);
            let core = encode_core(proof, at, at, address);
            prop_assert!(core.len() <= 64);
            let StoredSession { session, epoch } = parse_parts(id, &core, agent.as_bytes(), &[]).expect("our own");
            let agent = UserAgent::from_stored(agent);
            prop_assert_eq!(session, Session { id, proof, created_at: at, last_used_at: at, address, agent, refresh: None });
            prop_assert_eq!(epoch, 0);
        }

        #[test]
        fn any_fields_are_read_without_panic(bytes: [u8; 16], values in prop::collection::vec(any_value(), 0..7)) {
            let _ = parse_fields(id(bytes), Value::Array(values));
        }

        #[test]
        fn any_hash_is_read_without_panic(values in prop::collection::vec(any_value(), 0..12), bytes: [u8; 16]) {
            let pairs = field_names(id(bytes)).into_iter().map(Value::BulkString).zip(values.clone());
            let _ = parse_all(Value::Array(pairs.flat_map(|(name, value)| [name, value]).collect()));
            let _ = parse_all(Value::Array(values));
        }

        #[test]
        fn any_core_of_another_length_is_rejected(core in prop::collection::vec(any::<u8>(), 0..70)) {
            let good = matches!(core.len(), 32 | 36 | 48);
            prop_assert_eq!(parse_parts(id([7; 16]), &core, &[], &[]).is_ok(), good);
        }
    }

    #[test]
    fn a_field_that_belongs_to_no_session_is_rejected() {
        let core = Value::BulkString(vec![1; 36]);
        let hash = |name: Vec<u8>| {
            let other = [Value::BulkString(name), Value::BulkString(b"curl".to_vec())];
            parse_all(Value::Array([vec![Value::BulkString(vec![7; 16]), core.clone()], other.to_vec()].concat()))
        };
        assert_eq!(hash([&[7; 8][..], b"u"].concat()).expect("her agent")[0].session.agent.as_str(), "curl");
        for name in [[&[7; 8][..], b"x"].concat(), [&[8; 8][..], b"u"].concat(), b"name".to_vec()] {
            assert!(hash(name).is_err());
        }
    }
}
