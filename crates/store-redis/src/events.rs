//! Account events: one stream for each shard. Scripts append to it in the same step as the change. This module builds
//! their arguments and reads the stream.
//!
//! | field | holds |
//! |---|---|
//! | `user` | the user's id, 16 bytes |
//! | `kind` | the kind of event |
//! | `at` | the time, in milliseconds by the clock of the userd that made the change |
//! | `from` | the client's address as text, or empty |
//! | `by` | the principal: `session:<id>`, `key:<id>` or empty |
//!
//! To add a field: here, and in `append_event` of `scripts/prelude.lua`. The order of the fields is always the same.

use std::collections::BTreeMap;

use ::redis::{ToRedisArgs, Value};

use crate::layout::SHARD_COUNT;
use crate::store::RedisStore;
use userd_core::{AccountEvent, Actor, EventKind, PrincipalId, Timestamp, UserAgent, UserId};
use userd_store::EventPosition;

/// A shard always keeps at least this many events: the recent events of one user should outlive those of others.
const EVENTS_PER_SHARD_MIN: u64 = 100;

/// An event as the scripts append it: how many events are kept, then the values of the fields.
pub(super) type EventArgs = Vec<Vec<u8>>;

impl RedisStore {
    /// The event as the scripts append it.
    pub(super) fn event_args(&self, user: UserId, kind: EventKind, actor: &Actor, at: Timestamp) -> EventArgs {
        let kept = (self.router.settings().events_retention_max / u64::from(SHARD_COUNT)).max(EVENTS_PER_SHARD_MIN);
        let from = actor.address.map(|address| address.to_string()).unwrap_or_default();
        let fields = (user.as_bytes(), kind.as_str(), at.as_millis(), from, actor.principal.to_string());
        (kept, fields).to_redis_args()
    }
}

/// The position of an entry: its id, `<milliseconds>-<number>`.
pub(super) fn parse_position(id: &str) -> Option<EventPosition> {
    let (ms, number) = id.split_once('-')?;
    Some(EventPosition(ms.parse().ok()?, number.parse().ok()?))
}

/// An entry of a stream: its id, and its fields.
pub(super) type StreamEntry = (String, BTreeMap<String, Vec<u8>>);

pub(super) fn parse_entries(answer: Value) -> Result<Vec<StreamEntry>, &'static str> {
    ::redis::from_redis_value(answer).map_err(|_| "an entry of the events is unreadable")
}

/// The events in the answer to an `XREVRANGE`.
pub(super) fn parse_events(answer: Value) -> Result<Vec<AccountEvent>, &'static str> {
    parse_entries(answer)?.iter().filter_map(|(_, fields)| parse_event(fields).transpose()).collect()
}

/// The event; `None` if a newer userd has written an unknown kind.
pub(super) fn parse_event(fields: &BTreeMap<String, Vec<u8>>) -> Result<Option<AccountEvent>, &'static str> {
    let field = |name: &str| fields.get(name).map(Vec::as_slice);
    let text = |name: &str| field(name).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let user = field("user").and_then(UserId::from_slice).ok_or("the user of an event is not an id")?;
    let kind = text("kind").ok_or("the kind of an event is missing")?;
    let Some(kind) = EventKind::parse(kind) else { return Ok(None) };
    let at = text("at").and_then(|at| at.parse().ok()).ok_or("the time of an event is not a number")?;
    let address = match text("from").ok_or("the address of an event is missing")? {
        "" => None,
        address => Some(address.parse().map_err(|_| "the address of an event is invalid")?),
    };
    let principal = text("by").and_then(PrincipalId::from_stored).ok_or("the principal of an event is invalid")?;
    let actor = Actor { address, agent: UserAgent::default(), principal };
    Ok(Some(AccountEvent { user, kind, at: Timestamp::from_millis(at), actor }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_entry_is_read_without_panic(
            user in prop::collection::vec(any::<u8>(), 15..18), kind in "signed-in|.{0,9}", at in "[0-9]{0,22}",
            from in "192.0.2.1|.{0,9}", by in "(session|key):.{0,24}|.{0,9}", id in ".{0,9}",
        ) {
            let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
            let fields = [("user", Value::BulkString(user)), ("kind", text(&kind)), ("at", text(&at)), ("from", text(&from)), ("by", text(&by))];
            let fields = fields.into_iter().flat_map(|(name, value)| [text(name), value]).collect();
            let _ = parse_events(Value::Array(vec![Value::Array(vec![text(&id), Value::Array(fields)])]));
        }
    }
}
