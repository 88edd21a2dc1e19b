//! Checks records: each must be readable, an active user must have the matching claim and be in both listings, and no
//! unfinished operation may be left behind.

use ::redis::Value;

use super::context::CheckContext;
use super::findings::unreadable_finding;
use super::snapshot::{self, ClaimValue, RecordContents, RecordSnapshot, RecordState};
use crate::layout::Shard;
use crate::store::{RedisStore, command};
use crate::user_record::{ClaimEntry, ClaimPointer};
use userd_core::{Timestamp, UserId};
use userd_store::{Finding, StoreError};

/// A record with its claim and listing entries, each read once, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordObservation {
    /// The id of the record.
    pub(super) id: UserId,
    /// What the record says.
    pub(super) record: RecordSnapshot,
    claim_value: ClaimValue,
    /// Whether both listings have the user.
    listed: bool,
}

/// A mismatch: a suspicion until it has persisted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RecordProblem {
    Unreadable(String),
    CanonicalMismatch,
    ClaimMismatch(ClaimValue),
    NotListed,
    OverdueIntent(ClaimEntry),
    StaleClaims(Vec<ClaimEntry>),
}

impl RecordProblem {
    /// Whether this suspicion persists in `later`. A claim that is not the user's own is the same suspicion whatever it
    /// holds meanwhile.
    fn persists_in(&self, later: &Self) -> bool {
        self == later || matches!((self, later), (Self::ClaimMismatch(_), Self::ClaimMismatch(_)))
    }
}

impl RedisStore {
    /// Checks the records of `ids`; returns the number of active users, and the findings.
    pub(super) async fn check_records(
        &self,
        context: CheckContext,
        ids: Vec<UserId>,
    ) -> Result<(u64, Vec<Finding>), StoreError> {
        let observations = self.observe(ids).await?;
        let users = observations.iter().filter(|observed| is_active(&observed.record)).count() as u64;
        let suspects = observations.into_iter().map(|observed| {
            let problems = problems(&observed, context.now());
            (observed, problems)
        });
        let suspects = suspects.filter(|(_, problems)| !problems.is_empty()).collect();
        let mut findings = Vec::new();
        for (observed, problems) in self.persistent(suspects, |suspects| self.observe_again(context, suspects)).await? {
            for problem in problems {
                match self.repair_record(context, &observed, problem).await {
                    Ok(found) => findings.extend(found),
                    Err(error) => findings.push(unreadable_finding(Some(observed.id), error)?),
                }
            }
        }
        Ok((users, findings))
    }

    /// The suspicions that persist. A record that changes while it is read proves nothing.
    async fn observe_again(
        &self,
        context: CheckContext,
        suspects: Vec<(RecordObservation, Vec<RecordProblem>)>,
    ) -> Result<Vec<(RecordObservation, Vec<RecordProblem>)>, StoreError> {
        let ids: Vec<UserId> = suspects.iter().map(|(observed, _)| observed.id).collect();
        let observations = self.observe(ids.clone()).await?;
        let after = self.records(&ids).await?;
        let mut persistent = Vec::new();
        for (((_, before), observed), record) in suspects.into_iter().zip(observations).zip(after) {
            if observed.record != record {
                continue;
            }
            let mut both = problems(&observed, context.now());
            both.retain(|problem| before.iter().any(|earlier| earlier.persists_in(problem)));
            if !both.is_empty() {
                persistent.push((observed, both));
            }
        }
        Ok(persistent)
    }

    /// The records of `ids`.
    async fn records(&self, ids: &[UserId]) -> Result<Vec<RecordSnapshot>, StoreError> {
        let commands = ids.iter().map(|&id| self.get_fields(id, &snapshot::all_fields())).collect();
        let answers = self.read_many(commands).await?;
        let mut records: Vec<RecordSnapshot> =
            ids.iter().zip(answers).map(|(&id, answer)| snapshot::parse_record(id, answer)).collect();
        let gone: Vec<usize> = (0..records.len()).filter(|&place| records[place] == RecordSnapshot::Missing).collect();
        let exists = |id| (Shard::of_user(id), command(&["EXISTS", &self.keys.user(id)]));
        let exist = gone.iter().map(|&place| exists(ids[place]));
        for (&place, answer) in gone.iter().zip(self.read_many(exist.collect()).await?) {
            if answer == Value::Int(1) {
                records[place] = RecordSnapshot::Unreadable("it has none of the fields of a record".to_owned());
            }
        }
        Ok(records)
    }

    /// Reads each record, then the claims and listing entries of active users.
    async fn observe(&self, ids: Vec<UserId>) -> Result<Vec<RecordObservation>, StoreError> {
        let records = self.records(&ids).await?;
        let mut commands = Vec::with_capacity(3 * ids.len());
        for (id, record) in ids.iter().zip(&records) {
            if let Some(RecordContents { state: RecordState::Active, email, .. }) = contents(record) {
                let (shard, text) = (Shard::of_user(*id), id.to_string());
                commands.push((Shard::of_email(email), self.get_claim(email)));
                commands.push((shard, command(&["ZSCORE", &self.keys.users(shard), &text])));
                let member = format!("{email}\0{text}");
                commands.push((shard, command(&["ZSCORE", &self.keys.emails(shard), &member])));
            }
        }
        let mut answers = self.read_many(commands).await?.into_iter();
        // A listing of a wrong type is reported with the listings.
        let listed = |answer: Option<Value>| answer != Some(Value::Nil);
        let observations = ids.into_iter().zip(records).map(|(id, record)| {
            let mut observed = RecordObservation { id, record, claim_value: Ok(None), listed: true };
            if is_active(&observed.record) {
                let claim = answers.next();
                observed.claim_value = claim.map_or(Err("no answer"), |claim| ClaimPointer::in_answer(&claim));
                let (by_id, by_email) = (listed(answers.next()), listed(answers.next()));
                observed.listed = by_id && by_email;
            }
            observed
        });
        Ok(observations.collect())
    }
}

/// The contents of the record, if it is readable.
pub(super) fn contents(record: &RecordSnapshot) -> Option<&RecordContents> {
    match record {
        RecordSnapshot::Parsed(contents) => Some(contents),
        RecordSnapshot::Missing | RecordSnapshot::Unreadable(_) => None,
    }
}

fn is_active(record: &RecordSnapshot) -> bool {
    contents(record).is_some_and(|contents| contents.state == RecordState::Active)
}

/// What is wrong with a record.
fn problems(observed: &RecordObservation, now: Timestamp) -> Vec<RecordProblem> {
    let contents = match &observed.record {
        // It expired after `SCAN` had returned it.
        RecordSnapshot::Missing => return Vec::new(),
        RecordSnapshot::Unreadable(what) => return vec![RecordProblem::Unreadable(what.clone())],
        RecordSnapshot::Parsed(contents) => contents,
    };
    let mut found = Vec::new();
    if contents.state == RecordState::Active && contents.canonical_mismatch {
        // A wrong address proves nothing about claim and listings.
        found.push(RecordProblem::CanonicalMismatch);
    } else if contents.state == RecordState::Active {
        if observed.claim_value != Ok(Some(ClaimPointer { id: observed.id, op: contents.eop })) {
            found.push(RecordProblem::ClaimMismatch(observed.claim_value));
        }
        if !observed.listed {
            found.push(RecordProblem::NotListed);
        }
    }
    let late = snapshot::is_overdue(contents.till, now);
    match (&contents.change, contents.state) {
        (_, RecordState::Pending) if late => {
            found.push(RecordProblem::OverdueIntent(ClaimEntry { op: contents.eop, email: contents.email.clone() }));
        }
        (Some(change), RecordState::Active) if late => found.push(RecordProblem::OverdueIntent(change.clone())),
        _ => {}
    }
    if !contents.stale_claims.is_empty() {
        found.push(RecordProblem::StaleClaims(contents.stale_claims.clone()));
    }
    found
}
