//! Changes within one record, which need no claim: name, spelling of the same address, password, account status.

use tokio::time::Instant;

use super::reply::reply_text;
use crate::events::EventArgs;
use crate::layout::Shard;
use crate::nonce::nonce;
use crate::script::Script;
use crate::store::RedisStore;
use crate::user_record;
use userd_core::{SessionId, User, UserId, UserVersion};
use userd_store::{StoreError, UpdateUserOutcome};

/// What a change within a record does besides, in the same step.
pub(crate) enum SideEffects {
    /// Nothing.
    Nothing,
    /// Appends an event.
    Event(EventArgs),
    /// Appends an event and revokes all sessions but this one.
    EventAndSessions(EventArgs, Option<SessionId>),
}

impl RedisStore {
    /// The user, and the fencing token that an e-mail change compares.
    pub(crate) async fn record_and_fence(
        &self,
        deadline: Instant,
        id: UserId,
    ) -> Result<Option<(User, u64)>, StoreError> {
        let key = self.keys.user(id);
        let mut fields = self.fields(deadline, id, &user_record::user_fields_and(&["ver"])).await?;
        let fence = fields.pop().map(reply_text).unwrap_or_default().parse();
        let Some(user) = user_record::parse_user(id, &key, fields)? else { return Ok(None) };
        Ok(Some((user, fence.map_err(|_| StoreError::corrupt(key, "ver is not a number"))?)))
    }

    /// Changes password or account status, if the user is still at the version `expected`. `change` is applied to the
    /// user; then password, status and time are written.
    pub(crate) async fn update_credentials(
        &self,
        id: UserId,
        expected: UserVersion,
        side_effects: SideEffects,
        change: impl FnOnce(&mut User) + Send,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let deadline = self.router.deadline();
        let Some(mut user) = self.read_user(deadline, id).await? else { return Ok(UpdateUserOutcome::NotFound) };
        if user.version != expected {
            return Ok(UpdateUserOutcome::VersionConflict);
        }
        change(&mut user);
        let mut fields = user_record::password_fields(&user.password_hash, user.status);
        fields.extend(["upd".to_owned(), user.updated_at.as_millis().to_string()]);
        self.edit_user(deadline, user, &fields, side_effects).await
    }

    /// Changes `fields` of a record that was just read. `user` is what was read, with the same change made to it; its
    /// version is still the one that was read.
    pub(crate) async fn edit_user(
        &self,
        deadline: Instant,
        mut user: User,
        fields: &[String],
        side_effects: SideEffects,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let (events, sessions) = (self.keys.events(Shard::of_user(user.id)), self.keys.sessions(user.id));
        let (keys, keep, event) = match side_effects {
            // The arguments of an event are empty if there is none.
            SideEffects::Nothing => (&[][..], None, vec![Vec::new(); 6]),
            SideEffects::Event(event) => (&[events.as_str()][..], None, event),
            SideEffects::EventAndSessions(event, keep) => (&[events.as_str(), &sessions][..], keep, event),
        };
        let keep = keep.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        let args = (user.version.number(), nonce(&*self.random), keep, event, fields);
        let answer = self.run_on_record(deadline, Script::Edit, user.id, keys, args).await?;
        match answer.status.as_str() {
            "ok" => {}
            "stale" => return answer.reject_if_ambiguous().map(|()| UpdateUserOutcome::VersionConflict),
            "missing" => return answer.reject_if_ambiguous().map(|()| UpdateUserOutcome::NotFound),
            _ => return Err(answer.unexpected_reply()),
        }
        self.release_stale(deadline, user.id, answer.stale_claims).await;
        user.version = user.version.next();
        Ok(UpdateUserOutcome::Updated(Box::new(user)))
    }
}
