//! Checks listings: each entry must be that of an active user. Whether each active user has an entry is checked with
//! the records. If the two listings of a shard have the same length, it is enough to check the entries of one.

use ::redis::{Cmd, Value};

use super::context::{CheckContext, PAGE, RECHECKS};
use super::cursor::{CheckPhase, CheckPosition};
use super::findings::{manual_finding, repairable_finding, unreadable_finding};
use super::reads::read_command;
use super::snapshot::{self, HOLDER_FIELDS};
use crate::layout::{SHARD_COUNT, Shard};
use crate::listing::{ListingEntry, ListingIndex};
use crate::store::RedisStore;
use userd_store::{CheckReport, Finding, FindingKind, StoreError, mask_email};

/// For how many shards the lengths of the listings are read at once.
const SHARD_CONCURRENCY: u16 = 64;

/// An entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ListingMember {
    shard: Shard,
    listing: ListingIndex,
    member: Vec<u8>,
}

impl ListingMember {
    /// Parses the entry; `None` if userd writes no such entry into that listing.
    fn parse(&self) -> Option<ListingEntry> {
        self.listing.entry(self.shard, &self.member)
    }
}

impl RedisStore {
    /// Continues with the listings, after the entry `after` of `shard`.
    pub(super) async fn check_listings(
        &self,
        context: CheckContext,
        size: usize,
        shard: Shard,
        after: Vec<u8>,
        topology_changed: bool,
    ) -> Result<CheckReport, StoreError> {
        let mut report = CheckReport { topology_changed, ..CheckReport::default() };
        let (next, after) = if after.is_empty() {
            let shards: Vec<Shard> = (shard.number()..(shard.number() + SHARD_CONCURRENCY).min(SHARD_COUNT))
                .filter_map(Shard::try_from_number)
                .collect();
            self.whole_listings(context, size, &shards, &mut report).await?
        } else {
            let (count, last) = self.emails_page(context, shard, &after, size, &mut report).await?;
            if count < size { (shard.number() + 1, Vec::new()) } else { (shard.number(), last) }
        };
        report.next = Shard::try_from_number(next)
            .map(|shard| CheckPosition { phase: CheckPhase::Listings { shard, after }, topology_changed }.encode());
        Ok(report)
    }

    /// Checks whole listings of `shards` up to `size` entries, at least one; of a longer listing only the beginning.
    /// Returns where to continue.
    async fn whole_listings(
        &self,
        context: CheckContext,
        size: usize,
        shards: &[Shard],
        report: &mut CheckReport,
    ) -> Result<(u16, Vec<u8>), StoreError> {
        let count = |shard: &Shard| {
            [
                read_command(*shard, &["ZCARD", &self.keys.users(*shard)]),
                read_command(*shard, &["ZCARD", &self.keys.emails(*shard)]),
            ]
        };
        let counts = self.read_many(shards.iter().flat_map(count).collect()).await?;
        let (mut short, mut entries) = (Vec::new(), 0);
        let mut next = shards.first().map_or(SHARD_COUNT, |shard| shard.number());
        for (shard, counts) in shards.iter().zip(counts.chunks(2)) {
            let users = self.length(*shard, ListingIndex::Users, &counts[0], report);
            let emails = self.length(*shard, ListingIndex::Emails, &counts[1], report);
            let length = emails.unwrap_or(0);
            if length >= size && short.is_empty() {
                self.compare_lengths(context, *shard, users, emails, report).await?;
                let (_, last) = self.emails_page(context, *shard, &[], size, report).await?;
                return Ok((next, last));
            }
            if entries + length > size {
                break;
            }
            self.compare_lengths(context, *shard, users, emails, report).await?;
            entries += length;
            if length > 0 {
                short.push(*shard);
            }
            next = shard.number() + 1;
        }
        let pages = short.iter().map(|&shard| self.read_page(shard, ListingIndex::Emails, &[], size));
        let answers = self.read_many(pages.collect()).await?;
        let mut all = Vec::new();
        for (shard, answer) in short.into_iter().zip(answers) {
            all.extend(entries_in(shard, ListingIndex::Emails, answer));
        }
        self.check_entries(context, all, report).await?;
        Ok((next, Vec::new()))
    }

    /// The length of a listing; a finding if the key holds another type.
    fn length(&self, shard: Shard, listing: ListingIndex, answer: &Value, report: &mut CheckReport) -> Option<usize> {
        if let Value::Int(length) = answer {
            return Some(usize::try_from(*length).unwrap_or(0));
        }
        let (kind, key) = (FindingKind::Unreadable, listing.key(&self.keys, shard));
        report.findings.push(manual_finding(kind, None, key, "the key of a listing holds another type"));
        None
    }

    /// If the two listings of a shard differ in length, checks the listing by id, too.
    async fn compare_lengths(
        &self,
        context: CheckContext,
        shard: Shard,
        users: Option<usize>,
        emails: Option<usize>,
        report: &mut CheckReport,
    ) -> Result<(), StoreError> {
        if users == emails || users.is_none() {
            return Ok(());
        }
        let mut after = Vec::new();
        loop {
            let page = self.page(shard, ListingIndex::Users, &after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.member);
            self.check_entries(context, page, report).await?;
        }
    }

    async fn emails_page(
        &self,
        context: CheckContext,
        shard: Shard,
        after: &[u8],
        size: usize,
        report: &mut CheckReport,
    ) -> Result<(usize, Vec<u8>), StoreError> {
        let page = self.page(shard, ListingIndex::Emails, after, size).await?;
        let (count, last) = (page.len(), page.last().map(|entry| entry.member.clone()).unwrap_or_default());
        self.check_entries(context, page, report).await?;
        Ok((count, last))
    }

    async fn page(
        &self,
        shard: Shard,
        listing: ListingIndex,
        after: &[u8],
        size: usize,
    ) -> Result<Vec<ListingMember>, StoreError> {
        let answers = self.read_many(vec![self.read_page(shard, listing, after, size)]).await?;
        Ok(answers.into_iter().flat_map(|answer| entries_in(shard, listing, answer)).collect())
    }

    /// Pages by the order of bytes, so that entries that are added or removed do not move others.
    fn read_page(&self, shard: Shard, listing: ListingIndex, after: &[u8], size: usize) -> (Shard, Cmd) {
        let (shard, mut command) = read_command(shard, &["ZRANGEBYLEX", &listing.key(&self.keys, shard)]);
        let from = if after.is_empty() { b"-".to_vec() } else { [b"(", after].concat() };
        command.arg(from).arg("+").arg("LIMIT").arg(0).arg(size);
        (shard, command)
    }

    async fn check_entries(
        &self,
        context: CheckContext,
        entries: Vec<ListingMember>,
        report: &mut CheckReport,
    ) -> Result<(), StoreError> {
        report.records_checked += entries.len() as u64;
        let mut suspects = self.stale_entries(entries).await?;
        for number in 0..RECHECKS {
            if suspects.is_empty() {
                return Ok(());
            }
            self.pause_before_recheck(number).await;
            suspects = self.still_present(suspects).await?;
            suspects = self.stale_entries(suspects).await?;
            suspects = self.still_present(suspects).await?;
        }
        for entry in suspects {
            let finding = match self.repair_entry(context, &entry).await {
                Ok(finding) => finding,
                Err(error) => unreadable_finding(entry.parse().map(|listed| listed.id), error)?,
            };
            report.findings.push(finding);
        }
        Ok(())
    }

    /// The entries whose record does not match them. An unreadable record proves nothing.
    async fn stale_entries(&self, entries: Vec<ListingMember>) -> Result<Vec<ListingMember>, StoreError> {
        let reads = entries
            .iter()
            .filter_map(ListingMember::parse)
            .map(|listed| self.get_fields(listed.id, &HOLDER_FIELDS[..2]));
        let mut answers = self.read_many(reads.collect()).await?.into_iter();
        let is_stale = |entry: &ListingMember| match entry.parse() {
            None => true,
            Some(listed) => {
                answers.next().and_then(|answer| snapshot::owns_email(listed.email.as_ref(), answer)) == Some(false)
            }
        };
        Ok(entries.into_iter().filter(is_stale).collect())
    }

    async fn still_present(&self, entries: Vec<ListingMember>) -> Result<Vec<ListingMember>, StoreError> {
        let scores = entries.iter().map(|entry| {
            let (shard, mut command) =
                read_command(entry.shard, &["ZSCORE", &entry.listing.key(&self.keys, entry.shard)]);
            command.arg(&entry.member);
            (shard, command)
        });
        let answers = self.read_many(scores.collect()).await?;
        let present = entries.into_iter().zip(answers).filter(|(_, answer)| *answer != Value::Nil);
        Ok(present.map(|(entry, _)| entry).collect())
    }

    async fn repair_entry(&self, context: CheckContext, entry: &ListingMember) -> Result<Finding, StoreError> {
        let kind = FindingKind::StaleListing;
        let key = entry.listing.key(&self.keys, entry.shard);
        let Some(listed) = entry.parse() else {
            return Ok(manual_finding(kind, None, key, "the listing holds an entry that userd does not write"));
        };
        let shown = listed.email.as_ref().map(mask_email);
        let member = std::str::from_utf8(&entry.member).unwrap_or_default();
        let found: &[&str] = if listed.email.is_some() { &[member] } else { &[] };
        let repaired = context.repairs() && self.repair_listing(listed.id, found).await?;
        let place = shown.map_or_else(|| key.clone(), |email| format!("{key} {email}"));
        Ok(repairable_finding(kind, repaired, Some(listed.id), place, "no active user matches the entry"))
    }
}

fn entries_in(shard: Shard, listing: ListingIndex, answer: Value) -> Vec<ListingMember> {
    let members = ::redis::from_redis_value::<Vec<Vec<u8>>>(answer).unwrap_or_default();
    members.into_iter().map(|member| ListingMember { shard, listing, member }).collect()
}
