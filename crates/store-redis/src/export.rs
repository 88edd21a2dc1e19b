//! Exports users with their sessions: the record, then the sessions, of many users in one round trip.
//!
//! A session of a later epoch than the record shows that there was a change between the two reads, and both are read
//! again. If that persists the data is damaged, and the user is reported as unreadable: one user must not stop the
//! export.

use ::redis::{Cmd, Value};
use async_trait::async_trait;

use crate::layout::Shard;
use crate::session_record;
use crate::sessions::READ_ATTEMPTS_MAX;
use crate::store::{RedisStore, command};
use crate::user_record;
use userd_core::UserId;
use userd_store::{AccountRecord, ExportRecord, ExportStore, StoreError};

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
                        tracing::warn!(user = %ids[place], error, "a user is unreadable");
                        Some(ExportRecord::Unreadable)
                    }
                    export_record => export_record?,
                };
            }
        }
        let records = found.into_iter().zip(ids).map(|(export_record, id)| {
            export_record.unwrap_or_else(|| {
                tracing::warn!(user = %id, "a user has a session of a later epoch than the record");
                ExportRecord::Unreadable
            })
        });
        Ok(records.collect())
    }
}

impl RedisStore {
    /// The reads of a user: record, then sessions.
    fn account_commands(&self, id: UserId) -> [(Shard, Cmd); 2] {
        let record = self.get_fields(id, &user_record::user_fields_and(&[user_record::EPOCH_FIELD]));
        [record, (Shard::of_user(id), command(&["HGETALL", &self.keys.sessions(id)]))]
    }

    /// The user in two answers; `None` if there was a change between them.
    fn export_record(&self, id: UserId, record: Value, sessions: Value) -> Result<Option<ExportRecord>, StoreError> {
        let Some((user, epoch)) = self.user_and_epoch(id, record)? else { return Ok(Some(ExportRecord::NotFound)) };
        let kept = session_record::parse_all(sessions).map_err(|what| self.corrupt_sessions(id, what))?;
        if kept.iter().any(|kept| kept.epoch > epoch) {
            return Ok(None);
        }
        let sessions = session_record::of_epoch(kept, epoch);
        Ok(Some(ExportRecord::Account(Box::new(AccountRecord { user, sessions }))))
    }
}
