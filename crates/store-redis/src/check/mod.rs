//! The doctor on Redis: walks every key below the prefix and every listing, and compares what they say.
//!
//! Sign-ups and changes run meanwhile, and no read spans two shards. So what looks wrong is only a suspicion: it
//! is looked at again, some times, and becomes a finding if it stays and the record did not move in between. The
//! protocol's invariants hold at every moment, so what stays is damage or was left behind by a crash. Repair takes
//! the protocol's own steps, each safe at any moment, and `relist`. Never on a request's path: only here is `SCAN`.
//!
//! | module | what it is |
//! |---|---|
//! | `cursor` | where a pass stands, as text |
//! | `key_space` | what a key is, by its spelling |
//! | `snapshot` | what records and claims say |
//! | `records`, `claims`, `listings`, `dependents` | the checks |
//! | `repair` | the repairs |
//!
//! # How to add a check
//! A variant of `RecordProblem` in `records` (or a suspicion in `claims`, `listings`), an arm in `repair`, a kind in
//! `store::FindingKind` if none fits, a planted damage in `tests/it/doctor`.

mod claims;
mod cursor;
mod dependents;
mod key_space;
mod listings;
mod records;
mod repair;
mod snapshot;

use std::time::Duration;

use ::redis::{Cmd, Value};
use async_trait::async_trait;
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::time::Instant;

use self::cursor::{CheckPhase, CheckPosition};
use self::dependents::DependentKind;
use self::key_space::ParsedKey;
use super::RedisStore;
use super::connection::RequestError;
use super::layout::Shard;
use super::settings::{AckRequirement, NodeAddress};
use userd_core::{CanonicalEmail, Timestamp, UserId};
use userd_store::{
    CheckBatch, CheckMode, CheckReport, ConsistencyCheck, Finding, FindingKind, FindingState, Store, StoreError,
};

/// How often, and after which pause each, a suspicion is looked at again. A step that follows another comes within
/// a millisecond or two; what is still the same after 60 ms was left behind.
const RECHECKS: usize = 3;
const RECHECK_PAUSE: Duration = Duration::from_millis(20);

/// The most keys in one pipeline: larger ones are no quicker, and hold more memory.
const PAGE: usize = 1024;

/// How many pages of keys are looked at side by side: while Redis answers for one, another is compared.
const PAGE_CONCURRENCY: usize = 4;

#[async_trait]
impl ConsistencyCheck for RedisStore {
    async fn check_batch(&self, portion: &CheckBatch, now: Timestamp) -> Result<CheckReport, StoreError> {
        let position = CheckPosition::decode(&portion.from)?;
        let context = CheckContext::new(portion.mode, now);
        let size = portion.size.max(1);
        let topology_changed = position.topology_changed;
        match position.phase {
            CheckPhase::Keys { cursor, server, done, known } => {
                self.check_keys(context, size, KeyScan { cursor, server, done, known, topology_changed }).await
            }
            CheckPhase::Listings { shard, after } => {
                self.check_listings(context, size, shard, after, topology_changed).await
            }
        }
    }
}

/// What every check needs to know.
#[derive(Debug, Clone, Copy)]
struct CheckContext {
    mode: CheckMode,
    began: Timestamp,
    since: Instant,
}

impl CheckContext {
    fn new(mode: CheckMode, now: Timestamp) -> Self {
        Self { mode, began: now, since: Instant::now() }
    }

    /// The present moment by the clock that the portion began with: repairs that wait for disks can take minutes, and
    /// by an old clock every intent that began since would look like one of a clock that jumped.
    fn now(self) -> Timestamp {
        self.began.plus_millis(u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn repairs(self) -> bool {
        self.mode == CheckMode::Repair
    }
}

/// The walk through the servers' keys.
struct KeyScan {
    cursor: u64,
    server: Option<String>,
    done: Vec<String>,
    known: Vec<String>,
    topology_changed: bool,
}

/// What a `SCAN` gave.
struct ScanPage {
    cursor: u64,
    keys: Vec<Vec<u8>>,
}

impl RedisStore {
    /// Walks on through the keys of the servers. One that has gone is left; one that has come is walked too.
    async fn check_keys(
        &self,
        context: CheckContext,
        size: usize,
        mut walk: KeyScan,
    ) -> Result<CheckReport, StoreError> {
        let servers = self.router.servers();
        let mut now: Vec<String> = servers.iter().map(ToString::to_string).collect();
        now.sort();
        // Slots that move between the same servers take keys past the walk as well.
        now.push(format!("map:{:016x}", self.router.topology_hash()));
        if walk.known != now {
            walk.topology_changed |= !walk.known.is_empty();
            walk.known.clone_from(&now);
        }
        if servers.is_empty() {
            return Err(StoreError::unavailable("no server that holds keys is known"));
        }
        let (name, run) = walk.server.as_deref().and_then(|at| at.split_once('@')).unwrap_or_default();
        let current = servers.iter().find(|server| server.to_string() == name);
        let Some(server) = current.or_else(|| servers.iter().find(|server| !walk.done.contains(&server.to_string())))
        else {
            let phase = CheckPhase::Listings { shard: Shard::FIRST, after: Vec::new() };
            let next = CheckPosition { phase, topology_changed: walk.topology_changed }.encode();
            return Ok(CheckReport {
                topology_changed: walk.topology_changed,
                next: Some(next),
                ..CheckReport::default()
            });
        };
        let run_now = self.run_id_of(server).await?;
        if current.is_none() || run != run_now {
            // Where SCAN stands means nothing to another server, nor to one that was started again meanwhile.
            walk.topology_changed |= walk.cursor != 0;
            walk.cursor = 0;
        }
        let mut examined = CheckReport::default();
        if walk.server.is_none() && walk.done.is_empty() {
            // A listing that can't be counted is a finding later on.
            examined.expected = self.users_count().await.ok();
        }
        walk.cursor = self.scan_keys(context, size, server, walk.cursor, &mut examined).await?;
        walk.server = (walk.cursor != 0).then(|| format!("{server}@{run_now}"));
        if walk.cursor == 0 {
            walk.done.push(server.to_string());
        }
        let KeyScan { cursor, server, done, known, topology_changed } = walk;
        examined.topology_changed = topology_changed;
        examined.next =
            Some(CheckPosition { phase: CheckPhase::Keys { cursor, server, done, known }, topology_changed }.encode());
        Ok(examined)
    }

    /// Looks at about `size` keys of a server; gives where `SCAN` goes on. Some pages are looked at while the next
    /// ones are fetched, so that neither Redis nor userd waits for the other.
    async fn scan_keys(
        &self,
        context: CheckContext,
        size: usize,
        server: &NodeAddress,
        mut cursor: u64,
        examined: &mut CheckReport,
    ) -> Result<u64, StoreError> {
        let count = size.min(PAGE);
        let (mut pages, mut seen) = (FuturesUnordered::new(), 0);
        loop {
            let scanned = self.scan(server, cursor, count).await?;
            // Keys that are not ours cost their SCAN, too.
            seen += scanned.keys.len().max(count / 16).max(1);
            cursor = scanned.cursor;
            pages.push(self.check_key_page(context, scanned.keys));
            let ends = cursor == 0 || seen >= size;
            while pages.len() >= PAGE_CONCURRENCY || (ends && !pages.is_empty()) {
                match pages.next().await {
                    Some(page) => examined.merge(page?),
                    None => break,
                }
            }
            if ends {
                return Ok(cursor);
            }
        }
    }

    /// Waits before a suspicion is looked at once more. Where changes wait for replicas or disks, what is under way is
    /// known to be over only after the longest that a request may take.
    async fn pause_before_recheck(&self, number: usize) {
        let waits = self.router.settings().acknowledge != AckRequirement::Primary;
        let is_last = number + 1 == RECHECKS;
        let pause = if waits && is_last { self.router.settings().timeout } else { RECHECK_PAUSE };
        tokio::time::sleep(pause.max(RECHECK_PAUSE)).await;
    }

    /// What tells one life of a server from the next; empty where it may not be asked.
    async fn run_id_of(&self, server: &NodeAddress) -> Result<String, StoreError> {
        let mut info = Cmd::new();
        info.arg("INFO").arg("server");
        match self.router.run_on_server(self.router.deadline(), server, &info).await {
            Ok(answer) => {
                let text = ::redis::from_redis_value::<String>(answer).unwrap_or_default();
                let run = text.lines().find_map(|line| line.strip_prefix("run_id:"));
                Ok(run.unwrap_or_default().trim().to_owned())
            }
            Err(RequestError::Server(_)) => Ok(String::new()),
            Err(error) => Err(error.at("INFO")),
        }
    }

    async fn scan(&self, server: &NodeAddress, cursor: u64, count: usize) -> Result<ScanPage, StoreError> {
        let mut scan = Cmd::new();
        scan.arg("SCAN").arg(cursor).arg("MATCH").arg(format!("{}*", self.keys.prefix())).arg("COUNT").arg(count);
        let answer =
            self.router.run_on_server(self.router.deadline(), server, &scan).await.map_err(|error| error.at("SCAN"))?;
        let (cursor, keys) = ::redis::from_redis_value::<(u64, Vec<Vec<u8>>)>(answer)
            .map_err(|error| StoreError::unavailable(format!("SCAN answered what it never does: {error}")))?;
        Ok(ScanPage { cursor, keys })
    }

    async fn check_key_page(&self, context: CheckContext, keys: Vec<Vec<u8>>) -> Result<CheckReport, StoreError> {
        let mut examined = CheckReport::default();
        let (mut ids, mut emails): (Vec<UserId>, Vec<CanonicalEmail>) = (Vec::new(), Vec::new());
        let (mut with_sessions, mut attached): (Vec<UserId>, Vec<(DependentKind, Shard, String)>) =
            (Vec::new(), Vec::new());
        for key in keys {
            match key_space::parse_key(&self.keys, &key) {
                ParsedKey::Record(id) => ids.push(id),
                ParsedKey::Claim(email) => emails.push(email),
                ParsedKey::Sessions(id) => with_sessions.push(id),
                ParsedKey::Dependent(what, shard, key) => attached.push((what, shard, key)),
                ParsedKey::Listing | ParsedKey::Internal => {}
                ParsedKey::Unknown(shown) => examined.findings.push(manual_finding(
                    FindingKind::UnknownKey,
                    None,
                    shown,
                    "userd keeps nothing under such a key",
                )),
            }
        }
        examined.records_checked += (ids.len() + emails.len() + with_sessions.len() + attached.len()) as u64;
        let (records, claims, sessions, attached) = tokio::join!(
            self.check_records(context, ids),
            self.check_claims(context, emails),
            self.check_sessions(context, with_sessions),
            self.check_dependents(attached),
        );
        let (users, found) = records?;
        examined.users += users;
        examined.findings.extend(found);
        for found in [claims, sessions, attached] {
            examined.findings.extend(found?);
        }
        Ok(examined)
    }

    /// Sends commands on keys of many shards, in pipelines of bounded length, some of them side by side.
    async fn read_many(&self, mut commands: Vec<(Shard, Cmd)>) -> Result<Vec<Value>, StoreError> {
        let mut pipelines = Vec::new();
        while !commands.is_empty() {
            let later = commands.split_off(commands.len().min(2 * PAGE));
            let some = std::mem::replace(&mut commands, later);
            pipelines.push(async { self.router.fan_out(self.router.deadline(), some).await });
        }
        let answers: Vec<Vec<Value>> = stream::iter(pipelines)
            .buffered(PAGE_CONCURRENCY)
            .try_collect()
            .await
            .map_err(|error: RequestError| error.at("many keys"))?;
        Ok(answers.into_iter().flatten().collect())
    }
}

/// A read of one key: its shard and the command.
fn read_command(shard: Shard, words: &[&str]) -> (Shard, Cmd) {
    let mut command = Cmd::new();
    command.arg(words);
    (shard, command)
}

/// A key that a repair met and can't read is a finding of its own, and no end of the pass.
///
/// # Errors
/// Any other error.
fn unreadable_finding(user: Option<UserId>, error: StoreError) -> Result<Finding, StoreError> {
    match error {
        StoreError::Corrupt { key, source } => {
            Ok(manual_finding(FindingKind::Unreadable, user, key, source.to_string()))
        }
        away @ StoreError::Unavailable(_) => Err(away),
    }
}

/// Something that a repair mends; it has been, if `repaired`.
fn repairable_finding(
    kind: FindingKind,
    repaired: bool,
    user: Option<UserId>,
    place: impl Into<String>,
    detail: impl Into<String>,
) -> Finding {
    let state = if repaired { FindingState::Repaired } else { FindingState::Repairable };
    Finding { kind, state, user, place: place.into(), detail: detail.into() }
}

/// Something that a person has to look at.
fn manual_finding(
    kind: FindingKind,
    user: Option<UserId>,
    place: impl Into<String>,
    detail: impl Into<String>,
) -> Finding {
    Finding { kind, state: FindingState::Manual, user, place: place.into(), detail: detail.into() }
}
