//! Changes within one record, which need no claim: name, spelling of the same address, password, account status.

use tokio::time::Instant;

use super::reply::reply_text;
use crate::events::{EventArgs, NO_EVENT};
use crate::layout::Shard;
use crate::nonce::nonce;
use crate::script::Script;
use crate::store::RedisStore;
use crate::user_record;
use userd_core::{SessionId, User, UserId, UserVersion};
use userd_store::{StoreError, UpdateUserOutcome};

/// A change within a record.
pub(crate) struct RecordEdit<'a> {
    /// The changed fields and their values.
    pub(crate) fields: &'a [String],
    /// What else changes in the same step.
    pub(crate) side_effects: SideEffects,
}

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
        match user_record::parse_user(id, &key, fields)? {
            Some(user) => Ok(Some((user, fence.map_err(|_| StoreError::corrupt(key, "ver is not a number"))?))),
            None => Ok(None),
        }
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

    /// Changes the record of `user`, who was just read. `apply` does to the value what `edit` does to the record.
    pub(crate) async fn edit_user(
        &self,
        deadline: Instant,
        mut user: User,
        edit: RecordEdit<'_>,
        apply: impl FnOnce(&mut User) + Send,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let (version, nonce) = (user.version.to_string(), nonce(&*self.random));
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
