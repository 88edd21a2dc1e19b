//! Reading many users: the listings of all shards, merged (see `merge`), and then the records in one pipeline.
//!
//! A listing entry is only a hint, as it is to the doctor: who is no active user, or has another e-mail by now, is left
//! out. The shards are read one after the other, so a page is no snapshot; but an entry is there from the moment of
//! signing up to that of deletion, in the same steps, so nobody who is there is missed.

use ::redis::{Cmd, Value};
use async_trait::async_trait;
use tokio::time::Instant;

use super::RedisStore;
use super::keys::{Keys, Shard};
use super::merge::{Merge, Question};
use super::record;
use userd_core::{CanonicalEmail, EmailPrefix, Event, UserId};
use userd_store::Span;
use userd_store::{Directory, EventPlace, Listed, Order, StoreError};

/// Which of a shard's two listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listing {
    Users,
    Emails,
}

/// An entry of a listing: who it says is a user, and under which e-mail, if it is one of the e-mails.
struct Entry {
    id: UserId,
    email: Option<CanonicalEmail>,
}

impl Listing {
    fn key(self, keys: &Keys, shard: Shard) -> String {
        match self {
            Self::Users => keys.users(shard),
            Self::Emails => keys.emails(shard),
        }
    }

    /// What a member says; `None` if userd writes no such entry there.
    fn entry(self, shard: Shard, member: Vec<u8>) -> Option<Entry> {
        let text = String::from_utf8(member).ok()?;
        let (email, id) = match self {
            Self::Users => (None, text.as_str()),
            Self::Emails => text.split_once('\0').map(|(email, id)| (Some(email), id))?,
        };
        let id = UserId::parse_exact(id).filter(|id| Shard::of_user(*id) == shard)?;
        Some(Entry { id, email: email.map(|email| CanonicalEmail::from_stored(email.to_owned())) })
    }
}

#[async_trait]
impl Directory for RedisStore {
    fn kind(&self) -> &'static str {
        "redis"
    }

    async fn events_page(
        &self,
        user: UserId,
        after: Option<EventPlace>,
        order: Order,
        most: usize,
    ) -> Result<Vec<(EventPlace, Event)>, StoreError> {
        self.events_after(user, after, order, most).await
    }

    async fn users_by_id(&self, after: Option<UserId>, order: Order, most: usize) -> Result<Vec<Listed>, StoreError> {
        let mut span = Span::of_all_text();
        if let Some(after) = after {
            span.go_on_after(after.to_string().as_bytes(), order);
        }
        let page = self.users_page(Listing::Users, &span, order, most).await?;
        Ok(page.into_iter().map(|(_, listed)| listed).collect())
    }

    async fn users_by_email(
        &self,
        prefix: &EmailPrefix,
        after: Option<&CanonicalEmail>,
        order: Order,
        most: usize,
    ) -> Result<Vec<(CanonicalEmail, Listed)>, StoreError> {
        let page = self.users_page(Listing::Emails, &Span::of_emails(prefix, after, order), order, most).await?;
        Ok(page.into_iter().filter_map(|(entry, listed)| Some((entry.email?, listed))).collect())
    }
}

impl RedisStore {
    /// The first `most` users whom the listings have in `span`. More is read where some of those were no users.
    async fn users_page(
        &self,
        listing: Listing,
        span: &Span,
        order: Order,
        most: usize,
    ) -> Result<Vec<(Entry, Listed)>, StoreError> {
        let (deadline, mut merge, mut page) = (self.link.deadline(), Merge::new(span, order), Vec::new());
        while page.len() < most {
            let missing = most - page.len();
            loop {
                let questions = merge.questions(missing);
                if questions.is_empty() {
                    break;
                }
                self.ask_listings(deadline, listing, order, &mut merge, questions).await?;
            }
            let members = merge.take(missing);
            if members.is_empty() {
                break;
            }
            let entries = members.into_iter().filter_map(|(shard, member)| listing.entry(shard, member));
            page.extend(self.users_of(deadline, entries.collect()).await?);
        }
        Ok(page)
    }

    /// Asks shards for their next entries, all at once.
    async fn ask_listings(
        &self,
        deadline: Instant,
        listing: Listing,
        order: Order,
        merge: &mut Merge,
        questions: Vec<Question>,
    ) -> Result<(), StoreError> {
        let commands = questions.iter().map(|question| (question.shard, self.range(listing, order, question)));
        let answers = self.link.many(deadline, commands.collect()).await.map_err(|error| error.at("listings"))?;
        for (question, answer) in questions.iter().zip(answers) {
            let members = ::redis::from_redis_value(answer).map_err(|_| {
                StoreError::corrupt(listing.key(&self.keys, question.shard), "the key of a listing holds another type")
            })?;
            merge.answer(question, members);
        }
        Ok(())
    }

    fn range(&self, listing: Listing, order: Order, Question { shard, span, most }: &Question) -> Cmd {
        let from = if span.from.is_empty() { b"-".to_vec() } else { [b"[", span.from.as_slice()].concat() };
        let to = [b"(", span.to.as_slice()].concat();
        let key = listing.key(&self.keys, *shard);
        let mut range = Cmd::new();
        match order {
            Order::Ascending => range.arg("ZRANGEBYLEX").arg(key).arg(from).arg(to),
            Order::Descending => range.arg("ZREVRANGEBYLEX").arg(key).arg(to).arg(from),
        };
        range.arg("LIMIT").arg(0).arg(*most);
        range
    }

    /// The users of `entries`, less those who are none or have another e-mail.
    async fn users_of(&self, deadline: Instant, entries: Vec<Entry>) -> Result<Vec<(Entry, Listed)>, StoreError> {
        let read = |entry: &Entry| {
            let mut read = Cmd::new();
            read.arg("HMGET").arg(self.keys.user(entry.id)).arg(&record::READ);
            (Shard::of_user(entry.id), read)
        };
        let answers = self.link.many(deadline, entries.iter().map(read).collect()).await;
        let answers = answers.map_err(|error| error.at("records"))?;
        let listed = entries.into_iter().zip(answers).filter_map(|(entry, answer)| {
            let listed = self.listed(&entry, answer)?;
            Some((entry, listed))
        });
        Ok(listed.collect())
    }

    fn listed(&self, entry: &Entry, answer: Value) -> Option<Listed> {
        let key = self.keys.user(entry.id);
        let found = match answer {
            Value::Array(fields) => record::read(entry.id, &key, fields),
            _ => Err(StoreError::corrupt(key, "the key holds another type")),
        };
        match found {
            Ok(user) => {
                let is_listed = |email: &CanonicalEmail| entry.email.as_ref().is_none_or(|listed| listed == email);
                user.filter(|user| is_listed(user.email.canonical())).map(|user| Listed::User(Box::new(user)))
            }
            Err(error) => Some(Listed::unreadable(entry.id, &error)),
        }
    }
}
