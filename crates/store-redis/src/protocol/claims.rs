//! The steps on claims: acquire, resolve, release, verify. Sign-up, e-mail change, deletion and the consistency check
//! are built from them.

use tokio::time::Instant;

use super::deadlines::ABORTED_TTL_MS;
use super::reply::reply_texts;
use crate::layout::mask_claim;
use crate::script::Script;
use crate::store::RedisStore;
use crate::user_record::{ClaimEntry, ClaimPointer};
use userd_core::{CanonicalEmail, Timestamp, UserId};
use userd_metrics::StoreConflict;
use userd_store::StoreError;

/// How many rounds of `claim` and `resolve` are tried; the number with which the model was checked.
const CLAIM_ATTEMPTS_MAX: usize = 3;

/// How often a busy holder is resolved again, each time after [`crate::RedisSettings::busy_pause`]: a sign-up takes a
/// few milliseconds, so within 100 ms it is known whether the address is taken.
const BUSY_ATTEMPTS_MAX: usize = 5;

/// The outcome of [`RedisStore::acquire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AcquireOutcome {
    /// The caller has the claim.
    Acquired,
    /// Another user has it, or is about to commit under it.
    Taken,
}

/// The answer of the step `claim`.
enum ClaimReply {
    /// The caller has the claim.
    Acquired,
    /// The claim is not as expected: it has this holder, or none.
    HeldBy(Option<ClaimPointer>),
}

/// What the holder's record says about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimState {
    /// The operation can never commit.
    Dead,
    /// The holder has the address.
    Owned,
    /// The holder may still commit.
    Busy,
}

impl RedisStore {
    /// Claims `email`, and takes the claim over from a holder whose operation is DEAD.
    pub(crate) async fn acquire(
        &self,
        deadline: Instant,
        email: &CanonicalEmail,
        mine: ClaimPointer,
        now: Timestamp,
    ) -> Result<AcquireOutcome, StoreError> {
        let mut expected = None;
        for _ in 0..CLAIM_ATTEMPTS_MAX {
            let ClaimReply::HeldBy(holder) = self.claim(deadline, email, expected, mine).await? else {
                if expected.is_some() {
                    self.router.settings().metrics.stores.conflicts.inc(StoreConflict::ClaimTakenOver);
                }
                return Ok(AcquireOutcome::Acquired);
            };
            if let Some(holder) = holder
                && self.resolve_claim(deadline, email, holder, now).await? != ClaimState::Dead
            {
                return Ok(AcquireOutcome::Taken);
            }
            expected = holder;
        }
        Ok(AcquireOutcome::Taken)
    }

    /// The step `claim`.
    async fn claim(
        &self,
        deadline: Instant,
        email: &CanonicalEmail,
        expected: Option<ClaimPointer>,
        mine: ClaimPointer,
    ) -> Result<ClaimReply, StoreError> {
        let expected = expected.map(|pointer| pointer.to_string()).unwrap_or_default();
        let answer = self.run_on_claim(deadline, Script::Claim, email, &[&expected, &mine.to_string()]).await?;
        if answer.first().is_some_and(|status| status == "ok") {
            return Ok(ClaimReply::Acquired);
        }
        let Some(held) = answer.get(1).filter(|held| !held.is_empty()) else { return Ok(ClaimReply::HeldBy(None)) };
        let holder = ClaimPointer::parse(held);
        let holder = holder.ok_or_else(|| StoreError::corrupt(mask_claim(email), "the claim is not a pointer"))?;
        Ok(ClaimReply::HeldBy(Some(holder)))
    }

    /// The step `resolve`, repeated for a short while if the holder is about to commit or to abort.
    pub(crate) async fn resolve_claim(
        &self,
        deadline: Instant,
        email: &CanonicalEmail,
        holder: ClaimPointer,
        now: Timestamp,
    ) -> Result<ClaimState, StoreError> {
        for _ in 0..BUSY_ATTEMPTS_MAX {
            match self.resolve(deadline, email, holder, now).await? {
                ClaimState::Busy => self.pause_for_others(deadline).await,
                resolved => return Ok(resolved),
            }
        }
        Ok(ClaimState::Busy)
    }

    /// Waits a moment for another operation that is about to commit or to abort.
    pub(crate) async fn pause_for_others(&self, deadline: Instant) {
        tokio::time::sleep_until(deadline.min(Instant::now() + self.router.settings().busy_pause)).await;
    }

    /// The step `resolve` on the holder's record. It aborts an overdue intent that is in the way.
    pub(crate) async fn resolve(
        &self,
        deadline: Instant,
        email: &CanonicalEmail,
        holder: ClaimPointer,
        now: Timestamp,
    ) -> Result<ClaimState, StoreError> {
        let args = (email.as_str(), holder.op, now.as_millis(), ABORTED_TTL_MS);
        let answer = self.run_on_record(deadline, Script::Resolve, holder.id, &[], args).await?;
        match answer.status.as_str() {
            "DEAD" => Ok(ClaimState::Dead),
            "OWNED" => Ok(ClaimState::Owned),
            "BUSY" => Ok(ClaimState::Busy),
            _ => Err(answer.unexpected_reply()),
        }
    }

    /// The step `release`: deletes the claim if it is exactly `pointer`.
    pub(crate) async fn release(
        &self,
        deadline: Instant,
        email: &CanonicalEmail,
        pointer: ClaimPointer,
    ) -> Result<(), StoreError> {
        self.run_on_claim(deadline, Script::Release, email, &[&pointer.to_string()]).await.map(drop)
    }

    /// Releases the stale claims of a record and removes them from its list. The change that left them has already been
    /// committed or aborted, so nothing depends on this: what fails is left for a later request.
    pub(crate) async fn release_stale(&self, deadline: Instant, id: UserId, stale_claims: Vec<ClaimEntry>) {
        for ClaimEntry { op, email } in stale_claims {
            if let Err(error) = self.release_stale_claim(deadline, ClaimPointer { id, op }, &email).await {
                tracing::debug!(user = %id, %error, "a stale claim will be released later");
                return;
            }
        }
    }

    /// Releases one stale claim of a record and removes it from its list.
    pub(crate) async fn release_stale_claim(
        &self,
        deadline: Instant,
        pointer: ClaimPointer,
        email: &CanonicalEmail,
    ) -> Result<(), StoreError> {
        self.release(deadline, email, pointer).await?;
        let args = (pointer.op, email.as_str());
        self.run_on_record(deadline, Script::ClearStaleClaim, pointer.id, &[], args).await.map(drop)
    }

    /// Verifies after a commit that the caller still has the claim. It can be missing only after a loss of data, such
    /// as a failover. Then it is set again; if another user has it by now, the commit is not acknowledged.
    pub(crate) async fn verify_claim(
        &self,
        deadline: Instant,
        email: &CanonicalEmail,
        mine: ClaimPointer,
    ) -> Result<(), StoreError> {
        if self.acknowledged_pointer(deadline, email).await? == Some(mine) {
            return Ok(());
        }
        let (shard, read) = self.get_fields(mine.id, &["st", "ver", "email", "eop"]);
        let answer = self.router.acknowledged_read(deadline, shard, &read).await;
        let fields = reply_texts(answer.map_err(|error| error.at(&self.keys.user(mine.id)))?);
        let field = |place: usize| fields.get(place).map(String::as_str).unwrap_or_default();
        let has_moved_on =
            matches!(field(0), "A" | "D") && field(1).parse::<u64>().is_ok_and(|version| version >= mine.op);
        let still_mine = field(0) == "A" && field(2) == email.as_str() && field(3) == mine.op.to_string();
        if still_mine {
            if let ClaimReply::HeldBy(_) = self.claim(deadline, email, None, mine).await? {
                return Err(StoreError::unavailable("another user got the e-mail address after a loss of data"));
            }
        } else if !has_moved_on {
            return Err(StoreError::unavailable("the change was undone by a loss of data"));
        }
        Ok(())
    }
}
