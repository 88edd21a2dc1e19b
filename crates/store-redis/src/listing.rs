//! Lists users: merges the listings of all shards (see `merge_listings`), then reads the records in one pipeline.
//!
//! A listing entry is only a hint: users who are not active, or have another e-mail address by now, are left out. The
//! shards are not read at the same moment, so a page is not a snapshot. But an entry exists from sign-up to deletion,
//! and is written in the same steps, so no user is missed.

use ::redis::{Cmd, Value};
use async_trait::async_trait;
use tokio::time::Instant;

use crate::events;
use crate::layout::{KeyLayout, Shard};
use crate::merge_listings::{ListingMerge, RangeQuery};
use crate::store::RedisStore;
use crate::user_record;
use userd_core::{AccountEvent, CanonicalEmail, EmailPrefix, UserId};
use userd_store::{EventPosition, KeyRange, ListedUser, SortOrder, StoreError, UserListing};

/// How many events are read in one round trip.
const EVENTS_PAGE_SIZE: usize = 256;

/// One of the two listings of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListingIndex {
    Users,
    Emails,
}

/// An entry of a listing: the user, and the e-mail address if it is in the listing by address.
pub(super) struct ListingEntry {
    pub(super) id: UserId,
    pub(super) email: Option<CanonicalEmail>,
}

impl ListingIndex {
    pub(super) fn key(self, keys: &KeyLayout, shard: Shard) -> String {
        match self {
            Self::Users => keys.users(shard),
            Self::Emails => keys.emails(shard),
        }
    }

    /// Parses a member; `None` if userd writes no such entry there.
    pub(super) fn entry(self, shard: Shard, member: &[u8]) -> Option<ListingEntry> {
        let text = std::str::from_utf8(member).ok()?;
        let (email, id) = match self {
            Self::Users => (None, text),
            Self::Emails => text.split_once('\0').map(|(email, id)| (Some(email), id))?,
        };
        let id = UserId::parse_exact(id).filter(|id| Shard::of_user(*id) == shard)?;
        Some(ListingEntry { id, email: email.map(|email| CanonicalEmail::from_stored(email.to_owned())) })
    }
}

#[async_trait]
impl UserListing for RedisStore {
    fn kind(&self) -> &'static str {
        "redis"
    }

    /// The stream has the events of a whole shard, so it is read page by page.
    async fn events_page(
        &self,
        user: UserId,
        after: Option<EventPosition>,
        order: SortOrder,
        most: usize,
    ) -> Result<Vec<(EventPosition, AccountEvent)>, StoreError> {
        let (deadline, shard) = (self.router.deadline(), Shard::of_user(user));
        let key = self.keys.events(shard);
        let (command, start, end) = match order {
            SortOrder::Ascending => ("XRANGE", "-", "+"),
            SortOrder::Descending => ("XREVRANGE", "+", "-"),
        };
        let mut found = Vec::new();
        let mut from = after.map_or_else(|| start.to_owned(), |EventPosition(ms, number)| format!("({ms}-{number}"));
        while found.len() < most {
            let mut read = Cmd::new();
            read.arg(command).arg(&key).arg(&from).arg(end).arg("COUNT").arg(EVENTS_PAGE_SIZE);
            let answer = self.router.command(deadline, shard, &read).await.map_err(|error| error.at(&key))?;
            let page = events::parse_entries(answer).map_err(|what| StoreError::corrupt(key.as_str(), what))?;
            for (id, fields) in &page {
                if fields.get("user").is_some_and(|bytes| bytes.as_slice() == user.as_bytes()) {
                    let event = events::parse_event(fields).map_err(|what| StoreError::corrupt(key.as_str(), what))?;
                    found.extend(events::parse_position(id).zip(event));
                }
            }
            match page.last() {
                Some((last, _)) if page.len() == EVENTS_PAGE_SIZE => from = format!("({last}"),
                _ => break,
            }
        }
        found.truncate(most);
        Ok(found)
    }

    async fn users_by_id(
        &self,
        after: Option<UserId>,
        order: SortOrder,
        most: usize,
    ) -> Result<Vec<ListedUser>, StoreError> {
        let mut range = KeyRange::all_text();
        if let Some(after) = after {
            range.continue_after(after.to_string().as_bytes(), order);
        }
        let page = self.users_page(ListingIndex::Users, &range, order, most).await?;
        Ok(page.into_iter().map(|(_, listed)| listed).collect())
    }

    async fn users_by_email(
        &self,
        prefix: &EmailPrefix,
        after: Option<&CanonicalEmail>,
        order: SortOrder,
        most: usize,
    ) -> Result<Vec<(CanonicalEmail, ListedUser)>, StoreError> {
        let page = self.users_page(ListingIndex::Emails, &KeyRange::emails(prefix, after, order), order, most).await?;
        Ok(page.into_iter().filter_map(|(entry, listed)| Some((entry.email?, listed))).collect())
    }
}

impl RedisStore {
    /// The first `most` users in `range`. Reads more entries if some are not those of active users.
    async fn users_page(
        &self,
        listing: ListingIndex,
        range: &KeyRange,
        order: SortOrder,
        most: usize,
    ) -> Result<Vec<(ListingEntry, ListedUser)>, StoreError> {
        let (deadline, mut merge, mut page) = (self.router.deadline(), ListingMerge::new(range, order), Vec::new());
        while page.len() < most {
            let missing = most - page.len();
            loop {
                let queries = merge.pending_queries(missing);
                if queries.is_empty() {
                    break;
                }
                self.fetch_listings(deadline, listing, order, &mut merge, queries).await?;
            }
            let members = merge.drain_page(missing);
            if members.is_empty() {
                break;
            }
            let entries = members.into_iter().filter_map(|(shard, member)| listing.entry(shard, &member));
            page.extend(self.read_users(deadline, entries.collect()).await?);
        }
        Ok(page)
    }

    /// Reads the next entries of some shards at once.
    async fn fetch_listings(
        &self,
        deadline: Instant,
        listing: ListingIndex,
        order: SortOrder,
        merge: &mut ListingMerge,
        queries: Vec<RangeQuery>,
    ) -> Result<(), StoreError> {
        let commands = queries.iter().map(|query| (query.shard, self.range_command(listing, order, query)));
        let answers = self.router.fan_out(deadline, commands.collect()).await.map_err(|error| error.at("listings"))?;
        for (query, answer) in queries.iter().zip(answers) {
            let members = ::redis::from_redis_value(answer).map_err(|_| {
                StoreError::corrupt(listing.key(&self.keys, query.shard), "the key of a listing holds another type")
            })?;
            merge.add_members(query, members);
        }
        Ok(())
    }

    fn range_command(
        &self,
        listing: ListingIndex,
        order: SortOrder,
        RangeQuery { shard, range, most }: &RangeQuery,
    ) -> Cmd {
        let from = if range.from.is_empty() { b"-".to_vec() } else { [b"[", range.from.as_slice()].concat() };
        let to = [b"(", range.to.as_slice()].concat();
        let key = listing.key(&self.keys, *shard);
        let mut range = Cmd::new();
        match order {
            SortOrder::Ascending => range.arg("ZRANGEBYLEX").arg(key).arg(from).arg(to),
            SortOrder::Descending => range.arg("ZREVRANGEBYLEX").arg(key).arg(to).arg(from),
        };
        range.arg("LIMIT").arg(0).arg(*most);
        range
    }

    /// The users of `entries`, without those that are not active or have another e-mail address.
    async fn read_users(
        &self,
        deadline: Instant,
        entries: Vec<ListingEntry>,
    ) -> Result<Vec<(ListingEntry, ListedUser)>, StoreError> {
        let read = |entry: &ListingEntry| self.get_fields(entry.id, &user_record::USER_FIELDS);
        let answers = self.router.fan_out(deadline, entries.iter().map(read).collect()).await;
        let answers = answers.map_err(|error| error.at("records"))?;
        let listed = entries.into_iter().zip(answers).filter_map(|(entry, answer)| {
            let listed = self.parse_listed(&entry, answer)?;
            Some((entry, listed))
        });
        Ok(listed.collect())
    }

    fn parse_listed(&self, entry: &ListingEntry, answer: Value) -> Option<ListedUser> {
        let key = self.keys.user(entry.id);
        let found = match answer {
            Value::Array(fields) => user_record::parse_user(entry.id, &key, fields),
            _ => Err(StoreError::corrupt(key, "the key holds another type")),
        };
        match found {
            Ok(user) => {
                let is_listed = |email: &CanonicalEmail| entry.email.as_ref().is_none_or(|listed| listed == email);
                user.filter(|user| is_listed(user.email.canonical())).map(|user| ListedUser::User(Box::new(user)))
            }
            Err(error) => Some(ListedUser::unreadable(entry.id, &error)),
        }
    }
}
