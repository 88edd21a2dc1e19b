//! Users with their sessions, as they are written out: record, then sessions, of many users in one round trip.
//!
//! A session of a later epoch than the record that was read before it is of a change in between; both are read again.
//! One that stays so is damaged, and its user unreadable: one user must not stop all.

use ::redis::{Cmd, Value};
use async_trait::async_trait;

use super::layout::Shard;
use super::session_record;
use super::sessions::READ_ATTEMPTS_MAX;
use super::user_record;
use super::{RedisStore, StoreError};
use userd_core::{Session, UserId};
use userd_store::{AccountRecord, ExportRecord, ExportStore};

#[async_trait]
impl ExportStore for RedisStore {
    async fn export_users(&self, ids: &[UserId]) -> Result<Vec<ExportRecord>, StoreError> {
        let mut found: Vec<Option<ExportRecord>> = vec![None; ids.len()];
        for _ in 0..READ_ATTEMPTS_MAX {
            let open: Vec<usize> = (0..ids.len()).filter(|place| found[*place].is_none()).collect();
            if open.is_empty() {
                break;
            }
            let commands = open.iter().flat_map(|place| self.account_commands(ids[*place])).collect();
            let answers =
                self.router.fan_out(self.router.deadline(), commands).await.map_err(|error| error.at("users"))?;
            let mut answers = answers.into_iter();
            for place in open {
                let (record, sessions) = (answers.next().unwrap_or(Value::Nil), answers.next().unwrap_or(Value::Nil));
                found[place] = match self.export_record(ids[place], record, sessions) {
                    Err(error @ StoreError::Corrupt { .. }) => {
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(user = %ids[place], error, "a user can't be read");
                        Some(ExportRecord::Unreadable)
                    }
                    export_record => export_record?,
                };
            }
        }
        let judged = found.into_iter().zip(ids).map(|(export_record, id)| {
            export_record.unwrap_or_else(|| {
                tracing::warn!(user = %id, "a user has a session of a later epoch than the record, however often read");
                ExportRecord::Unreadable
            })
        });
        Ok(judged.collect())
    }
}

impl RedisStore {
    fn account_commands(&self, id: UserId) -> [(Shard, Cmd); 2] {
        let (shard, mut record, mut sessions) = (Shard::of_user(id), Cmd::new(), Cmd::new());
        record.arg("HMGET").arg(self.keys.user(id)).arg(&user_record::USER_FIELDS).arg(user_record::EPOCH_FIELD);
        sessions.arg("HGETALL").arg(self.keys.sessions(id));
        [(shard, record), (shard, sessions)]
    }

    /// The user in two answers; `None` if they are of two moments.
    fn export_record(&self, id: UserId, record: Value, sessions: Value) -> Result<Option<ExportRecord>, StoreError> {
        let Some((user, epoch)) = self.user_and_epoch(id, record)? else { return Ok(Some(ExportRecord::NotFound)) };
        let kept = session_record::parse_all(sessions).map_err(|what| self.corrupt_sessions(id, what))?;
        if kept.iter().any(|kept| kept.epoch > epoch) {
            return Ok(None);
        }
        let own = kept.into_iter().filter(|kept| kept.epoch == epoch).map(|kept| kept.session);
        let mut sessions: Vec<Session> = own.collect();
        sessions.sort_by_key(|session| std::cmp::Reverse((session.created_at, session.id)));
        Ok(Some(ExportRecord::Account(Box::new(AccountRecord { user, sessions }))))
    }
}
