//! The check of claims: each points at a user who says the same, or whose record still has an affair with it.

use ::redis::Value;

use super::reading::{self, HOLDER, Held, OWNED_BY, Worth};
use super::{Case, SECOND_LOOKS, mendable, person, read, unreadable};
use crate::RedisStore;
use crate::keys::Shard;
use crate::record::Pointer;
use userd_core::CanonicalEmail;
use userd_store::{Finding, FindingKind, StoreError, mask};

/// What is wrong with a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suspicion {
    Stray(Pointer),
    Garbage,
}

impl RedisStore {
    /// Looks at the claims on `emails`.
    pub(super) async fn examine_claims(
        &self,
        case: Case,
        emails: Vec<CanonicalEmail>,
    ) -> Result<Vec<Finding>, StoreError> {
        let mut suspects = self.suspicious(emails).await?;
        for number in 0..SECOND_LOOKS {
            if suspects.is_empty() {
                return Ok(Vec::new());
            }
            self.pause_before_look(number).await;
            let again = self.suspicious(suspects.iter().map(|(email, _)| email.clone()).collect()).await?;
            suspects.retain(|suspect| again.contains(suspect));
        }
        let mut findings = Vec::new();
        for (email, suspicion) in suspects {
            let place = self.claim_place(&email);
            match suspicion {
                Suspicion::Garbage => {
                    findings.push(person(FindingKind::Unreadable, None, place, "the claim is no pointer to a user"));
                }
                Suspicion::Stray(pointer) => {
                    let released =
                        if case.repairs() { self.release_dead(case, &email, pointer).await } else { Ok(false) };
                    let mended = match released {
                        Ok(mended) => mended,
                        Err(error) => {
                            findings.push(unreadable(Some(pointer.id), error)?);
                            continue;
                        }
                    };
                    let detail = "its user does not have this e-mail, or does not exist";
                    findings.push(mendable(FindingKind::ClaimStray, mended, Some(pointer.id), place, detail));
                }
            }
        }
        Ok(findings)
    }

    /// The claim, then its holder's record, then the claim again: what a claim said in between it said of that
    /// record.
    async fn suspicious(&self, emails: Vec<CanonicalEmail>) -> Result<Vec<(CanonicalEmail, Suspicion)>, StoreError> {
        let held = self.claims_on(&emails).await?;
        let pointers: Vec<(CanonicalEmail, Pointer)> = emails
            .iter()
            .zip(&held)
            .filter_map(|(email, held)| match held {
                Held::Pointer(pointer) => Some((email.clone(), *pointer)),
                Held::Nothing | Held::Garbage => None,
            })
            .collect();
        let worths = self.worths(&pointers).await?;
        let dead = pointers.into_iter().zip(worths).filter(|(_, worth)| *worth == Worth::Dead);
        let stray = dead.map(|((email, pointer), _)| (email, Suspicion::Stray(pointer)));
        let garbage = emails.into_iter().zip(held).filter(|(_, held)| *held == Held::Garbage);
        Ok(stray.chain(garbage.map(|(email, _)| (email, Suspicion::Garbage))).collect())
    }

    pub(super) async fn claims_on(&self, emails: &[CanonicalEmail]) -> Result<Vec<Held>, StoreError> {
        let get = |email: &CanonicalEmail| read(Shard::of_email(email), &["GET", &self.keys.claim(email)]);
        Ok(self.ask(emails.iter().map(get).collect()).await?.iter().map(reading::held).collect())
    }

    /// What each claim is worth by its holder's record. Nearly all are owned, which takes few fields to see; looking
    /// for a field that a hash does not have costs the server most.
    pub(super) async fn worths(&self, claims: &[(CanonicalEmail, Pointer)]) -> Result<Vec<Worth>, StoreError> {
        let mut worths = self.worths_by(claims, &HOLDER[..OWNED_BY]).await?;
        let rest: Vec<usize> = (0..claims.len()).filter(|&place| worths[place] != Worth::Owned).collect();
        let others: Vec<(CanonicalEmail, Pointer)> = rest.iter().map(|&place| claims[place].clone()).collect();
        for (place, worth) in rest.into_iter().zip(self.worths_by(&others, &HOLDER).await?) {
            worths[place] = worth;
        }
        Ok(worths)
    }

    async fn worths_by(&self, claims: &[(CanonicalEmail, Pointer)], fields: &[&str]) -> Result<Vec<Worth>, StoreError> {
        let commands = claims.iter().map(|(_, pointer)| {
            let (shard, mut command) = read(Shard::of_user(pointer.id), &["HMGET", &self.keys.user(pointer.id)]);
            command.arg(fields);
            (shard, command)
        });
        let answers: Vec<Value> = self.ask(commands.collect()).await?;
        let judged = claims.iter().zip(answers);
        Ok(judged.map(|((email, pointer), answer)| reading::worth(email, *pointer, answer)).collect())
    }

    /// A claim's key as it may be shown, precise enough for `SCAN … MATCH`.
    pub(super) fn claim_place(&self, email: &CanonicalEmail) -> String {
        format!("{}{{{:03x}}}:claim:{}", self.keys.prefix(), Shard::of_email(email).number(), mask(email))
    }
}
