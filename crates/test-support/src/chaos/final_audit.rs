//! After the storm every recorded user is looked up by id and by e-mail address, and every contended address is signed
//! up for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use userd_core::Actor;

use tokio::task::JoinSet;
use userd_core::clock::{Clock, ManualClock, SystemClock};
use userd_store::{CreateUserOutcome, Store};
use userd_store_redis::INTENT_MS;

use super::clients::ChaosContext;
use crate::fixtures::{new_user, parse_email};
use crate::http_client::HttpConnection;
use crate::linearizability::{CallOutcome, HistoryCall, HistoryEntry};

/// The number of concurrent look-ups.
const CALLERS: usize = 8;

/// What the final audit finds in addition to the history checker.
#[derive(Debug, Default)]
pub struct FinalAudit {
    /// Users whose sign-up was acknowledged and whose deletion was never requested, and who are missing.
    pub lost: Vec<String>,
    /// Users whose deletion was acknowledged, and who are still there.
    pub resurrected: Vec<String>,
    /// E-mail addresses with two users.
    pub duplicated: Vec<String>,
}

/// Looks up every e-mail address and id of the history, through userd, and records the outcomes in the history.
pub(crate) async fn look_up_all(shared: &Arc<ChaosContext>, client: usize) {
    let entries = shared.recorder.entries();
    let mut calls: BTreeMap<String, HistoryCall> = BTreeMap::new();
    for entry in &entries {
        if let CallOutcome::User(seen) = &entry.outcome {
            calls.insert(seen.id.clone(), HistoryCall::ById { id: seen.id.clone() });
        }
        if let Some(email) = entry.call.wanted_email() {
            calls.insert(email.to_owned(), HistoryCall::ByEmail { email: email.to_owned() });
        }
    }
    let calls: Vec<HistoryCall> = calls.into_values().collect();
    let addresses = shared.addresses.all();
    let mut callers = JoinSet::new();
    for (caller, part) in calls.chunks(calls.len().div_ceil(CALLERS).max(1)).enumerate() {
        let (shared, part, at) = (Arc::clone(shared), part.to_vec(), addresses[caller % addresses.len()]);
        callers.spawn(async move {
            let mut line = None;
            for call in part {
                loop {
                    let connection = match line.take() {
                        Some(connection) => connection,
                        None => HttpConnection::to(at).await,
                    };
                    let (outcome, connection) = shared.fetch(client + caller, connection, call.clone()).await;
                    line = connection;
                    if outcome != CallOutcome::Unknown {
                        break;
                    }
                }
            }
        });
    }
    callers.join_all().await;
}

/// Compares the outcomes of the look-ups (the entries from `since` on) with what was acknowledged before.
pub(crate) fn audit_final_state(entries: &[HistoryEntry], since: usize) -> FinalAudit {
    let (before, after) = entries.split_at(since);
    let mut found = FinalAudit::default();
    let mut owners: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let (mut missing, mut there) = (BTreeSet::new(), BTreeSet::new());
    for entry in after {
        match (&entry.call, &entry.outcome) {
            (HistoryCall::ById { id }, CallOutcome::Missing) => {
                missing.insert(id.as_str());
            }
            (_, CallOutcome::User(seen)) => {
                there.insert(seen.id.as_str());
                owners.entry(&seen.email).or_default().insert(&seen.id);
            }
            _ => {}
        }
    }
    let mut threatened = BTreeSet::new();
    for entry in before {
        if let HistoryCall::Remove { id, .. } = &entry.call
            && matches!(entry.outcome, CallOutcome::User(_) | CallOutcome::Unknown)
        {
            threatened.insert(id.as_str());
            if there.contains(id.as_str()) && entry.outcome != CallOutcome::Unknown {
                found.resurrected.push(entry.to_string());
            }
        }
    }
    for entry in before {
        if let (HistoryCall::SignUp { .. }, CallOutcome::User(seen)) = (&entry.call, &entry.outcome)
            && missing.contains(seen.id.as_str())
            && !threatened.contains(seen.id.as_str())
        {
            found.lost.push(entry.to_string());
        }
    }
    found.duplicated = owners
        .into_iter()
        .filter(|(_, ids)| ids.len() > 1)
        .map(|(email, ids)| format!("{email} is {ids:?}'s"))
        .collect();
    found
}

/// The e-mail addresses without a user that can't be signed up for after every deadline has passed: the sign-up's time
/// is one intent lifetime later.
pub(crate) async fn find_blocked_emails(store: &dyn Store, emails: &BTreeSet<String>) -> Vec<String> {
    let clock = ManualClock::at(SystemClock.now());
    clock.advance_ms(INTENT_MS + 1);
    let mut blocked = Vec::new();
    for email in emails {
        let owner = store.user_by_email(parse_email(email).canonical()).await.expect("served").map(|user| user.id);
        let newcomer = new_user(&clock, email);
        let outcome = store.create_user(&newcomer, Actor::anonymous()).await.expect("served");
        match (owner, outcome) {
            (None, CreateUserOutcome::Created) | (Some(_), CreateUserOutcome::EmailTaken) => {}
            (None, CreateUserOutcome::EmailTaken) => {
                blocked.push(format!("{email} has no user and can't be signed up"));
            }
            (_, CreateUserOutcome::Resharding) => {
                blocked.push(format!("{email} can't be signed up: a slot is still on the move"));
            }
            (Some(owner), CreateUserOutcome::Created) => {
                blocked.push(format!("{email} was {owner}'s and was given away"));
            }
        }
    }
    blocked
}
