//! Checks listings: each entry must be that of an active user. Whether each active user has an entry is checked with
//! the records. If the two listings of a shard have the same length, it is enough to check the entries of one.

use ::redis::Value;

use super::context::{CheckContext, PAGE};
use super::cursor::{CheckPhase, CheckPosition};
use super::findings::{manual_finding, repairable_finding, unreadable_finding};
use super::snapshot::{self, HOLDER_FIELDS};
use crate::layout::{SHARD_COUNT, Shard};
use crate::listing::{ListingEntry, ListingIndex};
use crate::store::{RedisStore, command};
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
            let (count, last) =
                self.check_page(context, shard, ListingIndex::Emails, &after, size, &mut report).await?;
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
        let count = |&shard: &Shard| {
            [self.keys.users(shard), self.keys.emails(shard)].map(|key| (shard, command(&["ZCARD", &key])))
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
                let (_, last) = self.check_page(context, *shard, ListingIndex::Emails, &[], size, report).await?;
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
        let all = self.read_pages(&short, ListingIndex::Emails, &[], size).await?;
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
            let (count, last) = self.check_page(context, shard, ListingIndex::Users, &after, PAGE, report).await?;
            if count == 0 {
                return Ok(());
            }
            after = last;
        }
    }

    /// Checks up to `size` entries of a listing; returns how many there were, and the last one.
    async fn check_page(
        &self,
        context: CheckContext,
        shard: Shard,
        listing: ListingIndex,
        after: &[u8],
        size: usize,
        report: &mut CheckReport,
    ) -> Result<(usize, Vec<u8>), StoreError> {
        let page = self.read_pages(&[shard], listing, after, size).await?;
        let (count, last) = (page.len(), page.last().map(|entry| entry.member.clone()).unwrap_or_default());
        self.check_entries(context, page, report).await?;
        Ok((count, last))
    }

    /// Reads up to `size` entries of a listing of each shard. Pages by the order of bytes, so that entries that are
    /// added or removed do not move others.
    async fn read_pages(
        &self,
        shards: &[Shard],
        listing: ListingIndex,
        after: &[u8],
        size: usize,
    ) -> Result<Vec<ListingMember>, StoreError> {
        let from = if after.is_empty() { b"-".to_vec() } else { [b"(", after].concat() };
        let read = |&shard: &Shard| {
            let mut command = command(&["ZRANGEBYLEX", &listing.key(&self.keys, shard)]);
            command.arg(&from).arg("+").arg("LIMIT").arg(0).arg(size);
            (shard, command)
        };
        let answers = self.read_many(shards.iter().map(read).collect()).await?;
        let entries = shards.iter().zip(answers).flat_map(|(&shard, answer)| {
            let members = ::redis::from_redis_value::<Vec<Vec<u8>>>(answer).unwrap_or_default();
            members.into_iter().map(move |member| ListingMember { shard, listing, member })
        });
        Ok(entries.collect())
    }

    async fn check_entries(
        &self,
        context: CheckContext,
        entries: Vec<ListingMember>,
        report: &mut CheckReport,
    ) -> Result<(), StoreError> {
        report.records_checked += entries.len() as u64;
        let suspects = self.stale_entries(entries).await?;
        let recheck = async |suspects| {
            let present = self.still_present(suspects).await?;
            self.still_present(self.stale_entries(present).await?).await
        };
        for entry in self.persistent(suspects, recheck).await? {
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
            let mut command = command(&["ZSCORE", &entry.listing.key(&self.keys, entry.shard)]);
            command.arg(&entry.member);
            (entry.shard, command)
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
