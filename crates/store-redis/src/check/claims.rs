//! Checks claims: each must point at a user who has the address, or whose record has an intent or a stale claim for it.

use ::redis::Value;

use super::context::{CheckContext, RECHECKS};
use super::findings::{manual_finding, repairable_finding, unreadable_finding};
use super::reads::read_command;
use super::snapshot::{self, ClaimValidity, ClaimValue, HOLDER_FIELDS, OWNERSHIP_FIELDS};
use crate::layout::Shard;
use crate::store::RedisStore;
use crate::user_record::ClaimPointer;
use userd_core::CanonicalEmail;
use userd_store::{Finding, FindingKind, StoreError, mask_email};

/// What is wrong with a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClaimProblem {
    /// No record knows about it.
    Orphaned(ClaimPointer),
    /// It is not a pointer.
    Malformed,
}

impl RedisStore {
    /// Checks the claims on `emails`.
    pub(super) async fn check_claims(
        &self,
        context: CheckContext,
        emails: Vec<CanonicalEmail>,
    ) -> Result<Vec<Finding>, StoreError> {
        let mut suspects = self.suspect_claims(emails).await?;
        for number in 0..RECHECKS {
            if suspects.is_empty() {
                return Ok(Vec::new());
            }
            self.pause_before_recheck(number).await;
            let again = self.suspect_claims(suspects.iter().map(|(email, _)| email.clone()).collect()).await?;
            suspects.retain(|suspect| again.contains(suspect));
        }
        let mut findings = Vec::new();
        for (email, problem) in suspects {
            let place = self.masked_claim_key(&email);
            let ClaimProblem::Orphaned(pointer) = problem else {
                let detail = "the claim is not a pointer to a user";
                findings.push(manual_finding(FindingKind::Unreadable, None, place, detail));
                continue;
            };
            let (kind, user) = (FindingKind::OrphanedClaim, Some(pointer.id));
            let detail = "its user does not have this e-mail address, or does not exist";
            let released =
                if context.repairs() { self.release_dead_claim(context, &email, pointer).await } else { Ok(false) };
            findings.push(match released {
                Ok(repaired) => repairable_finding(kind, repaired, user, place, detail),
                Err(error) => unreadable_finding(user, error)?,
            });
        }
        Ok(findings)
    }

    /// The claims that look wrong: reads each claim, then the record of its holder.
    async fn suspect_claims(
        &self,
        emails: Vec<CanonicalEmail>,
    ) -> Result<Vec<(CanonicalEmail, ClaimProblem)>, StoreError> {
        let claim_value = self.read_claims(&emails).await?;
        let pointers: Vec<(CanonicalEmail, ClaimPointer)> = emails
            .iter()
            .zip(&claim_value)
            .filter_map(|(email, claim_value)| match claim_value {
                ClaimValue::Pointer(pointer) => Some((email.clone(), *pointer)),
                ClaimValue::Absent | ClaimValue::Malformed => None,
            })
            .collect();
        let claim_validities = self.claim_validities(&pointers).await?;
        let dead = pointers.into_iter().zip(claim_validities).filter(|(_, validity)| *validity == ClaimValidity::Dead);
        let orphaned = dead.map(|((email, pointer), _)| (email, ClaimProblem::Orphaned(pointer)));
        let malformed =
            emails.into_iter().zip(claim_value).filter(|(_, claim_value)| *claim_value == ClaimValue::Malformed);
        Ok(orphaned.chain(malformed.map(|(email, _)| (email, ClaimProblem::Malformed))).collect())
    }

    /// Reads the claims on `emails`.
    pub(super) async fn read_claims(&self, emails: &[CanonicalEmail]) -> Result<Vec<ClaimValue>, StoreError> {
        let get = |email: &CanonicalEmail| read_command(Shard::of_email(email), &["GET", &self.keys.claim(email)]);
        Ok(self.read_many(emails.iter().map(get).collect()).await?.iter().map(snapshot::parse_claim_value).collect())
    }

    /// The validity of each claim, by its holder's record. Nearly all are owned, which few fields show; reading
    /// fields that a hash does not have costs the server most.
    pub(super) async fn claim_validities(
        &self,
        claims: &[(CanonicalEmail, ClaimPointer)],
    ) -> Result<Vec<ClaimValidity>, StoreError> {
        let mut claim_validities = self.claim_validities_by(claims, &HOLDER_FIELDS[..OWNERSHIP_FIELDS]).await?;
        let rest: Vec<usize> =
            (0..claims.len()).filter(|&place| claim_validities[place] != ClaimValidity::Owned).collect();
        let others: Vec<(CanonicalEmail, ClaimPointer)> = rest.iter().map(|&place| claims[place].clone()).collect();
        for (place, validity) in rest.into_iter().zip(self.claim_validities_by(&others, &HOLDER_FIELDS).await?) {
            claim_validities[place] = validity;
        }
        Ok(claim_validities)
    }

    async fn claim_validities_by(
        &self,
        claims: &[(CanonicalEmail, ClaimPointer)],
        fields: &[&str],
    ) -> Result<Vec<ClaimValidity>, StoreError> {
        let commands = claims.iter().map(|(_, pointer)| self.get_fields(pointer.id, fields));
        let answers: Vec<Value> = self.read_many(commands.collect()).await?;
        let pairs = claims.iter().zip(answers);
        Ok(pairs.map(|((email, pointer), answer)| snapshot::validity(email, *pointer, answer)).collect())
    }

    /// The key of a claim as it may be logged, precise enough for `SCAN … MATCH`.
    pub(super) fn masked_claim_key(&self, email: &CanonicalEmail) -> String {
        format!("{}{{{:03x}}}:claim:{}", self.keys.prefix(), Shard::of_email(email).number(), mask_email(email))
    }
}
