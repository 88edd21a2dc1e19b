//! Repairs: the steps of the claim protocol, each safe at any moment, and `repair_listing`. What would need a guess
//! is left to the operator.

use super::context::CheckContext;
use super::findings::{manual_finding, repairable_finding};
use super::records::{RecordObservation, RecordProblem, contents};
use super::snapshot::{ClaimValidity, ClaimValue};
use crate::layout::Shard;
use crate::protocol::{AcquireOutcome, ClaimState};
use crate::script::Script;
use crate::store::RedisStore;
use crate::user_record::{ClaimEntry, ClaimPointer};
use userd_core::{CanonicalEmail, UserId};
use userd_store::{Finding, FindingKind, StoreError};

impl RedisStore {
    /// Repairs a persistent problem of a record, or reports what the operator has to do. `None`: there is no problem.
    pub(super) async fn repair_record(
        &self,
        context: CheckContext,
        observed: &RecordObservation,
        problem: RecordProblem,
    ) -> Result<Option<Finding>, StoreError> {
        let (id, place) = (observed.id, self.keys.user(observed.id));
        Ok(Some(match problem {
            RecordProblem::Unreadable(what) => manual_finding(FindingKind::Unreadable, Some(id), place, what),
            RecordProblem::CanonicalMismatch => {
                let detail = "the canonical e-mail address does not match the address as written";
                manual_finding(FindingKind::CanonicalMismatch, Some(id), place, detail)
            }
            RecordProblem::ClaimMismatch(claim_value) => {
                let Some(contents) = contents(&observed.record) else { return Ok(None) };
                let mine = ClaimPointer { id, op: contents.eop };
                return self.repair_claim(context, mine, &contents.email, claim_value).await.map(Some);
            }
            RecordProblem::NotListed => {
                let repaired = context.repairs() && self.repair_listing(id, &[]).await?;
                let detail = "the user is missing from the listings of the shard";
                repairable_finding(FindingKind::MissingListing, repaired, Some(id), place, detail)
            }
            RecordProblem::OverdueIntent(ClaimEntry { op, email }) => {
                let repaired = context.repairs() && self.abort_intent(context, ClaimPointer { id, op }, &email).await?;
                let detail = "a sign-up or an e-mail change was neither committed nor aborted in time";
                repairable_finding(FindingKind::OverdueIntent, repaired, Some(id), place, detail)
            }
            RecordProblem::StaleClaims(stale_claims) => {
                if context.repairs() {
                    for ClaimEntry { op, email } in &stale_claims {
                        let claim = ClaimPointer { id, op: *op };
                        self.release_stale_claim(self.router.deadline(), claim, email).await?;
                    }
                }
                let detail = format!("claims still to be released: {}", stale_claims.len());
                repairable_finding(FindingKind::UnreleasedClaim, context.repairs(), Some(id), place, detail)
            }
        }))
    }

    /// Gives an active user the claim on their own address again, unless another active user has it.
    async fn repair_claim(
        &self,
        context: CheckContext,
        mine: ClaimPointer,
        email: &CanonicalEmail,
        claim_value: ClaimValue,
    ) -> Result<Finding, StoreError> {
        let (kind, user, place) = (FindingKind::MissingClaim, Some(mine.id), self.masked_claim_key(email));
        let Ok(holder) = claim_value else {
            return Ok(manual_finding(kind, user, place, "the claim on the user's e-mail address cannot be read"));
        };
        let validity = match holder {
            Some(holder) => self.claim_validities(&[(email.clone(), holder)]).await?.first().copied(),
            None => Some(ClaimValidity::Dead),
        };
        let duplicate = |other: UserId| {
            let detail = format!("user {other} has the same e-mail address, and is the one found by it");
            manual_finding(FindingKind::DuplicateEmail, user, place.clone(), detail)
        };
        match (validity, holder) {
            (Some(ClaimValidity::Owned | ClaimValidity::OtherOp), Some(holder)) if holder.id != mine.id => {
                return Ok(duplicate(holder.id));
            }
            (Some(ClaimValidity::Unknown) | None, _) => {
                let detail = "the claim on the user's e-mail address points at an unreadable record";
                return Ok(manual_finding(kind, user, place, detail));
            }
            (Some(ClaimValidity::Dead | ClaimValidity::Intent | ClaimValidity::Owned | ClaimValidity::OtherOp), _) => {}
        }
        let repaired = context.repairs() && self.reclaim(context, mine, email).await?;
        // Two users without a claim: the one that was repaired first has it now.
        if context.repairs()
            && !repaired
            && let [Ok(Some(other))] = self.read_claims(std::slice::from_ref(email)).await?[..]
            && other.id != mine.id
            && self.claim_validities(&[(email.clone(), other)]).await?.first() == Some(&ClaimValidity::Owned)
        {
            return Ok(duplicate(other.id));
        }
        let detail = match holder {
            None => "the user's e-mail address has no claim",
            Some(holder) if holder.id == mine.id => {
                "the claim on the user's e-mail address has another operation id than the record"
            }
            Some(_) => "the user's e-mail address is claimed for a user who does not have it",
        };
        Ok(repairable_finding(kind, repaired, user, place, detail))
    }

    /// Acquires the claim; true if the user has it now. If the user has changed meanwhile, the claim is released again.
    async fn reclaim(
        &self,
        context: CheckContext,
        mine: ClaimPointer,
        email: &CanonicalEmail,
    ) -> Result<bool, StoreError> {
        let deadline = self.router.deadline();
        if self.acquire(deadline, email, mine, context.now()).await? != AcquireOutcome::Acquired {
            return Ok(false);
        }
        if self.claim_validities(&[(email.clone(), mine)]).await?.first() == Some(&ClaimValidity::Dead) {
            self.release(deadline, email, mine).await?;
        }
        Ok(true)
    }

    /// Releases the claim `pointer` if `resolve` finds it DEAD.
    pub(super) async fn release_dead_claim(
        &self,
        context: CheckContext,
        email: &CanonicalEmail,
        pointer: ClaimPointer,
    ) -> Result<bool, StoreError> {
        let deadline = self.router.deadline();
        let dead = self.resolve(deadline, email, pointer, context.now()).await? == ClaimState::Dead;
        if dead {
            self.release(deadline, email, pointer).await?;
        }
        Ok(dead)
    }

    /// Aborts an overdue intent, and releases its claim.
    async fn abort_intent(
        &self,
        context: CheckContext,
        intent: ClaimPointer,
        email: &CanonicalEmail,
    ) -> Result<bool, StoreError> {
        let deadline = self.router.deadline();
        let dead = self.resolve(deadline, email, intent, context.now()).await? == ClaimState::Dead;
        if dead {
            self.release_stale_claim(deadline, intent, email).await?;
        }
        Ok(dead)
    }

    /// Sets the listing entries of `id` from its record. `entries` are the entries by address that were found for it.
    pub(super) async fn repair_listing(&self, id: UserId, entries: &[&str]) -> Result<bool, StoreError> {
        let shard = Shard::of_user(id);
        let (users, emails) = (self.keys.users(shard), self.keys.emails(shard));
        let (keys, args) = ([users.as_str(), &emails], (id.to_string(), entries));
        let answer = self.run_on_record(self.router.deadline(), Script::RepairListing, id, &keys, args).await?;
        match answer.status.as_str() {
            "ok" => Ok(true),
            "damaged" => Ok(false),
            _ => Err(answer.unexpected_reply()),
        }
    }
}
