//! Changes name and e-mail address. If the address stays: one edit of the record. Otherwise: read, intend, claim,
//! commit, verify, release the stale claims.

use tokio::time::Instant;

use super::claims::AcquireOutcome;
use super::deadlines::intent_deadline;
use super::edit::SideEffects;
use super::reply::StepReply;
use crate::events::EventArgs;
use crate::layout::Shard;
use crate::nonce::nonce;
use crate::script::Script;
use crate::store::RedisStore;
use crate::user_record::{self, ClaimPointer};
use userd_core::{Actor, EventKind, Timestamp, User, UserId, UserVersion};
use userd_store::{StoreError, UpdateUserOutcome, UserProfile};

/// How often an e-mail change starts again because other operations raised the fencing token without changing the user.
const INTEND_ATTEMPTS_MAX: usize = 3;

impl RedisStore {
    /// Changes the profile, if the user is still at the version `expected`.
    pub(crate) async fn change_profile(
        &self,
        id: UserId,
        expected: UserVersion,
        profile: &UserProfile,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let deadline = self.router.deadline();
        let fields = user_record::profile_fields(&profile.name, &profile.email, now);
        for _ in 0..INTEND_ATTEMPTS_MAX {
            let Some((mut user, fence)) = self.record_and_fence(deadline, id).await? else {
                return Ok(UpdateUserOutcome::NotFound);
            };
            if user.version != expected {
                return Ok(UpdateUserOutcome::VersionConflict);
            }
            if user.email.canonical() == profile.email.canonical() {
                let side_effects = SideEffects::Event(self.event_args(id, EventKind::ProfileChanged, actor, now));
                apply_profile(&mut user, profile, now);
                return self.edit_user(deadline, user, &fields, side_effects).await;
            }
            let intent = self.change_intend(deadline, &user, fence, profile, now).await?;
            match intent.status.as_str() {
                "ok" => {
                    let event = self.event_args(id, EventKind::EmailChanged, actor, now);
                    let written = (&event, &fields[..]);
                    let outcome = self.change_email(deadline, user, fence + 1, profile, written, now).await?;
                    if let Some(outcome) = outcome {
                        return Ok(outcome);
                    }
                }
                "raced" => {}
                "missing" => return Ok(UpdateUserOutcome::NotFound),
                "stale" => return Ok(UpdateUserOutcome::VersionConflict),
                _ => return Err(intent.unexpected_reply()),
            }
            // The other operation is about to commit or to abort. Starting again at once would only supersede it in
            // turn, and two changes could do that to each other until both are out of attempts.
            self.pause_for_others(deadline).await;
        }
        Err(StoreError::unavailable("other requests keep changing this user's e-mail address"))
    }

    /// The rest of an e-mail change, after its intent under the operation id `op`; `written` is what its commit writes.
    /// `None`: another change superseded it, and the user has to be read again.
    async fn change_email(
        &self,
        deadline: Instant,
        mut user: User,
        op: u64,
        profile: &UserProfile,
        written: (&EventArgs, &[String]),
        now: Timestamp,
    ) -> Result<Option<UpdateUserOutcome>, StoreError> {
        let to = profile.email.canonical();
        let mine = ClaimPointer { id: user.id, op };
        let acquired = self.acquire(deadline, to, mine, now).await;
        let answer = match acquired {
            Ok(AcquireOutcome::Acquired) => self.change_commit(deadline, mine, written).await?,
            Ok(AcquireOutcome::Taken) | Err(_) => self.change_abort(deadline, mine).await?,
        };
        if matches!(answer.status.as_str(), "ok" | "committed") {
            self.verify_claim(deadline, to, mine).await?;
            self.release_stale(deadline, user.id, answer.stale_claims).await;
            user.version = user.version.next();
            apply_profile(&mut user, profile, now);
            return Ok(Some(UpdateUserOutcome::Updated(Box::new(user))));
        }
        self.release(deadline, to, mine).await?;
        let rejected =
            if answer.status == "dead" { answer.reject_if_ambiguous() } else { Err(answer.unexpected_reply()) };
        self.release_stale(deadline, user.id, answer.stale_claims).await;
        match acquired? {
            AcquireOutcome::Taken => Ok(Some(UpdateUserOutcome::EmailTaken)),
            AcquireOutcome::Acquired => rejected.map(|()| None),
        }
    }

    /// The step `change_intend`.
    async fn change_intend(
        &self,
        deadline: Instant,
        user: &User,
        fence: u64,
        profile: &UserProfile,
        now: Timestamp,
    ) -> Result<StepReply, StoreError> {
        let (nonce, till) = (nonce(&*self.random), intent_deadline(now));
        let args = (fence, user.version.number(), profile.email.canonical().as_str(), nonce, till);
        self.run_on_record(deadline, Script::ChangeIntend, user.id, &[], args).await
    }

    /// The step `change_commit`.
    async fn change_commit(
        &self,
        deadline: Instant,
        mine: ClaimPointer,
        (event, fields): (&EventArgs, &[String]),
    ) -> Result<StepReply, StoreError> {
        let shard = Shard::of_user(mine.id);
        let (emails, events) = (self.keys.emails(shard), self.keys.events(shard));
        let args = (mine.op, mine.id.to_string(), event, fields);
        self.run_on_record(deadline, Script::ChangeCommit, mine.id, &[&emails, &events], args).await
    }

    /// The step `change_abort`.
    async fn change_abort(&self, deadline: Instant, mine: ClaimPointer) -> Result<StepReply, StoreError> {
        self.run_on_record(deadline, Script::ChangeAbort, mine.id, &[], mine.op).await
    }
}

fn apply_profile(user: &mut User, profile: &UserProfile, now: Timestamp) {
    user.name = profile.name.clone();
    user.email = profile.email.clone();
    user.updated_at = now;
}
