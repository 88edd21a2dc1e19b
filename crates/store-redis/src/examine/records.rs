//! The check of records: each can be read, an active user's claim says the same, both listings have them, and
//! nothing is left of what was begun.

use ::redis::Value;

use super::reading::{self, Held, Record, Said, State};
use super::{Case, SECOND_LOOKS, read, unreadable};
use crate::RedisStore;
use crate::keys::Shard;
use crate::record::{Owed, Pointer};
use userd_core::{Timestamp, UserId};
use userd_store::{Finding, StoreError};

/// A record and what belongs to it, each read once, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) id: UserId,
    pub(super) record: Record,
    held: Held,
    listed: bool,
    listed_by_email: bool,
}

/// What does not fit; the words of a suspicion, until it has stayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    Unreadable(String),
    CanonicalWrong,
    ClaimNotOwn(Held),
    NotListed,
    Overdue(Owed),
    Owes(Vec<Owed>),
}

impl Problem {
    /// Whether this suspicion has stayed, if `later` is seen at a later look. A claim that is not the user's own is
    /// one suspicion whatever it holds meanwhile.
    fn is_still(&self, later: &Self) -> bool {
        self == later || matches!((self, later), (Self::ClaimNotOwn(_), Self::ClaimNotOwn(_)))
    }
}

impl RedisStore {
    /// Looks at the records of `ids`; gives how many are active users, and what was found.
    pub(super) async fn examine_records(
        &self,
        case: Case,
        ids: Vec<UserId>,
    ) -> Result<(u64, Vec<Finding>), StoreError> {
        let looks = self.look_at(ids).await?;
        let active = looks.iter().filter(|look| said(&look.record).is_some_and(|said| said.state == State::Active));
        let users = active.count() as u64;
        let mut suspects: Vec<(Look, Vec<Problem>)> = looks
            .into_iter()
            .map(|look| (problems(&look, case.now()), look))
            .filter(|(problems, _)| !problems.is_empty())
            .map(|(problems, look)| (look, problems))
            .collect();
        for number in 0..SECOND_LOOKS {
            if suspects.is_empty() {
                return Ok((users, Vec::new()));
            }
            self.pause_before_look(number).await;
            suspects = self.look_again(case, suspects).await?;
        }
        let mut findings = Vec::new();
        for (look, problems) in suspects {
            for problem in problems {
                match self.mend_record(case, &look, problem).await {
                    Ok(found) => findings.extend(found),
                    Err(error) => findings.push(unreadable(Some(look.id), error)?),
                }
            }
        }
        Ok((users, findings))
    }

    /// What of the suspicions is still there. A record that moves while it is looked at proves nothing.
    async fn look_again(
        &self,
        case: Case,
        suspects: Vec<(Look, Vec<Problem>)>,
    ) -> Result<Vec<(Look, Vec<Problem>)>, StoreError> {
        let ids: Vec<UserId> = suspects.iter().map(|(look, _)| look.id).collect();
        let looks = self.look_at(ids.clone()).await?;
        let after = self.records(&ids).await?;
        let mut staying = Vec::new();
        for (((_, before), look), record) in suspects.into_iter().zip(looks).zip(after) {
            if look.record != record {
                continue;
            }
            let mut both = problems(&look, case.now());
            both.retain(|problem| before.iter().any(|earlier| earlier.is_still(problem)));
            if !both.is_empty() {
                staying.push((look, both));
            }
        }
        Ok(staying)
    }

    /// The records of `ids`.
    async fn records(&self, ids: &[UserId]) -> Result<Vec<Record>, StoreError> {
        let commands = ids.iter().map(|&id| self.read_record(id)).collect();
        let answers = self.ask(commands).await?;
        let mut records: Vec<Record> =
            ids.iter().zip(answers).map(|(&id, answer)| reading::whole(id, answer)).collect();
        let gone: Vec<usize> = (0..records.len()).filter(|&place| records[place] == Record::Gone).collect();
        let exist = gone.iter().map(|&place| {
            let id = ids[place];
            read(Shard::of_user(id), &["EXISTS", &self.keys.user(id)])
        });
        for (&place, answer) in gone.iter().zip(self.ask(exist.collect()).await?) {
            if answer == Value::Int(1) {
                records[place] = Record::Unreadable("it has none of a record's fields".to_owned());
            }
        }
        Ok(records)
    }

    fn read_record(&self, id: UserId) -> (Shard, ::redis::Cmd) {
        let (shard, mut command) = read(Shard::of_user(id), &["HMGET", &self.keys.user(id)]);
        command.arg(reading::whole_fields());
        (shard, command)
    }

    /// Each record first, then, of active users, the claim and the listings.
    async fn look_at(&self, ids: Vec<UserId>) -> Result<Vec<Look>, StoreError> {
        let records = self.records(&ids).await?;
        let mut commands = Vec::with_capacity(3 * ids.len());
        for (id, record) in ids.iter().zip(&records) {
            if let Some(Said { state: State::Active, email, .. }) = said(record) {
                let (shard, text) = (Shard::of_user(*id), id.to_string());
                commands.push(read(Shard::of_email(email), &["GET", &self.keys.claim(email)]));
                commands.push(read(shard, &["ZSCORE", &self.keys.users(shard), &text]));
                commands.push(read(shard, &["ZSCORE", &self.keys.emails(shard), &format!("{email}\0{text}")]));
            }
        }
        let mut answers = self.ask(commands).await?.into_iter();
        // A listing of a wrong type is the listing's trouble, and reported there.
        let listed = |answer: Option<Value>| answer != Some(Value::Nil);
        let looks = ids.into_iter().zip(records).map(|(id, record)| {
            let mut look = Look { id, record, held: Held::Nothing, listed: true, listed_by_email: true };
            if said(&look.record).is_some_and(|said| said.state == State::Active) {
                look.held = answers.next().map_or(Held::Garbage, |answer| reading::held(&answer));
                look.listed = listed(answers.next());
                look.listed_by_email = listed(answers.next());
            }
            look
        });
        Ok(looks.collect())
    }
}

/// What the record says, if it can be read.
pub(super) fn said(record: &Record) -> Option<&Said> {
    match record {
        Record::Whole { said, .. } => Some(said),
        Record::Gone | Record::Unreadable(_) => None,
    }
}

fn problems(look: &Look, now: Timestamp) -> Vec<Problem> {
    let (said, canonical_wrong) = match &look.record {
        // Expired after it was met.
        Record::Gone => return Vec::new(),
        Record::Unreadable(what) => return vec![Problem::Unreadable(what.clone())],
        Record::Whole { said, canonical_wrong, .. } => (said, *canonical_wrong),
    };
    let mut found = Vec::new();
    if said.state == State::Active && canonical_wrong {
        // Claim and listings are not judged by an e-mail that is wrong itself.
        found.push(Problem::CanonicalWrong);
    } else if said.state == State::Active {
        if look.held != Held::Pointer(Pointer { id: look.id, op: said.eop }) {
            found.push(Problem::ClaimNotOwn(look.held));
        }
        if !look.listed || !look.listed_by_email {
            found.push(Problem::NotListed);
        }
    }
    let late = reading::overdue(said.till, now);
    match (&said.change, said.state) {
        (_, State::Pending) if late => found.push(Problem::Overdue(Owed { op: said.eop, email: said.email.clone() })),
        (Some(change), State::Active) if late => found.push(Problem::Overdue(change.clone())),
        _ => {}
    }
    if !said.owed.is_empty() {
        found.push(Problem::Owes(said.owed.clone()));
    }
    found
}
