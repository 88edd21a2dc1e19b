//! The check of what hangs on users: sessions, their history, counted tries, and the service's own keys. Each can be
//! read, and sessions are those of an active user.
//!
//! Sessions end in the same step as their user, so a step never leaves any behind; only damage does.

use std::collections::BTreeMap;

use ::redis::Value;

use super::snapshot::{self, HOLDER_FIELDS};
use super::{CheckContext, RECHECKS, manual_finding, read_command, repairable_finding};
use crate::layout::Shard;
use crate::script::Script;
use crate::{RedisStore, events, session_record};
use userd_core::UserId;
use userd_store::{Finding, FindingKind, StoreError};

/// How many events of a shard are looked at, the newest: they are written alike, and a pass must not cost more the
/// longer a history is.
const EVENTS_SAMPLED: &str = "8";

/// What hangs on no single user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DependentKind {
    /// A shard's history.
    Events,
    /// A bucket in which tries are counted.
    RateLimitBucket,
    /// The service's own keys of one kind.
    ServiceKeys,
}

impl RedisStore {
    /// Looks at the sessions of `ids`.
    pub(super) async fn check_sessions(
        &self,
        context: CheckContext,
        ids: Vec<UserId>,
    ) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        let mut orphaned = self.orphaned_sessions(ids, Some(&mut findings)).await?;
        for number in 0..RECHECKS {
            if orphaned.is_empty() {
                break;
            }
            self.pause_before_recheck(number).await;
            orphaned = self.orphaned_sessions(orphaned, None).await?;
        }
        for id in orphaned {
            if self.has_no_state(id).await? {
                continue;
            }
            let repaired = context.repairs() && self.sweep_sessions(id).await?;
            let detail = "the user whose sessions these are is no active user";
            findings.push(repairable_finding(
                FindingKind::OrphanedSession,
                repaired,
                Some(id),
                self.keys.sessions(id),
                detail,
            ));
        }
        Ok(findings)
    }

    /// Those of `ids` that have sessions and are no active users. A record that can't be read says nothing.
    async fn orphaned_sessions(
        &self,
        ids: Vec<UserId>,
        mut findings: Option<&mut Vec<Finding>>,
    ) -> Result<Vec<UserId>, StoreError> {
        let reads = ids.iter().flat_map(|&id| {
            let (shard, mut holder) = read_command(Shard::of_user(id), &["HMGET", &self.keys.user(id)]);
            holder.arg(&HOLDER_FIELDS[..2]);
            [read_command(shard, &["HGETALL", &self.keys.sessions(id)]), (shard, holder)]
        });
        let mut answers = self.read_many(reads.collect()).await?.into_iter();
        let mut orphaned = Vec::new();
        for id in ids {
            let (sessions, holder) = (answers.next().unwrap_or(Value::Nil), answers.next().unwrap_or(Value::Nil));
            if is_empty_hash(&sessions) {
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

    /// Whether there is a record that does not say what it is: a finding of its own, and no word on who is active.
    async fn has_no_state(&self, id: UserId) -> Result<bool, StoreError> {
        let (shard, key) = (Shard::of_user(id), self.keys.user(id));
        let answers = self
            .read_many(vec![read_command(shard, &["EXISTS", &key]), read_command(shard, &["HMGET", &key, "st"])])
            .await?;
        Ok(answers == [Value::Int(1), Value::Array(vec![Value::Nil])])
    }

    async fn sweep_sessions(&self, id: UserId) -> Result<bool, StoreError> {
        let sessions = self.keys.sessions(id);
        let no_args: [&str; 0] = [];
        let answer =
            self.run_on_record(self.router.deadline(), Script::SweepSessions, id, &[&sessions], &no_args).await;
        match answer {
            Ok(answer) => Ok(answer.status == "ok"),
            // The record has another type: a finding of its own, and no word on who is active.
            Err(StoreError::Corrupt { .. }) => Ok(false),
            Err(away) => Err(away),
        }
    }

    /// Looks at keys that hang on no single user.
    pub(super) async fn check_dependents(
        &self,
        keys: Vec<(DependentKind, Shard, String)>,
    ) -> Result<Vec<Finding>, StoreError> {
        let reads = keys.iter().map(|(what, shard, key)| match what {
            DependentKind::Events => read_command(*shard, &["XREVRANGE", key, "+", "-", "COUNT", EVENTS_SAMPLED]),
            DependentKind::RateLimitBucket => read_command(*shard, &["GET", key]),
            DependentKind::ServiceKeys => read_command(*shard, &["HGETALL", key]),
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
                    texts.is_err().then_some("a key of the service is no text")
                }
            };
            wrong.map(|wrong| manual_finding(FindingKind::Unreadable, None, key, wrong))
        });
        Ok(unreadable.collect())
    }
}

/// Whether an answer to an `HGETALL` says that nothing is there, or no more.
fn is_empty_hash(answer: &Value) -> bool {
    match answer {
        Value::Array(fields) => fields.is_empty(),
        Value::Map(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Whether an answer to a `GET` is a number, or nothing any more.
fn is_number(answer: &Value) -> bool {
    match answer {
        Value::Nil => true,
        Value::BulkString(bytes) => !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}
