//! The steps of the claim protocol as typed calls, and the parts that sign-up, change and removal share.
//!
//! Each call is one script on one shard. What a step does and why is told in its script.

mod change_profile;
mod delete_user;
mod import;
mod import_steps;
mod sign_up;

use ::redis::{Cmd, Value};
use tokio::time::Instant;

use super::connection::ScriptReply;
use super::events::{EventArgs, NO_EVENT};
use super::layout::{Shard, mask_claim};
use super::script::Script;
use super::user_record::{self, ClaimEntry, ClaimPointer};
use super::{INTENT_MS, RedisStore};
use userd_core::{CanonicalEmail, SessionId, Timestamp, User, UserId, UserVersion};
use userd_metrics::StoreConflict;
use userd_store::{StoreError, UpdateUserOutcome};

/// How long a tombstone of an aborted sign-up stays: far longer than any message can be late.
pub(super) const ABORTED_TTL_MS: u64 = 24 * 3600 * 1000;

/// How often a claim is tried for while it passes from hand to hand; the number that the model was checked with.
const CLAIM_ATTEMPTS_MAX: usize = 3;

/// How often a holder who is still busy is asked again, each time after [`super::BUSY_PAUSE`]: a sign-up takes a
/// few milliseconds, so within 100 ms it is known whether the e-mail is taken.
const BUSY_ATTEMPTS_MAX: usize = 5;

/// What came of trying for a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AcquireOutcome {
    /// It is ours.
    Acquired,
    /// Somebody else has it, or is about to commit under it.
    Taken,
}

/// What C2 answered.
enum ClaimReply {
    /// The claim is ours now.
    Acquired,
    /// It is this holder's, or nobody's: not what was expected.
    HeldBy(Option<ClaimPointer>),
}

/// What the holder's record says of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClaimState {
    /// It can never commit any more.
    Dead,
    /// The holder has the e-mail.
    Owned,
    /// The holder may still commit.
    Busy,
}

/// A change within a record.
pub(super) struct RecordEdit<'a> {
    /// Fields and values that change.
    pub(super) fields: &'a [String],
    /// Who hears of it, in the same step.
    pub(super) side_effects: SideEffects,
}

/// Who hears of a change within a record.
pub(super) enum SideEffects {
    /// Nobody: the step has to do with the record alone.
    Nothing,
    /// The account's history.
    Event(EventArgs),
    /// The history, and the sessions: all of them end but this one.
    EventAndSessions(EventArgs, Option<SessionId>),
}

/// The answer of a step on a record.
#[derive(Debug)]
pub(super) struct StepReply {
    /// The step's word.
    pub(super) status: String,
    /// Claims that may still have to be released.
    pub(super) stale_claims: Vec<ClaimEntry>,
    /// An earlier copy of the step may have run: a refusal proves nothing.
    repeated: bool,
    key: String,
}

impl StepReply {
    /// The error where a refusal may be untrue: the step may have been done, and others may have changed the
    /// user since.
    pub(super) fn reject_if_ambiguous(&self) -> Result<(), StoreError> {
        if self.repeated {
            return Err(StoreError::unavailable("an answer was lost and the user has changed since: look again"));
        }
        Ok(())
    }

    /// The error where the step said a word that no step says.
    pub(super) fn unexpected_reply(&self) -> StoreError {
        StoreError::corrupt(self.key.as_str(), format!("a step answered {:?}", self.status))
    }
}

impl RedisStore {
    /// Runs a script that concerns the record of `id`.
    pub(super) async fn run_on_record(
        &self,
        deadline: Instant,
        script: Script,
        id: UserId,
        more_keys: &[&str],
        args: &[impl AsRef<[u8]> + Sync],
    ) -> Result<StepReply, StoreError> {
        let key = self.keys.user(id);
        let keys: Vec<&str> = std::iter::once(key.as_str()).chain(more_keys.iter().copied()).collect();
        let reply = self.router.script(deadline, Shard::of_user(id), script, &keys, args).await;
        let ScriptReply { value, repeated } = reply.map_err(|error| error.at(&key))?;
        let mut reply_texts = reply_texts(value).into_iter();
        let status = reply_texts.next().unwrap_or_default();
        Ok(StepReply {
            status,
            stale_claims: user_record::parse_claims(&reply_texts.next().unwrap_or_default()),
            repeated,
            key,
        })
    }

    async fn run_on_claim(
        &self,
        deadline: Instant,
        script: Script,
        email: &CanonicalEmail,
        args: &[&str],
    ) -> Result<Vec<String>, StoreError> {
        let key = self.keys.claim(email);
        let answer = self.router.script(deadline, Shard::of_email(email), script, &[&key], args).await;
        answer.map(|reply| reply_texts(reply.value)).map_err(|error| error.at(&mask_claim(email)))
    }

    /// C2 and what it takes: tries for the claim on `email`, and takes it over from whoever is DEAD.
    pub(super) async fn acquire(
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

    /// C2.
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
        match answer.get(1).map(String::as_str).unwrap_or_default() {
            "" => Ok(ClaimReply::HeldBy(None)),
            held => match ClaimPointer::parse(held) {
                Some(holder) => Ok(ClaimReply::HeldBy(Some(holder))),
                None => Err(StoreError::corrupt(mask_claim(email), "the claim is no pointer")),
            },
        }
    }

    /// Resolve, with a little patience for a holder who is just about to commit or to give up.
    pub(super) async fn resolve_claim(
        &self,
        deadline: Instant,
        email: &CanonicalEmail,
        holder: ClaimPointer,
        now: Timestamp,
    ) -> Result<ClaimState, StoreError> {
        for _ in 0..BUSY_ATTEMPTS_MAX {
            match self.resolve(deadline, email, holder, now).await? {
                ClaimState::Busy => self.pause_for_others(deadline).await,
                final_one => return Ok(final_one),
            }
        }
        Ok(ClaimState::Busy)
    }

    /// A moment for somebody who is just about to commit or to give up.
    pub(super) async fn pause_for_others(&self, deadline: Instant) {
        tokio::time::sleep_until(deadline.min(Instant::now() + self.busy_pause)).await;
    }

    /// Asks the holder's record what the claim is worth; kills an overdue intent that stands in the way.
    pub(super) async fn resolve(
        &self,
        deadline: Instant,
        email: &CanonicalEmail,
        holder: ClaimPointer,
        now: Timestamp,
    ) -> Result<ClaimState, StoreError> {
        let (op, now, ttl) = (holder.op.to_string(), now.as_millis().to_string(), ABORTED_TTL_MS.to_string());
        let answer =
            self.run_on_record(deadline, Script::Resolve, holder.id, &[], &[email.as_str(), &op, &now, &ttl]).await?;
        match answer.status.as_str() {
            "DEAD" => Ok(ClaimState::Dead),
            "OWNED" => Ok(ClaimState::Owned),
            "BUSY" => Ok(ClaimState::Busy),
            _ => Err(answer.unexpected_reply()),
        }
    }

    /// Takes the claim back if it is exactly `pointer`.
    pub(super) async fn release(
        &self,
        deadline: Instant,
        email: &CanonicalEmail,
        pointer: ClaimPointer,
    ) -> Result<(), StoreError> {
        self.run_on_claim(deadline, Script::Release, email, &[&pointer.to_string()]).await.map(drop)
    }

    /// Releases the claims that a record still lists, and strikes them off. The change that left them is
    /// committed or given up already, so nothing depends on this: what fails here is left for the next one.
    pub(super) async fn release_stale(&self, deadline: Instant, id: UserId, stale_claims: Vec<ClaimEntry>) {
        for ClaimEntry { op, email } in stale_claims {
            if let Err(error) = self.release_stale_claim(deadline, id, op, &email).await {
                tracing::debug!(user = %id, %error, "a claim is left to be released later");
                return;
            }
        }
    }

    /// Releases one claim that a record still lists, and strikes it off.
    pub(super) async fn release_stale_claim(
        &self,
        deadline: Instant,
        id: UserId,
        op: u64,
        email: &CanonicalEmail,
    ) -> Result<(), StoreError> {
        self.release(deadline, email, ClaimPointer { id, op }).await?;
        self.run_on_record(deadline, Script::ClearStaleClaim, id, &[], &[&op.to_string(), email.as_str()])
            .await
            .map(drop)
    }

    /// After a commit: does the claim still say so? It can only have gone through a loss of data, such as a
    /// failover. Then it is put back; where another has it by now, the commit is not acknowledged.
    pub(super) async fn verify_claim(
        &self,
        deadline: Instant,
        email: &CanonicalEmail,
        mine: ClaimPointer,
    ) -> Result<(), StoreError> {
        if self.acknowledged_pointer(deadline, email).await? == Some(mine) {
            return Ok(());
        }
        let key = self.keys.user(mine.id);
        let mut read = Cmd::new();
        read.arg("HMGET").arg(&key).arg(&["st", "ver", "email", "eop"]);
        let answer = self.router.acknowledged_read(deadline, Shard::of_user(mine.id), &read).await;
        let fields = reply_texts(answer.map_err(|error| error.at(&key))?);
        let field = |place: usize| fields.get(place).map(String::as_str).unwrap_or_default();
        let gone_on = matches!(field(0), "A" | "D") && field(1).parse::<u64>().is_ok_and(|version| version >= mine.op);
        let still_mine = field(0) == "A" && field(2) == email.as_str() && field(3) == mine.op.to_string();
        if still_mine {
            return match self.claim(deadline, email, None, mine).await? {
                ClaimReply::Acquired => Ok(()),
                ClaimReply::HeldBy(_) => {
                    Err(StoreError::unavailable("the e-mail was given to another user after a loss of data"))
                }
            };
        }
        if gone_on { Ok(()) } else { Err(StoreError::unavailable("the change was undone by a loss of data")) }
    }

    /// The user, and the fence that an e-mail change has to compare with.
    pub(super) async fn record_and_fence(
        &self,
        deadline: Instant,
        id: UserId,
    ) -> Result<Option<(User, u64)>, StoreError> {
        let key = self.keys.user(id);
        let names: Vec<&str> = user_record::USER_FIELDS.into_iter().chain(["ver"]).collect();
        let mut fields = self.fields(deadline, id, &names).await?;
        let fence = fields.pop().map(reply_text).unwrap_or_default().parse();
        match user_record::parse_user(id, &key, fields)? {
            Some(user) => Ok(Some((user, fence.map_err(|_| StoreError::corrupt(key, "ver is no number"))?))),
            None => Ok(None),
        }
    }

    /// A change of what lets the user in, if they still are at `expected`: `change` does to the user what is then
    /// written of password, standing and time.
    pub(super) async fn update_credentials(
        &self,
        id: UserId,
        expected: UserVersion,
        side_effects: SideEffects,
        change: impl FnOnce(&mut User) + Send,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let deadline = self.router.deadline();
        let Some(user) = self.read_user(deadline, id).await? else { return Ok(UpdateUserOutcome::NotFound) };
        if user.version != expected {
            return Ok(UpdateUserOutcome::VersionConflict);
        }
        let mut changed = user.clone();
        change(&mut changed);
        let mut fields = user_record::password_fields(&changed.password_hash, changed.status);
        fields.extend(["upd".to_owned(), changed.updated_at.as_millis().to_string()]);
        let version = user.version.next();
        let edit = RecordEdit { fields: &fields, side_effects };
        self.edit_user(deadline, user, edit, |user| *user = User { version, ..changed }).await
    }

    /// A change within the record of `user`, who was just read. `apply` does to the user what `edit` does to the
    /// record.
    pub(super) async fn edit_user(
        &self,
        deadline: Instant,
        mut user: User,
        edit: RecordEdit<'_>,
        apply: impl FnOnce(&mut User) + Send,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let (version, nonce) = (user.version.to_string(), super::nonce(&*self.random));
        let (events, sessions) = (self.keys.events(Shard::of_user(user.id)), self.keys.sessions(user.id));
        let (keys, keep, event) = match edit.side_effects {
            SideEffects::Nothing => (&[][..], None, NO_EVENT),
            SideEffects::Event(event) => (&[events.as_str()][..], None, event),
            SideEffects::EventAndSessions(event, keep) => (&[events.as_str(), &sessions][..], keep, event),
        };
        let keep = keep.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        let mut args = vec![version.as_bytes(), nonce.as_bytes(), &keep];
        args.extend(event.iter().map(Vec::as_slice).chain(edit.fields.iter().map(String::as_bytes)));
        let answer = self.run_on_record(deadline, Script::Edit, user.id, keys, &args).await?;
        match answer.status.as_str() {
            "ok" => {}
            "stale" => return answer.reject_if_ambiguous().map(|()| UpdateUserOutcome::VersionConflict),
            "missing" => return answer.reject_if_ambiguous().map(|()| UpdateUserOutcome::NotFound),
            _ => return Err(answer.unexpected_reply()),
        }
        self.release_stale(deadline, user.id, answer.stale_claims).await;
        user.version = user.version.next();
        apply(&mut user);
        Ok(UpdateUserOutcome::Updated(Box::new(user)))
    }
}

/// When an intent that begins `now` is overdue.
pub(super) fn intent_deadline(now: Timestamp) -> String {
    now.plus_millis(INTENT_MS).as_millis().to_string()
}

/// The words of an answer: one, or a list; what is missing is empty.
pub(super) fn reply_texts(answer: Value) -> Vec<String> {
    match answer {
        Value::Array(values) => values.into_iter().map(reply_text).collect(),
        one => vec![reply_text(one)],
    }
}

fn reply_text(value: Value) -> String {
    ::redis::from_redis_value::<Option<String>>(value).ok().flatten().unwrap_or_default()
}
