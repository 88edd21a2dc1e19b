//! The connections to the servers: which server holds a shard, what is sent to it, and what is retried.
//!
//! | module | what it is |
//! |---|---|
//! | `router` | the entry point: routes a request to its server and retries it within its deadline |
//! | `request`, `pipeline` | one request, and how its errors are handled; many reads, many steps at once |
//! | `node`, `state` | one server: the supervisor that connects, and the state that requests share with it |
//! | `connect`, `inspect`, `versions` | how connections are made: log in, check the server, load the scripts |
//! | `store_id`, `shard_marks`, `known_id` | whether the servers hold the store that is served |
//! | `dial` | one connection, and the diagnosis of a TLS mismatch |
//! | `acknowledge`, `replicas`, `fsync_check` | waiting for replicas and disks |
//! | `cluster`, `slots` | which node of a cluster serves which shard |
//! | `sentinel`, `sentinel_watch` | which server the Sentinels name as the primary |
//! | `context`, `connect_error`, `request_error` | plain data for all of these |
//!
//! Dependencies point one way: a connection is made from a [`context::ServerContext`] and returned as parts, and only
//! `node` puts the parts into a [`state::NodeState`].
//!
//! **Invariant:** everything that is sent through here may be sent twice: reads, and idempotent scripts. That is why a
//! request whose response was lost is sent again. The few scripts that are not idempotent
//! (`Script::is_repeatable`) fail instead. Requests of all tasks share connections and are pipelined, so no blocking
//! command may be sent on a shared connection.
//!
//! To add a command: a method of `ShardRouter`, with a variant of `ServerRequest` only if it is retried in a new way.

mod acknowledge;
mod cluster;
mod connect;
mod connect_error;
mod context;
mod dial;
mod fsync_check;
mod inspect;
mod known_id;
mod node;
mod pipeline;
mod replicas;
mod request;
mod request_error;
mod router;
mod sentinel;
mod sentinel_watch;
mod shard_marks;
mod slots;
mod state;
mod store_id;
mod versions;

pub(super) use self::dial::dial_for_reading;
pub(super) use self::pipeline::PipelineStep;
pub(super) use self::request_error::RequestError;
pub(super) use self::router::{ScriptReply, ShardRouter};
pub(super) use self::shard_marks::{MarkEvidence, MarkVerdict, MetaEntry, StoreMark};
