//! Checks claims: each must point at a user who has the address, or whose record has an intent or a stale claim for it.

use ::redis::Value;

use super::context::CheckContext;
use super::findings::{manual_finding, repairable_finding, unreadable_finding};
use super::snapshot::{self, ClaimValidity, ClaimValue, HOLDER_FIELDS, OWNERSHIP_FIELDS};
use crate::layout::Shard;
use crate::store::RedisStore;
use crate::user_record::ClaimPointer;
use userd_core::CanonicalEmail;
use userd_store::{Finding, FindingKind, StoreError, mask_email};

impl RedisStore {
    /// Checks the claims on `emails`.
    pub(super) async fn check_claims(
        &self,
        context: CheckContext,
        emails: Vec<CanonicalEmail>,
    ) -> Result<Vec<Finding>, StoreError> {
        let suspects = self.suspect_claims(emails).await?;
        let recheck = async |suspects: Vec<(CanonicalEmail, ClaimValue)>| {
            let again = self.suspect_claims(suspects.iter().map(|(email, _)| email.clone()).collect()).await?;
            Ok(suspects.into_iter().filter(|suspect| again.contains(suspect)).collect())
        };
        let mut findings = Vec::new();
        for (email, value) in self.persistent(suspects, recheck).await? {
            let place = self.masked_claim_key(&email);
            let Ok(Some(pointer)) = value else {
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

    /// The claims that look wrong, because no record knows about them or they are not pointers: reads each claim, then
    /// the record of its holder.
    async fn suspect_claims(
        &self,
        emails: Vec<CanonicalEmail>,
    ) -> Result<Vec<(CanonicalEmail, ClaimValue)>, StoreError> {
        let values = self.read_claims(&emails).await?;
        let mut claims: Vec<(CanonicalEmail, ClaimValue)> = emails.into_iter().zip(values).collect();
        let pointers = claims.iter().filter_map(|(email, value)| Some((email.clone(), value.ok().flatten()?)));
        let mut validities = self.claim_validities(&pointers.collect::<Vec<_>>()).await?.into_iter();
        claims.retain(|(_, value)| match value {
            Ok(Some(_)) => validities.next() == Some(ClaimValidity::Dead),
            Ok(None) => false,
            Err(_) => true,
        });
        Ok(claims)
    }

    /// Reads the claims on `emails`.
    pub(super) async fn read_claims(&self, emails: &[CanonicalEmail]) -> Result<Vec<ClaimValue>, StoreError> {
        let get = |email: &CanonicalEmail| (Shard::of_email(email), self.get_claim(email));
        Ok(self.read_many(emails.iter().map(get).collect()).await?.iter().map(ClaimPointer::in_answer).collect())
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
