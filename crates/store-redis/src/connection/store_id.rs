//! Compares the id of the store with that of the servers: at the start in every shard, then on each new connection and
//! every two seconds with two reads in one packet. A server that was emptied, swapped, or belongs to another store is
//! refused before anything is read from it or written to it.
//!
//! What the answers mean is in `shard_marks`. The reasons are in `docs/decisions/0027-store-id.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, Pipeline, RedisError, Value};
use futures_util::future;

use super::connect_error::{ConnectError, command_error, is_unable};
use super::context::ServerContext;
use super::dial::dial;
use super::known_id::StoreId;
use super::shard_marks::{MarkEvidence, MarkVerdict, MetaEntry, StoreMark};
use super::slots::{self, slot_of};
use crate::layout::Shard;
use crate::script::Script;
use crate::settings::{NodeAddress, StoreIdPolicy};

/// How often contradictory evidence is collected again: another userd may be marking the store at this moment.
const ATTEMPTS: usize = 5;

/// The pause before that.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(40);

/// A server, and the shards that it holds.
struct ShardHolder {
    address: Option<NodeAddress>,
    shards: Vec<Shard>,
    /// `None` if it does not answer.
    connection: Option<MultiplexedConnection>,
}

/// Compares the server's id with the known one, if there is one.
///
/// # Errors
/// It is another store, or the server does not answer.
pub(super) async fn compare(
    server: &ServerContext,
    address: &NodeAddress,
    connection: &mut MultiplexedConnection,
) -> Result<(), ConnectError> {
    let known_id = &server.shared.known_id;
    let Some(known) = known_id.get() else { return Ok(()) };
    let (keys, shard) = (server.keys(), server.replicas.home_shard());
    let mut reads = Pipeline::with_capacity(2);
    reads.cmd("HMGET").arg(keys.meta()).arg("id");
    reads.cmd("GET").arg(keys.store_id(shard));
    let mut answers = connection.send_packed_commands(&reads, 0, 2).await?.into_iter();
    let meta = StoreMark::in_answer(first_field(answers.next().unwrap_or(Value::Nil)))?;
    let shard_mark = StoreMark::in_answer(answers.next().unwrap_or(Value::Nil))?;
    if shard_mark == StoreMark::Unknown {
        server.replicas.next_home_shard();
    }
    let is_wrong = |mark: &StoreMark, may_be_missing: bool| match mark {
        StoreMark::Missing => !may_be_missing,
        StoreMark::Id(id) => *id != known.text,
        StoreMark::Unknown => false,
    };
    if !is_wrong(&meta, false) && !is_wrong(&shard_mark, !known.is_complete) {
        server.set_wrong_store(false);
        return Ok(());
    }
    let is_empty = [&meta, &shard_mark].into_iter().all(|mark| !matches!(mark, StoreMark::Id(_)));
    if server.settings().allow_volatile_store {
        // Another userd may have given the emptied store an id already.
        tracing::warn!(%address, "the store was emptied: every account is lost (redis.allow_volatile_store is set)");
        known_id.forget();
        server.set_wrong_store(false);
        return Ok(());
    }
    server.set_wrong_store(true);
    Err(ConnectError::Refused(if is_empty {
        format!(
            "{address} no longer has the data of the store {}: it was emptied (FLUSHALL?), restarted or replaced without \
             its data; userd reads and writes nothing there. Restore the data, and userd continues by itself; if the \
             store was emptied on purpose, restart every userd",
            known.text
        )
    } else {
        format!(
            "{address} holds another store than {}, which this userd serves; userd reads and writes nothing there. \
             Correct the address or restore the data, and userd continues by itself; to serve the other store, restart \
             every userd",
            known.text
        )
    }))
}

/// Finds out the store's id and compares it with the marks of all shards, unless that is done. Marks a store that is
/// new or was written by an older userd. `connection` is one to the server at `address`.
///
/// # Errors
/// A part of the store is lost or foreign, or the servers do not answer.
pub(super) async fn establish(
    server: &ServerContext,
    address: &NodeAddress,
    connection: &mut MultiplexedConnection,
) -> Result<(), ConnectError> {
    let (shared, settings) = (&server.shared, server.settings());
    if settings.store_id == StoreIdPolicy::Ignore || shared.known_id.is_complete() {
        return Ok(());
    }
    let _turn = shared.known_id.turn().await;
    if shared.known_id.is_complete() {
        return Ok(());
    }
    let mut holders = holders(server, address, connection).await?;
    let mut attempt = 1;
    loop {
        let evidence = collect(server, &mut holders).await?;
        let what = match evidence.verdict() {
            MarkVerdict::Whole(text) => {
                shared.known_id.set(StoreId { text, is_complete: true });
                return Ok(());
            }
            MarkVerdict::Incomplete(id) => return mark(server, &mut holders, &evidence, id).await,
            MarkVerdict::Undecided => {
                return Err(ConnectError::Unavailable(
                    "the server that holds userd's key meta does not answer, and without it userd cannot tell which \
                     store this is"
                        .to_owned(),
                ));
            }
            MarkVerdict::Damaged(what) => what,
        };
        if attempt < ATTEMPTS {
            attempt += 1;
            tokio::time::sleep(ATTEMPT_PAUSE).await;
        } else if settings.allow_incomplete_store {
            tracing::warn!(
                "{what}; what is left is served (redis.allow_incomplete_store is set: take it out of the configuration \
                 once userd has started)"
            );
            let id = evidence.meta.as_ref().map(|meta| meta.id.clone()).filter(|id| !id.is_empty());
            return mark(server, &mut holders, &evidence, id).await;
        } else {
            server.set_wrong_store(true);
            return Err(ConnectError::Refused(format!(
                "{what}{}; accounts are missing, and their e-mail addresses could be signed up again. Restore the \
                 data there; to serve what is left, start once with redis.allow_incomplete_store = true",
                damaged_servers(&holders, &evidence)
            )));
        }
    }
}

/// The servers whose shards are lost or foreign.
fn damaged_servers(holders: &[ShardHolder], evidence: &MarkEvidence) -> String {
    let damaged = evidence.damaged_shards();
    let servers = holders.iter().filter(|holder| holder.shards.iter().any(|shard| damaged.contains(shard)));
    let addresses: Vec<String> = servers.filter_map(|holder| Some(holder.address.as_ref()?.to_string())).collect();
    // Where `meta` alone is lost, no shard is.
    if addresses.is_empty() { String::new() } else { format!(" ({})", addresses.join(", ")) }
}

/// The servers that hold the shards, with a connection to each that answers.
async fn holders(
    server: &ServerContext,
    address: &NodeAddress,
    connection: &mut MultiplexedConnection,
) -> Result<Vec<ShardHolder>, ConnectError> {
    let settings = server.settings();
    if !settings.is_cluster() {
        let (address, shards) = (Some(address.clone()), Shard::all().collect());
        return Ok(vec![ShardHolder { address, shards, connection: Some(connection.clone()) }]);
    }
    let answer = slots::slots_command().query_async::<Value>(connection).await;
    let answer = answer.map_err(|error| command_error(error, "CLUSTER SLOTS"))?;
    let views = [slots::parse_slots(answer, address).unwrap_or_default()];
    let mut shards: BTreeMap<Option<&NodeAddress>, Vec<Shard>> = BTreeMap::new();
    for shard in Shard::all() {
        shards.entry(slots::majority_primary(&views, slot_of(shard))).or_default().push(shard);
    }
    let holders = shards.into_iter().map(|(primary, shards)| {
        let own = (primary == Some(address)).then(|| connection.clone());
        async move {
            let connection = match (own, primary) {
                (Some(own), _) => Some(own),
                (None, Some(primary)) => dial(settings, primary, &settings.login, 0).await.ok(),
                (None, None) => None,
            };
            ShardHolder { address: primary.cloned(), shards, connection }
        }
    });
    Ok(future::join_all(holders).await)
}

/// Reads every mark and the id. A server that does not answer, or that no longer holds a shard, leaves it unknown.
async fn collect(server: &ServerContext, holders: &mut [ShardHolder]) -> Result<MarkEvidence, ConnectError> {
    let keys = server.keys();
    let mut evidence = MarkEvidence { meta: None, marks: Vec::new() };
    let answers = holders.iter_mut().map(|holder| {
        let mut reads = Pipeline::with_capacity(holder.shards.len() + 1);
        for shard in &holder.shards {
            reads.cmd("GET").arg(keys.store_id(*shard));
        }
        reads.cmd("HMGET").arg(keys.meta()).arg("id").arg("marked");
        let count = reads.len();
        async move {
            let connection = holder.connection.as_mut()?;
            connection.send_packed_commands(&reads, 0, count).await.ok()
        }
    });
    let answers = future::join_all(answers).await;
    for (holder, answers) in holders.iter_mut().zip(answers) {
        let Some(mut answers) = answers else {
            evidence.marks.extend(holder.shards.iter().map(|shard| (*shard, StoreMark::Unknown)));
            holder.connection = None;
            continue;
        };
        let meta = answers.pop().unwrap_or(Value::Nil);
        for (shard, answer) in holder.shards.iter().zip(answers) {
            evidence.marks.push((*shard, StoreMark::in_answer(answer).map_err(|error| command_error(error, "GET"))?));
        }
        if let Value::Array(fields) = &meta {
            evidence.meta = MetaEntry::in_fields(fields);
        }
    }
    Ok(evidence)
}

/// Gives the store an id if it has none, marks the shards that have another mark or none, and records that all have it.
/// A server without memory or disk is marked later.
async fn mark(
    server: &ServerContext,
    holders: &mut [ShardHolder],
    evidence: &MarkEvidence,
    id: Option<String>,
) -> Result<(), ConnectError> {
    let (shared, keys) = (&server.shared, server.keys());
    let Some(text) = give_id(server, holders, id).await? else { return Ok(()) };
    shared.known_id.set(StoreId { text: text.clone(), is_complete: false });
    let has_it = |mark: &StoreMark| matches!(mark, StoreMark::Id(id) if *id == text);
    let marked: BTreeSet<Shard> =
        evidence.marks.iter().filter(|(_, mark)| has_it(mark)).map(|(shard, _)| *shard).collect();
    let mut is_complete = true;
    for holder in holders.iter_mut() {
        let Some(connection) = &mut holder.connection else {
            is_complete = false;
            continue;
        };
        let mut writes = Pipeline::new();
        for shard in holder.shards.iter().filter(|shard| !marked.contains(shard)) {
            writes.cmd("SET").arg(keys.store_id(*shard)).arg(&text);
            if !server.settings().allow_incomplete_store {
                // A mark that another userd made meanwhile is compared later.
                writes.arg("NX");
            }
        }
        if writes.is_empty() {
            continue;
        }
        for answer in connection.send_packed_commands(&writes, 0, writes.len()).await? {
            is_complete &= is_done(answer.extract_error(), "SET")?;
        }
    }
    // The last write: a reader that finds it finds all marks.
    let mut record = ::redis::cmd("HSET");
    record.arg(keys.meta()).arg("marked").arg("1");
    is_complete = is_complete && send_to_meta(holders, &record).await?.is_some();
    if is_complete {
        tracing::info!(id = text, "the store is marked with its id");
    }
    shared.known_id.set(StoreId { text, is_complete });
    Ok(())
}

/// The id of the store, given to it if it has none; `None` if it could not be written.
async fn give_id(
    server: &ServerContext,
    holders: &mut [ShardHolder],
    id: Option<String>,
) -> Result<Option<String>, ConnectError> {
    if id.is_some() {
        return Ok(id);
    }
    let fresh = uuid::Builder::from_random_bytes(server.shared.random.bytes()).into_uuid();
    let mut give = ::redis::cmd("EVAL");
    give.arg(Script::StoreId.text()).arg(1).arg(server.keys().meta()).arg(fresh.to_string());
    let answer = send_to_meta(holders, &give).await?;
    Ok(answer.and_then(|answer| ::redis::from_redis_value(answer).ok()))
}

/// Sends a command to the server that holds `meta`; `None` if none could run it.
async fn send_to_meta(holders: &mut [ShardHolder], command: &Cmd) -> Result<Option<Value>, ConnectError> {
    for holder in holders {
        let Some(connection) = &mut holder.connection else { continue };
        match connection.send_packed_command(command).await?.extract_error() {
            Ok(answer) => return Ok(Some(answer)),
            Err(error) if is_unable(&error) => {}
            Err(error) => return Err(command_error(error, "HSET")),
        }
    }
    Ok(None)
}

/// Whether a write was done; false if the server has no memory or disk for it at the moment.
fn is_done(answer: Result<Value, RedisError>, command: &str) -> Result<bool, ConnectError> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if is_unable(&error) => Ok(false),
        Err(error) => Err(command_error(error, command)),
    }
}

/// The only field of an answer to `HMGET`.
fn first_field(answer: Value) -> Value {
    match answer {
        Value::Array(fields) => fields.into_iter().next().unwrap_or(Value::Nil),
        other => other,
    }
}
