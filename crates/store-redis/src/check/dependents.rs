//! Checks what depends on users: sessions, events, rate limit buckets, and the service's own keys. Each must be
//! readable, and sessions must belong to an active user.
//!
//! Sessions are removed in the same step as their user, so a step never leaves any behind; only damage does.

use std::collections::BTreeMap;

use ::redis::Value;

use super::context::CheckContext;
use super::findings::{manual_finding, repairable_finding};
use super::snapshot::{self, HOLDER_FIELDS};
use crate::layout::Shard;
use crate::script::Script;
use crate::store::{RedisStore, command};
use crate::{events, session_record};
use userd_core::UserId;
use userd_store::{Finding, FindingKind, StoreError};

/// How many events of a shard are checked, the newest ones: all are written the same way, and the cost of a pass must
/// not grow with the number of events.
const EVENTS_SAMPLED: &str = "8";

/// Keys that belong to no single user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DependentKind {
    /// The events of a shard.
    Events,
    /// A rate limit bucket.
    RateLimitBucket,
    /// The service's own keys of one kind.
    ServiceKeys,
}

impl RedisStore {
    /// Checks the sessions of `ids`.
    pub(super) async fn check_sessions(
        &self,
        context: CheckContext,
        ids: Vec<UserId>,
    ) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        let orphaned = self.orphaned_sessions(ids, Some(&mut findings)).await?;
        for id in self.persistent(orphaned, |ids| self.orphaned_sessions(ids, None)).await? {
            if self.has_no_state(id).await? {
                continue;
            }
            let repaired = context.repairs() && self.sweep_sessions(id).await?;
            let (kind, place) = (FindingKind::OrphanedSession, self.keys.sessions(id));
            let detail = "the user of these sessions is not an active user";
            findings.push(repairable_finding(kind, repaired, Some(id), place, detail));
        }
        Ok(findings)
    }

    /// The users of `ids` that have sessions and are not active. An unreadable record proves nothing.
    async fn orphaned_sessions(
        &self,
        ids: Vec<UserId>,
        mut findings: Option<&mut Vec<Finding>>,
    ) -> Result<Vec<UserId>, StoreError> {
        let reads = ids.iter().flat_map(|&id| {
            let sessions = (Shard::of_user(id), command(&["HGETALL", &self.keys.sessions(id)]));
            [sessions, self.get_fields(id, &HOLDER_FIELDS[..2])]
        });
        let mut answers = self.read_many(reads.collect()).await?.into_iter();
        let mut orphaned = Vec::new();
        for id in ids {
            let (sessions, holder) = (answers.next().unwrap_or(Value::Nil), answers.next().unwrap_or(Value::Nil));
            // The key does not exist, or has just been removed.
            if matches!(&sessions, Value::Array(fields) if fields.is_empty()) {
                continue;
            }
            if snapshot::owns_email(None, holder) == Some(false) {
                orphaned.push(id);
            } else if let (Err(what), Some(findings)) = (session_record::parse_all(sessions), &mut findings) {
                findings.push(manual_finding(FindingKind::Unreadable, Some(id), self.keys.sessions(id), what));
            }
        }
        Ok(orphaned)
    }

    /// Whether the record exists and has no state. That is a finding of its own, and proves nothing about the user.
    async fn has_no_state(&self, id: UserId) -> Result<bool, StoreError> {
        let (shard, key) = (Shard::of_user(id), self.keys.user(id));
        let reads = vec![(shard, command(&["EXISTS", &key])), self.get_fields(id, &["st"])];
        Ok(self.read_many(reads).await? == [Value::Int(1), Value::Array(vec![Value::Nil])])
    }

    /// Removes the sessions of a user who is not active.
    async fn sweep_sessions(&self, id: UserId) -> Result<bool, StoreError> {
        let sessions = self.keys.sessions(id);
        let no_args: [&str; 0] = [];
        match self.run_on_record(self.router.deadline(), Script::SweepSessions, id, &[&sessions], &no_args).await {
            Ok(answer) => Ok(answer.status == "ok"),
            // The record has another type. That is a finding of its own, and proves nothing about the user.
            Err(StoreError::Corrupt { .. }) => Ok(false),
            Err(unavailable) => Err(unavailable),
        }
    }

    /// Checks keys that belong to no single user.
    pub(super) async fn check_dependents(
        &self,
        keys: Vec<(DependentKind, Shard, String)>,
    ) -> Result<Vec<Finding>, StoreError> {
        let reads = keys.iter().map(|(what, shard, key)| match what {
            DependentKind::Events => (*shard, command(&["XREVRANGE", key, "+", "-", "COUNT", EVENTS_SAMPLED])),
            DependentKind::RateLimitBucket => (*shard, command(&["GET", key])),
            DependentKind::ServiceKeys => (*shard, command(&["HGETALL", key])),
        });
        let answers = self.read_many(reads.collect()).await?;
        let unreadable = keys.into_iter().zip(answers).filter_map(|((what, _, key), answer)| {
            let wrong = match what {
                DependentKind::Events => events::parse_events(answer).err(),
                DependentKind::RateLimitBucket => {
                    (!is_number(&answer)).then_some("it does not say when the bucket is full again")
                }
                DependentKind::ServiceKeys => {
                    let texts = ::redis::from_redis_value::<BTreeMap<String, String>>(answer);
                    texts.is_err().then_some("a key of the service is not a string")
                }
            };
            wrong.map(|wrong| manual_finding(FindingKind::Unreadable, None, key, wrong))
        });
        Ok(unreadable.collect())
    }
}

/// Whether an answer to a `GET` is a number, or the key has expired.
fn is_number(answer: &Value) -> bool {
    match answer {
        Value::Nil => true,
        Value::BulkString(bytes) => !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}
