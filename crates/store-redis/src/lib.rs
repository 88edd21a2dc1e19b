//! The store on Redis or Valkey: one server, a primary watched by Sentinels, or a cluster. Many userd processes may
//! share it.
//!
//! # Keys
//! All keys start with a prefix (`userd:` by default). `{1f3}` is one of 1024 hash tags: all keys of a shard are in one
//! slot of a cluster.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `userd:{1f3}:user:<uuid>` | hash | the record, the only truth about a user: see `user_record` |
//! | `userd:{1f3}:users` | sorted set, score 0 | ids of the shard's active users |
//! | `userd:{1f3}:emails` | sorted set, score 0 | `<canonical e-mail>\0<uuid>` of the shard's active users |
//! | `userd:{2a7}:claim:<canonical e-mail>` | string | `<uuid>:<operation id>`: a pointer, never the truth |
//! | `userd:{1f3}:sessions:<uuid>` | hash | the user's sessions: see `session_record` |
//! | `userd:{1f3}:events` | stream | the events of the shard's users: see `events` |
//! | `userd:{2a7}:throttle:<letter>:<digests>` | string, expires | a rate limit bucket: see `rate_limit` |
//! | `userd:{000}:keys:<kind>` | hash | the service's own keys: see `service_keys` |
//! | `userd:{1f3}:ack` | string | nothing: the barrier of `connection::acknowledge` |
//! | `userd:{1f3}:store` | string | the id of the store: the mark of the shard, see `connection::store_id` |
//! | `userd:meta` | hash | versions of format and canonicalisation, the id of the store, whether all shards have it |
//!
//! # Uniqueness
//! A user and their e-mail address are in different shards, so each change that concerns both goes through the claim
//! protocol (`docs/claim-protocol.md`): steps that each touch one shard, are atomic and idempotent, and are fenced by a
//! counter in the record. `protocol` has the steps; `protocol::{sign_up, change_profile, delete_user}` put them in
//! order, `protocol::import` does so for many users at once, and `scripts/*.lua` say why each step is right. The
//! protocol holds for every crash, pause and repeat, and for any clock.
//!
//! # Sessions and events
//! They are in the user's shard, so that one script changes them together with the record. Such a script has several
//! keys: while the slot of the shard is moved key by key it waits (`TRYAGAIN`) until its deadline, and a sign-up takes
//! another id. Session checks read one key each and continue.
//!
//! # How to add a step
//! One script in `scripts/` with its teaching comment, one row in `script`, one typed call in `protocol`. A script
//! checks everything first and writes last, touches one shard, and answers a repeat as before.

mod check;
mod connection;
mod events;
mod export;
pub mod layout;
mod legacy;
mod listing;
mod merge_listings;
mod nonce;
mod protocol;
mod rate_limit;
mod script;
mod service_keys;
mod session_record;
mod sessions;
mod settings;
mod startup_checks;
mod store;
mod user_record;
mod users;

pub use self::legacy::LegacyDatabase;
pub use self::protocol::INTENT_MS;
pub use self::settings::{
    AckRequirement, NodeAddress, RedisDurability, RedisSettings, SentinelSettings, ServerCredentials, ServerTopology,
    StoreIdPolicy,
};
pub use self::store::{RedisStartError, RedisStore};
