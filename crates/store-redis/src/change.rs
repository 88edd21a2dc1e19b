//! Changing name and e-mail: within the record where the e-mail stays, else X0 → X1 → C2 → X3 → verify.

use tokio::time::Instant;

use super::RedisStore;
use super::events::EventArgs;
use super::keys::Shard;
use super::record::{self, Pointer};
use super::script::Script;
use super::steps::{Acquired, Answer, Edit, Told, intent_deadline};
use userd_core::{Client, EventKind, Timestamp, User, UserId, Version};
use userd_store::{Profile, StoreError, Update};

/// How often an e-mail change begins anew because others raised the fence without changing the user.
const INTEND_ROUNDS: usize = 3;

impl RedisStore {
    pub(super) async fn change_profile(
        &self,
        id: UserId,
        expected: Version,
        profile: &Profile,
        client: &Client,
        now: Timestamp,
    ) -> Result<Update, StoreError> {
        let deadline = self.link.deadline();
        let fields = record::profile_fields(&profile.name, &profile.email, now);
        for _ in 0..INTEND_ROUNDS {
            let Some((user, fence)) = self.record_and_fence(deadline, id).await? else { return Ok(Update::Missing) };
            if user.version != expected {
                return Ok(Update::Stale);
            }
            if user.email.canonical() == profile.email.canonical() {
                let told = Told::History(self.event(id, EventKind::ProfileChanged, client, now));
                let edit = Edit { fields: &fields, told };
                return self.edit_user(deadline, user, edit, |user| take_over(user, profile, now)).await;
            }
            let intent = self.change_intend(deadline, &user, fence, profile, now).await?;
            match intent.word.as_str() {
                "ok" => {
                    let event = self.event(id, EventKind::EmailChanged, client, now);
                    let written = (&event, &fields[..]);
                    let outcome = self.change_email(deadline, user, fence + 1, profile, written, now).await?;
                    if let Some(outcome) = outcome {
                        return Ok(outcome);
                    }
                }
                "raced" => {}
                "missing" => return Ok(Update::Missing),
                "stale" => return Ok(Update::Stale),
                _ => return Err(intent.unknown()),
            }
            // Whoever got in between is about to commit or to give up. To begin anew at once would only undo
            // them in turn, and two changes could take turns at that until both are out of rounds.
            self.pause_for_others(deadline).await;
        }
        Err(StoreError::unavailable("others keep beginning to change this user's e-mail"))
    }

    /// The rest of an e-mail change, once its intent stands under `op`; `written` is what its commit writes. `None`: another one superseded it, and
    /// whether that changed the user has to be looked at.
    async fn change_email(
        &self,
        deadline: Instant,
        mut user: User,
        op: u64,
        profile: &Profile,
        written: (&EventArgs, &[String]),
        now: Timestamp,
    ) -> Result<Option<Update>, StoreError> {
        let to = profile.email.canonical();
        let mine = Pointer { id: user.id, op };
        let acquired = self.acquire(deadline, to, mine, now).await;
        let answer = match acquired {
            Ok(Acquired::Mine) => self.change_commit(deadline, mine, written).await?,
            Ok(Acquired::Taken) | Err(_) => self.change_abort(deadline, mine).await?,
        };
        if matches!(answer.word.as_str(), "ok" | "committed") {
            self.verify(deadline, to, mine).await?;
            self.settle(deadline, user.id, answer.owed).await;
            user.version = user.version.next();
            take_over(&mut user, profile, now);
            return Ok(Some(Update::Updated(Box::new(user))));
        }
        self.release(deadline, to, mine).await?;
        let refused = if answer.word == "dead" { answer.lost_track() } else { Err(answer.unknown()) };
        self.settle(deadline, user.id, answer.owed).await;
        match acquired? {
            Acquired::Taken => Ok(Some(Update::Taken)),
            Acquired::Mine => refused.map(|()| None),
        }
    }

    /// X1.
    async fn change_intend(
        &self,
        deadline: Instant,
        user: &User,
        fence: u64,
        profile: &Profile,
        now: Timestamp,
    ) -> Result<Answer, StoreError> {
        let (fence, version) = (fence.to_string(), user.version.to_string());
        let (nonce, till) = (super::nonce(&*self.random), intent_deadline(now));
        let args = [fence.as_str(), &version, profile.email.canonical().as_str(), &nonce, &till];
        self.on_record(deadline, Script::ChangeIntend, user.id, &[], &args).await
    }

    /// X3.
    async fn change_commit(
        &self,
        deadline: Instant,
        mine: Pointer,
        (event, fields): (&EventArgs, &[String]),
    ) -> Result<Answer, StoreError> {
        let shard = Shard::of_user(mine.id);
        let (emails, events) = (self.keys.emails(shard), self.keys.events(shard));
        let (op, id) = (mine.op.to_string(), mine.id.to_string());
        let mut args = vec![op.as_bytes(), id.as_bytes()];
        args.extend(event.iter().map(Vec::as_slice).chain(fields.iter().map(String::as_bytes)));
        self.on_record(deadline, Script::ChangeCommit, mine.id, &[&emails, &events], &args).await
    }

    async fn change_abort(&self, deadline: Instant, mine: Pointer) -> Result<Answer, StoreError> {
        self.on_record(deadline, Script::ChangeAbort, mine.id, &[], &[&mine.op.to_string()]).await
    }
}

fn take_over(user: &mut User, profile: &Profile, now: Timestamp) {
    user.name = profile.name.clone();
    user.email = profile.email.clone();
    user.updated_at = now;
}
