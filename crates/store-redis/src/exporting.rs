//! Users with their sessions, as they are written out: record, then sessions, of many users in one round trip.
//!
//! A session of a later epoch than the record that was read before it is of a change in between; both are read again.
//! One that stays so is damaged, and its user unreadable: one user must not stop all.

use ::redis::{Cmd, Value};
use async_trait::async_trait;

use super::keys::Shard;
use super::record;
use super::session_fields as fields;
use super::sessions::LOOKS;
use super::{RedisStore, StoreError};
use userd_core::{Session, UserId};
use userd_store::{Account, Departure, Exporting};

#[async_trait]
impl Exporting for RedisStore {
    async fn accounts(&self, ids: &[UserId]) -> Result<Vec<Departure>, StoreError> {
        let mut found: Vec<Option<Departure>> = vec![None; ids.len()];
        for _ in 0..LOOKS {
            let open: Vec<usize> = (0..ids.len()).filter(|place| found[*place].is_none()).collect();
            if open.is_empty() {
                break;
            }
            let commands = open.iter().flat_map(|place| self.account_commands(ids[*place])).collect();
            let answers = self.link.many(self.link.deadline(), commands).await.map_err(|error| error.at("users"))?;
            let mut answers = answers.into_iter();
            for place in open {
                let (record, sessions) = (answers.next().unwrap_or(Value::Nil), answers.next().unwrap_or(Value::Nil));
                found[place] = match self.departure(ids[place], record, sessions) {
                    Err(error @ StoreError::Corrupt { .. }) => {
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(user = %ids[place], error, "a user can't be read");
                        Some(Departure::Unreadable)
                    }
                    departure => departure?,
                };
            }
        }
        let judged = found.into_iter().zip(ids).map(|(departure, id)| {
            departure.unwrap_or_else(|| {
                tracing::warn!(user = %id, "a user has a session of a later epoch than the record, however often read");
                Departure::Unreadable
            })
        });
        Ok(judged.collect())
    }
}

impl RedisStore {
    fn account_commands(&self, id: UserId) -> [(Shard, Cmd); 2] {
        let (shard, mut record, mut sessions) = (Shard::of_user(id), Cmd::new(), Cmd::new());
        record.arg("HMGET").arg(self.keys.user(id)).arg(&record::READ).arg(record::EPOCH);
        sessions.arg("HGETALL").arg(self.keys.sessions(id));
        [(shard, record), (shard, sessions)]
    }

    /// The user in two answers; `None` if they are of two moments.
    fn departure(&self, id: UserId, record: Value, sessions: Value) -> Result<Option<Departure>, StoreError> {
        let Some((user, epoch)) = self.user_and_epoch(id, record)? else { return Ok(Some(Departure::Gone)) };
        let kept = fields::read_all(sessions).map_err(|what| self.corrupt_sessions(id, what))?;
        if kept.iter().any(|kept| kept.epoch > epoch) {
            return Ok(None);
        }
        let own = kept.into_iter().filter(|kept| kept.epoch == epoch).map(|kept| kept.session);
        let mut sessions: Vec<Session> = own.collect();
        sessions.sort_by_key(|session| std::cmp::Reverse((session.made_at, session.id)));
        Ok(Some(Departure::Account(Box::new(Account { user, sessions }))))
    }
}
