//! The check of listings: each entry is an active user's. That each active user has an entry is checked with the
//! records; where the two listings of a shard are of one length, the entries of one say enough.

use ::redis::{Cmd, Value};

use super::reading::{self, HOLDER};
use super::stage::{Part, Stage};
use super::{Case, PAGE, SECOND_LOOKS, mendable, person, read, unreadable};
use crate::RedisStore;
use crate::keys::{SHARDS, Shard};
use userd_core::{CanonicalEmail, UserId};
use userd_store::{Examined, Finding, FindingKind, StoreError, mask};

/// How many shards are asked for the lengths of their listings at once.
const SHARDS_AT_ONCE: u16 = 64;

/// Which of a shard's two listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listing {
    Users,
    Emails,
}

/// An entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    shard: Shard,
    listing: Listing,
    member: Vec<u8>,
}

/// What an entry claims: this user, with this e-mail if it is one of the e-mails.
struct Says<'a> {
    id: UserId,
    email: Option<&'a str>,
}

impl Entry {
    /// What it says; `None` if userd writes no such entry into that listing.
    fn says(&self) -> Option<Says<'_>> {
        let text = std::str::from_utf8(&self.member).ok()?;
        let (email, id) = match self.listing {
            Listing::Users => (None, text),
            Listing::Emails => text.split_once('\0').map(|(email, id)| (Some(email), id))?,
        };
        let parsed = UserId::parse(id)?;
        (parsed.to_string() == id && Shard::of_user(parsed) == self.shard).then_some(Says { id: parsed, email })
    }
}

impl RedisStore {
    /// Goes on with the listings, from `after` in those of `shard`.
    pub(super) async fn listings_portion(
        &self,
        case: Case,
        size: usize,
        shard: Shard,
        after: Vec<u8>,
        disturbed: bool,
    ) -> Result<Examined, StoreError> {
        let mut examined = Examined { disturbed, ..Examined::default() };
        let (next, after) = if after.is_empty() {
            let shards: Vec<Shard> =
                (shard.number()..(shard.number() + SHARDS_AT_ONCE).min(SHARDS)).filter_map(Shard::numbered).collect();
            self.whole_listings(case, size, &shards, &mut examined).await?
        } else {
            let (count, last) = self.emails_page(case, shard, &after, size, &mut examined).await?;
            if count < size { (shard.number() + 1, Vec::new()) } else { (shard.number(), last) }
        };
        examined.next =
            Shard::numbered(next).map(|shard| Stage { part: Part::Listings { shard, after }, disturbed }.place());
        Ok(examined)
    }

    /// As many whole listings of `shards` as make up `size` entries, at least one; of a longer one its beginning.
    /// Gives where to go on.
    async fn whole_listings(
        &self,
        case: Case,
        size: usize,
        shards: &[Shard],
        examined: &mut Examined,
    ) -> Result<(u16, Vec<u8>), StoreError> {
        let count = |shard: &Shard| {
            [read(*shard, &["ZCARD", &self.keys.users(*shard)]), read(*shard, &["ZCARD", &self.keys.emails(*shard)])]
        };
        let counts = self.ask(shards.iter().flat_map(count).collect()).await?;
        let (mut short, mut entries) = (Vec::new(), 0);
        let mut next = shards.first().map_or(SHARDS, |shard| shard.number());
        for (shard, counts) in shards.iter().zip(counts.chunks(2)) {
            let users = self.length(*shard, Listing::Users, &counts[0], examined);
            let emails = self.length(*shard, Listing::Emails, &counts[1], examined);
            let length = emails.unwrap_or(0);
            if length >= size && short.is_empty() {
                self.compare_lengths(case, *shard, users, emails, examined).await?;
                let (_, last) = self.emails_page(case, *shard, &[], size, examined).await?;
                return Ok((next, last));
            }
            if entries + length > size {
                break;
            }
            self.compare_lengths(case, *shard, users, emails, examined).await?;
            entries += length;
            if length > 0 {
                short.push(*shard);
            }
            next = shard.number() + 1;
        }
        let pages = short.iter().map(|&shard| self.read_page(shard, Listing::Emails, &[], size));
        let answers = self.ask(pages.collect()).await?;
        let mut all = Vec::new();
        for (shard, answer) in short.into_iter().zip(answers) {
            all.extend(entries_in(shard, Listing::Emails, answer));
        }
        self.examine_entries(case, all, examined).await?;
        Ok((next, Vec::new()))
    }

    /// The length of a listing; a finding if it has none.
    fn length(&self, shard: Shard, listing: Listing, answer: &Value, examined: &mut Examined) -> Option<usize> {
        if let Value::Int(length) = answer {
            return Some(usize::try_from(*length).unwrap_or(0));
        }
        let key = self.listing_key(shard, listing);
        examined.findings.push(person(FindingKind::Unreadable, None, key, "the key of a listing holds another type"));
        None
    }

    /// Where the two listings of a shard differ in length, the ids are walked too.
    async fn compare_lengths(
        &self,
        case: Case,
        shard: Shard,
        users: Option<usize>,
        emails: Option<usize>,
        examined: &mut Examined,
    ) -> Result<(), StoreError> {
        if users == emails || users.is_none() {
            return Ok(());
        }
        let mut after = Vec::new();
        loop {
            let page = self.page(shard, Listing::Users, &after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.member);
            self.examine_entries(case, page, examined).await?;
        }
    }

    async fn emails_page(
        &self,
        case: Case,
        shard: Shard,
        after: &[u8],
        size: usize,
        examined: &mut Examined,
    ) -> Result<(usize, Vec<u8>), StoreError> {
        let page = self.page(shard, Listing::Emails, after, size).await?;
        let (count, last) = (page.len(), page.last().map(|entry| entry.member.clone()).unwrap_or_default());
        self.examine_entries(case, page, examined).await?;
        Ok((count, last))
    }

    async fn page(&self, shard: Shard, listing: Listing, after: &[u8], size: usize) -> Result<Vec<Entry>, StoreError> {
        let answers = self.ask(vec![self.read_page(shard, listing, after, size)]).await?;
        Ok(answers.into_iter().flat_map(|answer| entries_in(shard, listing, answer)).collect())
    }

    /// By the order of bytes, so that entries which come and go move no others.
    fn read_page(&self, shard: Shard, listing: Listing, after: &[u8], size: usize) -> (Shard, Cmd) {
        let (shard, mut command) = read(shard, &["ZRANGEBYLEX", &self.listing_key(shard, listing)]);
        let from = if after.is_empty() { b"-".to_vec() } else { [b"(", after].concat() };
        command.arg(from).arg("+").arg("LIMIT").arg(0).arg(size);
        (shard, command)
    }

    async fn examine_entries(
        &self,
        case: Case,
        entries: Vec<Entry>,
        examined: &mut Examined,
    ) -> Result<(), StoreError> {
        examined.looked_at += entries.len() as u64;
        let mut suspects = self.strays(entries).await?;
        for number in 0..SECOND_LOOKS {
            if suspects.is_empty() {
                return Ok(());
            }
            self.pause_before_look(number).await;
            suspects = self.still_there(suspects).await?;
            suspects = self.strays(suspects).await?;
            suspects = self.still_there(suspects).await?;
        }
        for entry in suspects {
            let finding = match self.mend_entry(case, &entry).await {
                Ok(finding) => finding,
                Err(error) => unreadable(entry.says().map(|says| says.id), error)?,
            };
            examined.findings.push(finding);
        }
        Ok(())
    }

    /// The entries whose record, read just now, says something else. One that can't be read says nothing.
    async fn strays(&self, entries: Vec<Entry>) -> Result<Vec<Entry>, StoreError> {
        let reads = entries.iter().filter_map(Entry::says).map(|says| {
            let (shard, mut command) = read(Shard::of_user(says.id), &["HMGET", &self.keys.user(says.id)]);
            command.arg(&HOLDER[..2]);
            (shard, command)
        });
        let mut answers = self.ask(reads.collect()).await?.into_iter();
        let stray = |entry: &Entry| match entry.says() {
            None => true,
            Some(says) => answers.next().and_then(|answer| reading::has(says.email, answer)) == Some(false),
        };
        Ok(entries.into_iter().filter(stray).collect())
    }

    async fn still_there(&self, entries: Vec<Entry>) -> Result<Vec<Entry>, StoreError> {
        let scores = entries.iter().map(|entry| {
            let (shard, mut command) = read(entry.shard, &["ZSCORE", &self.listing_key(entry.shard, entry.listing)]);
            command.arg(&entry.member);
            (shard, command)
        });
        let answers = self.ask(scores.collect()).await?;
        Ok(entries
            .into_iter()
            .zip(answers)
            .filter(|(_, answer)| *answer != Value::Nil)
            .map(|(entry, _)| entry)
            .collect())
    }

    async fn mend_entry(&self, case: Case, entry: &Entry) -> Result<Finding, StoreError> {
        let kind = FindingKind::ListingStray;
        let key = self.listing_key(entry.shard, entry.listing);
        let Some(says) = entry.says() else {
            return Ok(person(kind, None, key, "the listing holds something that userd does not write"));
        };
        let shown = says.email.map(|email| mask(&CanonicalEmail::from_stored(email.to_owned())));
        let member = std::str::from_utf8(&entry.member).unwrap_or_default();
        let found: &[&str] = if says.email.is_some() { &[member] } else { &[] };
        let mended = case.repairs() && self.relist(says.id, found).await?;
        let place = shown.map_or_else(|| key.clone(), |email| format!("{key} {email}"));
        Ok(mendable(kind, mended, Some(says.id), place, "no active user is what the listing says"))
    }

    fn listing_key(&self, shard: Shard, listing: Listing) -> String {
        match listing {
            Listing::Users => self.keys.users(shard),
            Listing::Emails => self.keys.emails(shard),
        }
    }
}

fn entries_in(shard: Shard, listing: Listing, answer: Value) -> Vec<Entry> {
    let members = ::redis::from_redis_value::<Vec<Vec<u8>>>(answer).unwrap_or_default();
    members.into_iter().map(|member| Entry { shard, listing, member }).collect()
}
