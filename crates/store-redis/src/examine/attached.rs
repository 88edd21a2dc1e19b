//! The check of what hangs on users: sessions, their history, counted tries, and the service's own keys. Each can be
//! read, and sessions are those of an active user.
//!
//! Sessions end in the same step as their user, so a step never leaves any behind; only damage does.

use std::collections::BTreeMap;

use ::redis::Value;

use super::reading::{self, HOLDER};
use super::{Case, SECOND_LOOKS, mendable, person, read};
use crate::keys::Shard;
use crate::script::Script;
use crate::{RedisStore, events, session_fields};
use userd_core::UserId;
use userd_store::{Finding, FindingKind, StoreError};

/// How many events of a shard are looked at, the newest: they are written alike, and a pass must not cost more the
/// longer a history is.
const EVENTS_SEEN: &str = "8";

/// What hangs on no single user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attached {
    /// A shard's history.
    Events,
    /// A bucket in which tries are counted.
    Bucket,
    /// The service's own keys of one kind.
    ServiceKeys,
}

impl RedisStore {
    /// Looks at the sessions of `ids`.
    pub(super) async fn examine_sessions(&self, case: Case, ids: Vec<UserId>) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        let mut strays = self.stray_sessions(ids, Some(&mut findings)).await?;
        for number in 0..SECOND_LOOKS {
            if strays.is_empty() {
                break;
            }
            self.pause_before_look(number).await;
            strays = self.stray_sessions(strays, None).await?;
        }
        for id in strays {
            if self.has_lost_its_state(id).await? {
                continue;
            }
            let mended = case.repairs() && self.sweep_sessions(id).await?;
            let detail = "the user whose sessions these are is no active user";
            findings.push(mendable(FindingKind::SessionStray, mended, Some(id), self.keys.sessions(id), detail));
        }
        Ok(findings)
    }

    /// Those of `ids` that have sessions and are no active users. A record that can't be read says nothing.
    async fn stray_sessions(
        &self,
        ids: Vec<UserId>,
        mut findings: Option<&mut Vec<Finding>>,
    ) -> Result<Vec<UserId>, StoreError> {
        let reads = ids.iter().flat_map(|&id| {
            let (shard, mut holder) = read(Shard::of_user(id), &["HMGET", &self.keys.user(id)]);
            holder.arg(&HOLDER[..2]);
            [read(shard, &["HGETALL", &self.keys.sessions(id)]), (shard, holder)]
        });
        let mut answers = self.ask(reads.collect()).await?.into_iter();
        let mut strays = Vec::new();
        for id in ids {
            let (sessions, holder) = (answers.next().unwrap_or(Value::Nil), answers.next().unwrap_or(Value::Nil));
            if is_nothing(&sessions) {
                continue;
            }
            if reading::has(None, holder) == Some(false) {
                strays.push(id);
            } else if let (Err(what), Some(findings)) = (session_fields::read_all(sessions), &mut findings) {
                findings.push(person(FindingKind::Unreadable, Some(id), self.keys.sessions(id), what));
            }
        }
        Ok(strays)
    }

    /// Whether there is a record that does not say what it is: a finding of its own, and no word on who is active.
    async fn has_lost_its_state(&self, id: UserId) -> Result<bool, StoreError> {
        let (shard, key) = (Shard::of_user(id), self.keys.user(id));
        let answers = self.ask(vec![read(shard, &["EXISTS", &key]), read(shard, &["HMGET", &key, "st"])]).await?;
        Ok(answers == [Value::Int(1), Value::Array(vec![Value::Nil])])
    }

    async fn sweep_sessions(&self, id: UserId) -> Result<bool, StoreError> {
        let sessions = self.keys.sessions(id);
        let no_args: [&str; 0] = [];
        let answer = self.on_record(self.link.deadline(), Script::SweepSessions, id, &[&sessions], &no_args).await;
        match answer {
            Ok(answer) => Ok(answer.word == "ok"),
            // The record has another type: a finding of its own, and no word on who is active.
            Err(StoreError::Corrupt { .. }) => Ok(false),
            Err(away) => Err(away),
        }
    }

    /// Looks at keys that hang on no single user.
    pub(super) async fn examine_attached(
        &self,
        keys: Vec<(Attached, Shard, String)>,
    ) -> Result<Vec<Finding>, StoreError> {
        let reads = keys.iter().map(|(what, shard, key)| match what {
            Attached::Events => read(*shard, &["XREVRANGE", key, "+", "-", "COUNT", EVENTS_SEEN]),
            Attached::Bucket => read(*shard, &["GET", key]),
            Attached::ServiceKeys => read(*shard, &["HGETALL", key]),
        });
        let answers = self.ask(reads.collect()).await?;
        let unreadable = keys.into_iter().zip(answers).filter_map(|((what, _, key), answer)| {
            let wrong = match what {
                Attached::Events => events::read(answer).err(),
                Attached::Bucket => (!is_number(&answer)).then_some("it does not say when the bucket is full again"),
                Attached::ServiceKeys => {
                    let texts = ::redis::from_redis_value::<BTreeMap<String, String>>(answer);
                    texts.is_err().then_some("a key of the service is no text")
                }
            };
            wrong.map(|wrong| person(FindingKind::Unreadable, None, key, wrong))
        });
        Ok(unreadable.collect())
    }
}

/// Whether an answer to an `HGETALL` says that nothing is there, or no more.
fn is_nothing(answer: &Value) -> bool {
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
