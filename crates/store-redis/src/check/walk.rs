//! The walk of a pass: with `SCAN` through the keys of every server, then through the listings of every shard.

use ::redis::Cmd;
use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::context::{CheckContext, PAGE, PAGE_CONCURRENCY};
use super::cursor::{CheckPhase, CheckPosition, KeyScan};
use super::findings::manual_finding;
use super::key_space::{self, ParsedKey};
use crate::connection::RequestError;
use crate::layout::Shard;
use crate::settings::NodeAddress;
use crate::store::{RedisStore, command};
use userd_core::Timestamp;
use userd_store::{CheckBatch, CheckReport, ConsistencyCheck, FindingKind, Store as _, StoreError};

#[async_trait]
impl ConsistencyCheck for RedisStore {
    async fn check_batch(&self, batch: &CheckBatch, now: Timestamp) -> Result<CheckReport, StoreError> {
        let position = CheckPosition::decode(&batch.from)?;
        let context = CheckContext::new(batch.mode, now);
        let size = batch.size.max(1);
        let topology_changed = position.topology_changed;
        match position.phase {
            CheckPhase::Keys(scan) => self.check_keys(context, size, scan, topology_changed).await,
            CheckPhase::Listings { shard, after } => {
                self.check_listings(context, size, shard, after, topology_changed).await
            }
        }
    }
}

impl RedisStore {
    /// Continues the walk through the keys of the servers. A server that is gone is skipped; a new one is walked, too.
    async fn check_keys(
        &self,
        context: CheckContext,
        size: usize,
        mut scan: KeyScan,
        mut topology_changed: bool,
    ) -> Result<CheckReport, StoreError> {
        let servers = self.router.servers();
        let mut now: Vec<String> = servers.iter().map(ToString::to_string).collect();
        now.sort();
        // Slots that move between the same servers can make the walk miss keys, too.
        now.push(format!("map:{:016x}", self.router.topology_hash()));
        if scan.known != now {
            topology_changed |= !scan.known.is_empty();
            scan.known.clone_from(&now);
        }
        if servers.is_empty() {
            return Err(StoreError::unavailable("no server that holds keys is known"));
        }
        let (name, run) = scan.server.as_deref().and_then(|at| at.split_once('@')).unwrap_or_default();
        let current = servers.iter().find(|server| server.to_string() == name);
        let Some(server) = current.or_else(|| servers.iter().find(|server| !scan.done.contains(&server.to_string())))
        else {
            let phase = CheckPhase::Listings { shard: Shard::FIRST, after: Vec::new() };
            let next = Some(CheckPosition { phase, topology_changed }.encode());
            return Ok(CheckReport { topology_changed, next, ..CheckReport::default() });
        };
        let run_now = self.run_id_of(server).await?;
        if current.is_none() || run != run_now {
            // A SCAN cursor is meaningless to another server, and to a server that was restarted meanwhile.
            topology_changed |= scan.cursor != 0;
            scan.cursor = 0;
        }
        let mut report = CheckReport::default();
        if scan.server.is_none() && scan.done.is_empty() {
            // A listing that cannot be counted becomes a finding later.
            report.expected = self.users_count().await.ok();
            report.findings.extend(self.check_store_id().await?);
        }
        scan.cursor = self.scan_keys(context, size, server, scan.cursor, &mut report).await?;
        scan.server = (scan.cursor != 0).then(|| format!("{server}@{run_now}"));
        if scan.cursor == 0 {
            scan.done.push(server.to_string());
        }
        report.topology_changed = topology_changed;
        report.next = Some(CheckPosition { phase: CheckPhase::Keys(scan), topology_changed }.encode());
        Ok(report)
    }

    /// Checks about `size` keys of a server; returns the next `SCAN` cursor. Pages are checked while the next ones are
    /// fetched, so that neither Redis nor userd waits for the other.
    async fn scan_keys(
        &self,
        context: CheckContext,
        size: usize,
        server: &NodeAddress,
        mut cursor: u64,
        report: &mut CheckReport,
    ) -> Result<u64, StoreError> {
        let count = size.min(PAGE);
        let (mut pages, mut seen) = (FuturesUnordered::new(), 0);
        loop {
            let keys;
            (cursor, keys) = self.scan(server, cursor, count).await?;
            // Keys of other applications cost a SCAN, too.
            seen += keys.len().max(count / 16).max(1);
            pages.push(self.check_key_page(context, keys));
            let ends = cursor == 0 || seen >= size;
            while pages.len() >= PAGE_CONCURRENCY || (ends && !pages.is_empty()) {
                match pages.next().await {
                    Some(page) => report.merge(page?),
                    None => break,
                }
            }
            if ends {
                return Ok(cursor);
            }
        }
    }

    /// The run id of a server, which changes at each restart; empty if `INFO` is forbidden.
    async fn run_id_of(&self, server: &NodeAddress) -> Result<String, StoreError> {
        let info = command(&["INFO", "server"]);
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

    /// The next `SCAN` cursor, and the keys.
    async fn scan(&self, server: &NodeAddress, cursor: u64, count: usize) -> Result<(u64, Vec<Vec<u8>>), StoreError> {
        let mut scan = Cmd::new();
        scan.arg("SCAN").arg(cursor).arg("MATCH").arg(format!("{}*", self.keys.prefix())).arg("COUNT").arg(count);
        let answer =
            self.router.run_on_server(self.router.deadline(), server, &scan).await.map_err(|error| error.at("SCAN"))?;
        ::redis::from_redis_value(answer)
            .map_err(|error| StoreError::unavailable(format!("SCAN returned an unexpected answer: {error}")))
    }

    async fn check_key_page(&self, context: CheckContext, keys: Vec<Vec<u8>>) -> Result<CheckReport, StoreError> {
        let mut report = CheckReport::default();
        let (mut ids, mut emails, mut with_sessions, mut dependents) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for key in keys {
            match key_space::parse_key(&self.keys, &key) {
                ParsedKey::Record(id) => ids.push(id),
                ParsedKey::Claim(email) => emails.push(email),
                ParsedKey::Sessions(id) => with_sessions.push(id),
                ParsedKey::Dependent(what, shard, key) => dependents.push((what, shard, key)),
                ParsedKey::Listing | ParsedKey::Internal => {}
                ParsedKey::Unknown(shown) => {
                    let detail = "userd stores nothing under such a key";
                    report.findings.push(manual_finding(FindingKind::UnknownKey, None, shown, detail));
                }
            }
        }
        report.records_checked += (ids.len() + emails.len() + with_sessions.len() + dependents.len()) as u64;
        let (records, claims, sessions, dependents) = tokio::join!(
            self.check_records(context, ids),
            self.check_claims(context, emails),
            self.check_sessions(context, with_sessions),
            self.check_dependents(dependents),
        );
        let (users, found) = records?;
        report.users += users;
        report.findings.extend(found);
        for found in [claims, sessions, dependents] {
            report.findings.extend(found?);
        }
        Ok(report)
    }
}
