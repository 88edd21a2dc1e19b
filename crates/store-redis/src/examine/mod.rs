//! The doctor on Redis: walks every key below the prefix and every listing, and compares what they say.
//!
//! Sign-ups and changes run meanwhile, and no read spans two shards. So what looks wrong is only a suspicion: it
//! is looked at again, some times, and becomes a finding if it stays and the record did not move in between. The
//! protocol's invariants hold at every moment, so what stays is damage or was left behind by a crash. Repair takes
//! the protocol's own steps, each safe at any moment, and `relist`. Never on a request's path: only here is `SCAN`.
//!
//! | module | what it is |
//! |---|---|
//! | `stage` | where a pass stands, as text |
//! | `key_space` | what a key is, by its spelling |
//! | `reading` | what records and claims say |
//! | `records`, `claims`, `listings`, `attached` | the checks |
//! | `mending` | the repairs |
//!
//! # How to add a check
//! A variant of `Problem` in `records` (or a suspicion in `claims`, `listings`), an arm in `mending`, a kind in
//! `store::FindingKind` if none fits, a planted damage in `tests/it/doctor`.

mod attached;
mod claims;
mod key_space;
mod listings;
mod mending;
mod reading;
mod records;
mod stage;

use std::time::Duration;

use ::redis::{Cmd, Value};
use async_trait::async_trait;
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::time::Instant;

use self::attached::Attached;
use self::key_space::Kind;
use self::stage::{Part, Stage};
use super::RedisStore;
use super::keys::Shard;
use super::link::LinkError;
use super::settings::{Acknowledge, Address};
use userd_core::{CanonicalEmail, Timestamp, UserId};
use userd_store::{Examine, Examined, Finding, FindingKind, FindingState, Portion, Store, StoreError, Treatment};

/// How often, and after which pause each, a suspicion is looked at again. A step that follows another comes within
/// a millisecond or two; what is still the same after 60 ms was left behind.
const SECOND_LOOKS: usize = 3;
const SECOND_LOOK_PAUSE: Duration = Duration::from_millis(20);

/// The most keys in one pipeline: larger ones are no quicker, and hold more memory.
const PAGE: usize = 1024;

/// How many pages of keys are looked at side by side: while Redis answers for one, another is compared.
const PAGES_AT_ONCE: usize = 4;

#[async_trait]
impl Examine for RedisStore {
    async fn examine(&self, portion: &Portion, now: Timestamp) -> Result<Examined, StoreError> {
        let stage = Stage::at(&portion.from)?;
        let case = Case::new(portion.treatment, now);
        let size = portion.size.max(1);
        let disturbed = stage.disturbed;
        match stage.part {
            Part::Keys { cursor, server, done, known } => {
                self.keys_portion(case, size, Walk { cursor, server, done, known, disturbed }).await
            }
            Part::Listings { shard, after } => self.listings_portion(case, size, shard, after, disturbed).await,
        }
    }
}

/// What every check needs to know.
#[derive(Debug, Clone, Copy)]
struct Case {
    treatment: Treatment,
    began: Timestamp,
    since: Instant,
}

impl Case {
    fn new(treatment: Treatment, now: Timestamp) -> Self {
        Self { treatment, began: now, since: Instant::now() }
    }

    /// The present moment by the clock that the portion began with: repairs that wait for disks can take minutes, and
    /// by an old clock every intent that began since would look like one of a clock that jumped.
    fn now(self) -> Timestamp {
        self.began.plus_millis(u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn repairs(self) -> bool {
        self.treatment == Treatment::Repair
    }
}

/// The walk through the servers' keys.
struct Walk {
    cursor: u64,
    server: Option<String>,
    done: Vec<String>,
    known: Vec<String>,
    disturbed: bool,
}

/// What a `SCAN` gave.
struct Scanned {
    cursor: u64,
    keys: Vec<Vec<u8>>,
}

impl RedisStore {
    /// Walks on through the keys of the servers. One that has gone is left; one that has come is walked too.
    async fn keys_portion(&self, case: Case, size: usize, mut walk: Walk) -> Result<Examined, StoreError> {
        let servers = self.link.servers();
        let mut now: Vec<String> = servers.iter().map(ToString::to_string).collect();
        now.sort();
        // Slots that move between the same servers take keys past the walk as well.
        now.push(format!("map:{:016x}", self.link.layout()));
        if walk.known != now {
            walk.disturbed |= !walk.known.is_empty();
            walk.known.clone_from(&now);
        }
        if servers.is_empty() {
            return Err(StoreError::unavailable("no server that holds keys is known"));
        }
        let (name, run) = walk.server.as_deref().and_then(|at| at.split_once('@')).unwrap_or_default();
        let current = servers.iter().find(|server| server.to_string() == name);
        let Some(server) = current.or_else(|| servers.iter().find(|server| !walk.done.contains(&server.to_string())))
        else {
            let part = Part::Listings { shard: Shard::FIRST, after: Vec::new() };
            let next = Stage { part, disturbed: walk.disturbed }.place();
            return Ok(Examined { disturbed: walk.disturbed, next: Some(next), ..Examined::default() });
        };
        let run_now = self.run_of(server).await?;
        if current.is_none() || run != run_now {
            // Where SCAN stands means nothing to another server, nor to one that was started again meanwhile.
            walk.disturbed |= walk.cursor != 0;
            walk.cursor = 0;
        }
        let mut examined = Examined::default();
        if walk.server.is_none() && walk.done.is_empty() {
            // A listing that can't be counted is a finding later on.
            examined.expected = self.users_count().await.ok();
        }
        walk.cursor = self.walk_keys(case, size, server, walk.cursor, &mut examined).await?;
        walk.server = (walk.cursor != 0).then(|| format!("{server}@{run_now}"));
        if walk.cursor == 0 {
            walk.done.push(server.to_string());
        }
        let Walk { cursor, server, done, known, disturbed } = walk;
        examined.disturbed = disturbed;
        examined.next = Some(Stage { part: Part::Keys { cursor, server, done, known }, disturbed }.place());
        Ok(examined)
    }

    /// Looks at about `size` keys of a server; gives where `SCAN` goes on. Some pages are looked at while the next
    /// ones are fetched, so that neither Redis nor userd waits for the other.
    async fn walk_keys(
        &self,
        case: Case,
        size: usize,
        server: &Address,
        mut cursor: u64,
        examined: &mut Examined,
    ) -> Result<u64, StoreError> {
        let count = size.min(PAGE);
        let (mut pages, mut seen) = (FuturesUnordered::new(), 0);
        loop {
            let scanned = self.scan(server, cursor, count).await?;
            // Keys that are not ours cost their SCAN, too.
            seen += scanned.keys.len().max(count / 16).max(1);
            cursor = scanned.cursor;
            pages.push(self.examine_keys(case, scanned.keys));
            let ends = cursor == 0 || seen >= size;
            while pages.len() >= PAGES_AT_ONCE || (ends && !pages.is_empty()) {
                match pages.next().await {
                    Some(page) => examined.take_over(page?),
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
    async fn pause_before_look(&self, number: usize) {
        let waits = self.link.settings().acknowledge != Acknowledge::Primary;
        let is_last = number + 1 == SECOND_LOOKS;
        let pause = if waits && is_last { self.link.settings().timeout } else { SECOND_LOOK_PAUSE };
        tokio::time::sleep(pause.max(SECOND_LOOK_PAUSE)).await;
    }

    /// What tells one life of a server from the next; empty where it may not be asked.
    async fn run_of(&self, server: &Address) -> Result<String, StoreError> {
        let mut info = Cmd::new();
        info.arg("INFO").arg("server");
        match self.link.on_server(self.link.deadline(), server, &info).await {
            Ok(answer) => {
                let text = ::redis::from_redis_value::<String>(answer).unwrap_or_default();
                let run = text.lines().find_map(|line| line.strip_prefix("run_id:"));
                Ok(run.unwrap_or_default().trim().to_owned())
            }
            Err(LinkError::Server(_)) => Ok(String::new()),
            Err(error) => Err(error.at("INFO")),
        }
    }

    async fn scan(&self, server: &Address, cursor: u64, count: usize) -> Result<Scanned, StoreError> {
        let mut scan = Cmd::new();
        scan.arg("SCAN").arg(cursor).arg("MATCH").arg(format!("{}*", self.keys.prefix())).arg("COUNT").arg(count);
        let answer =
            self.link.on_server(self.link.deadline(), server, &scan).await.map_err(|error| error.at("SCAN"))?;
        let (cursor, keys) = ::redis::from_redis_value::<(u64, Vec<Vec<u8>>)>(answer)
            .map_err(|error| StoreError::unavailable(format!("SCAN answered what it never does: {error}")))?;
        Ok(Scanned { cursor, keys })
    }

    async fn examine_keys(&self, case: Case, keys: Vec<Vec<u8>>) -> Result<Examined, StoreError> {
        let mut examined = Examined::default();
        let (mut ids, mut emails): (Vec<UserId>, Vec<CanonicalEmail>) = (Vec::new(), Vec::new());
        let (mut with_sessions, mut attached): (Vec<UserId>, Vec<(Attached, Shard, String)>) = (Vec::new(), Vec::new());
        for key in keys {
            match key_space::kind(&self.keys, &key) {
                Kind::Record(id) => ids.push(id),
                Kind::Claim(email) => emails.push(email),
                Kind::Sessions(id) => with_sessions.push(id),
                Kind::Attached(what, shard, key) => attached.push((what, shard, key)),
                Kind::Listing | Kind::Own => {}
                Kind::Unknown(shown) => examined.findings.push(person(
                    FindingKind::UnknownKey,
                    None,
                    shown,
                    "userd keeps nothing under such a key",
                )),
            }
        }
        examined.looked_at += (ids.len() + emails.len() + with_sessions.len() + attached.len()) as u64;
        let (records, claims, sessions, attached) = tokio::join!(
            self.examine_records(case, ids),
            self.examine_claims(case, emails),
            self.examine_sessions(case, with_sessions),
            self.examine_attached(attached),
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
    async fn ask(&self, mut commands: Vec<(Shard, Cmd)>) -> Result<Vec<Value>, StoreError> {
        let mut pipelines = Vec::new();
        while !commands.is_empty() {
            let later = commands.split_off(commands.len().min(2 * PAGE));
            let some = std::mem::replace(&mut commands, later);
            pipelines.push(async { self.link.many(self.link.deadline(), some).await });
        }
        let answers: Vec<Vec<Value>> = stream::iter(pipelines)
            .buffered(PAGES_AT_ONCE)
            .try_collect()
            .await
            .map_err(|error: LinkError| error.at("many keys"))?;
        Ok(answers.into_iter().flatten().collect())
    }
}

/// A read of one key: its shard and the command.
fn read(shard: Shard, words: &[&str]) -> (Shard, Cmd) {
    let mut command = Cmd::new();
    command.arg(words);
    (shard, command)
}

/// A key that a repair met and can't read is a finding of its own, and no end of the pass.
///
/// # Errors
/// Any other error.
fn unreadable(user: Option<UserId>, error: StoreError) -> Result<Finding, StoreError> {
    match error {
        StoreError::Corrupt { key, source } => Ok(person(FindingKind::Unreadable, user, key, source.to_string())),
        away @ StoreError::Unavailable(_) => Err(away),
    }
}

/// Something that a repair mends; it has been, if `mended`.
fn mendable(
    kind: FindingKind,
    mended: bool,
    user: Option<UserId>,
    place: impl Into<String>,
    detail: impl Into<String>,
) -> Finding {
    let state = if mended { FindingState::Mended } else { FindingState::Mendable };
    Finding { kind, state, user, place: place.into(), detail: detail.into() }
}

/// Something that a person has to look at.
fn person(kind: FindingKind, user: Option<UserId>, place: impl Into<String>, detail: impl Into<String>) -> Finding {
    Finding { kind, state: FindingState::NeedsPerson, user, place: place.into(), detail: detail.into() }
}
