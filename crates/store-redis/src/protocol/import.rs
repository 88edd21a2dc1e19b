//! Imports many users: the steps of a sign-up (look up, intend, claim, commit, verify), each for the whole batch in one
//! round trip.
//!
//! The batch continues only with users without any conflict: id and e-mail address are free, and every answer
//! arrived. All others are imported one by one (`import_one`), with the steps of a sign-up, which recognise the
//! repeats of what was sent before. A user who cannot be imported now keeps the pending record, and the next attempt
//! continues with it; after [`crate::INTENT_MS`] it is overdue and blocks no one.

use std::sync::Arc;

use ::redis::Value;
use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};

use super::claims::{AcquireOutcome, ClaimState};
use super::import_steps::{ImportContext, PendingImport, group_by_shard};
use super::reply::{reply_text, reply_texts};
use super::sign_up::RESHARDING_TIMEOUT;
use crate::connection::PipelineStep;
use crate::layout::Shard;
use crate::store::RedisStore;
use crate::user_record::{self, ClaimPointer};
use userd_core::{Actor, SessionLimits, Timestamp};
use userd_store::{AccountRecord, ImportOutcome, ImportStore, StoreError};

/// How many users are imported one by one at the same time.
const SEQUENTIAL_CONCURRENCY: usize = 64;

/// The batch, with what is known about each user so far.
struct ImportBatchState<'a> {
    imports: Vec<PendingImport<'a>>,
    /// The operation id that each got from the intent.
    ops: Vec<u64>,
    outcomes: Vec<Option<ImportOutcome>>,
    /// The users that have to be imported one by one.
    sequential: Vec<usize>,
}

#[async_trait]
impl ImportStore for RedisStore {
    /// Each of the five round trips has the time limit of a call.
    async fn import_users(
        &self,
        batch: Arc<[AccountRecord]>,
        limits: &SessionLimits,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<ImportOutcome>, StoreError> {
        let context = ImportContext { limits, actor, now };
        let imports: Vec<_> = batch.iter().map(PendingImport::new).collect();
        let mut batch = ImportBatchState {
            ops: vec![0; imports.len()],
            outcomes: vec![None; imports.len()],
            imports,
            sequential: Vec::new(),
        };
        let fresh = self.lookup(&mut batch).await?;
        let pending = self.intend(&mut batch, fresh, now).await?;
        let claimed = self.claim_all(&mut batch, pending).await?;
        let committed = self.commit(&mut batch, claimed, context).await?;
        self.verify_claims(&mut batch, committed).await?;
        let sequential = std::mem::take(&mut batch.sequential).into_iter().map(|place| {
            let import = &batch.imports[place];
            async move { (place, self.import_one(import, context).await) }
        });
        let mut sequential = stream::iter(sequential).buffer_unordered(SEQUENTIAL_CONCURRENCY);
        let mut errors = 0;
        while let Some((place, outcome)) = sequential.next().await {
            errors += usize::from(outcome.is_err());
            batch.outcomes[place] = Some(outcome.unwrap_or_else(|error| refused_outcome(&error)));
            // A server is unavailable. Thousands of users would wait for it in vain; the next attempt retries them all.
            if errors >= SEQUENTIAL_CONCURRENCY {
                break;
            }
        }
        Ok(batch.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| unknown_outcome("no answer"))).collect())
    }
}

impl RedisStore {
    /// Looks up which users exist; returns those that do not exist yet.
    async fn lookup(&self, batch: &mut ImportBatchState<'_>) -> Result<Vec<usize>, StoreError> {
        let commands = batch.imports.iter().flat_map(|import| self.lookup_commands(import)).collect();
        let answers =
            self.router.pipeline(self.router.deadline(), commands).await.map_err(|error| error.at("users"))?;
        if !answers.is_empty() && answers.iter().all(Option::is_none) {
            return Err(StoreError::unavailable("no server answered"));
        }
        let (mut fresh, mut answers) = (Vec::new(), answers.into_iter());
        for (place, import) in batch.imports.iter().enumerate() {
            let (record, claim) = (answers.next().flatten(), answers.next().flatten());
            let fields = if let Some(Value::Array(fields)) = record { fields } else { Vec::new() };
            match (fields.first().cloned(), claim.as_ref().map(ClaimPointer::in_answer)) {
                (Some(Value::Nil), Some(Ok(None))) => fresh.push(place),
                (Some(Value::BulkString(state)), Some(Ok(None))) if state == b"P" => fresh.push(place),
                (Some(Value::BulkString(state)), Some(Ok(Some(pointer))))
                    if state == b"A" && pointer.id == import.account.user.id =>
                {
                    match self.compare(import, fields) {
                        Ok(outcome) => batch.outcomes[place] = Some(outcome),
                        Err(_) => batch.sequential.push(place),
                    }
                }
                _ => batch.sequential.push(place),
            }
        }
        Ok(fresh)
    }

    /// The intent for all; returns the users that are pending now.
    async fn intend(
        &self,
        batch: &mut ImportBatchState<'_>,
        places: Vec<usize>,
        now: Timestamp,
    ) -> Result<Vec<usize>, StoreError> {
        let (deadline, groups) = (self.router.deadline(), group_by_shard(&batch.imports, places));
        let mut steps = Vec::with_capacity(groups.len());
        for (shard, group) in &groups {
            let imports: Vec<_> = group.iter().map(|place| &batch.imports[*place]).collect();
            let at = self.router.server_now_ms(deadline, *shard).await.map_err(|error| error.at("TIME"))?;
            steps.push((*shard, self.intend_step(&imports, now, at)));
        }
        let mut pending = Vec::new();
        for (place, status) in self.run_steps(groups, steps).await? {
            match status.parse() {
                Ok(op) => {
                    batch.ops[place] = op;
                    pending.push(place);
                }
                Err(_) => batch.sequential.push(place),
            }
        }
        Ok(pending)
    }

    /// The commit for all; returns the users that are active now.
    async fn commit(
        &self,
        batch: &mut ImportBatchState<'_>,
        places: Vec<usize>,
        context: ImportContext<'_>,
    ) -> Result<Vec<usize>, StoreError> {
        let groups = group_by_shard(&batch.imports, places);
        let step = |(shard, group): &(Shard, Vec<usize>)| {
            let each: Vec<_> = group.iter().map(|place| (&batch.imports[*place], batch.ops[*place])).collect();
            (*shard, self.commit_step(*shard, &each, context))
        };
        let steps = groups.iter().map(step).collect();
        let mut active = Vec::new();
        for (place, status) in self.run_steps(groups, steps).await? {
            if status == "ok" { active.push(place) } else { batch.sequential.push(place) }
        }
        Ok(active)
    }

    /// Sends one step for each group; returns the status of each user, which is empty if it is unknown.
    async fn run_steps(
        &self,
        groups: Vec<(Shard, Vec<usize>)>,
        steps: Vec<(Shard, PipelineStep)>,
    ) -> Result<Vec<(usize, String)>, StoreError> {
        let answers = self.router.pipeline(self.router.deadline(), steps).await.map_err(|error| error.at("users"))?;
        let statuses = groups.into_iter().zip(answers).flat_map(|((_, group), answer)| {
            let known = answer.map(reply_texts).unwrap_or_default();
            group.into_iter().zip(known.into_iter().chain(std::iter::repeat(String::new())))
        });
        Ok(statuses.collect())
    }

    /// The claim for all; returns the users that have their claim.
    async fn claim_all(&self, batch: &mut ImportBatchState<'_>, places: Vec<usize>) -> Result<Vec<usize>, StoreError> {
        let steps = places.iter().map(|place| self.claim_command(&batch.imports[*place], batch.ops[*place])).collect();
        let answers = self.router.pipeline(self.router.deadline(), steps).await.map_err(|error| error.at("claims"))?;
        let mut done = Vec::new();
        for (place, answer) in places.into_iter().zip(answers) {
            if matches!(answer, Some(Value::Okay)) { done.push(place) } else { batch.sequential.push(place) }
        }
        Ok(done)
    }

    /// Verifies the claims after the commits.
    async fn verify_claims(&self, batch: &mut ImportBatchState<'_>, places: Vec<usize>) -> Result<(), StoreError> {
        let read = |place: &usize| {
            let email = batch.imports[*place].account.user.email.canonical();
            (Shard::of_email(email), PipelineStep::Command(self.get_claim(email)))
        };
        let steps = places.iter().map(read).collect();
        let answers = self.router.pipeline(self.router.deadline(), steps).await.map_err(|error| error.at("claims"))?;
        for (place, answer) in places.into_iter().zip(answers) {
            let mine = batch.imports[place].pointer(batch.ops[place]);
            if answer.as_ref().map(ClaimPointer::in_answer) == Some(Ok(Some(mine))) {
                batch.outcomes[place] = Some(ImportOutcome::Imported);
            } else {
                batch.sequential.push(place);
            }
        }
        Ok(())
    }

    /// The same steps for one user, with any conflict and after any earlier attempt.
    async fn import_one(
        &self,
        import: &PendingImport<'_>,
        context: ImportContext<'_>,
    ) -> Result<ImportOutcome, StoreError> {
        let user = &import.account.user;
        let (deadline, email) = (self.router.deadline(), user.email.canonical());
        // The claim is read first: no pending record is created for an address that is taken.
        if let Some(holder) = self.acknowledged_pointer(deadline, email).await?.filter(|holder| holder.id != user.id) {
            match self.resolve_claim(deadline, email, holder, context.now).await? {
                ClaimState::Dead => {}
                ClaimState::Owned => return self.abort_taken(import, None).await,
                ClaimState::Busy => {
                    let why = "another user is about to get the e-mail address, or has just aborted";
                    return Ok(unknown_outcome(why));
                }
            }
        }
        let at = self.router.server_now_ms(deadline, import.shard).await.map_err(|error| error.at("TIME"))?;
        let status = self.run_step(import, self.intend_step(&[import], context.now, at)).await?;
        match status.as_str() {
            "there" => return self.read_and_compare(import).await,
            "dead" => return Ok(ImportOutcome::RecentlyDeleted),
            "busy" => return Ok(unknown_outcome("another import is importing a user with this id")),
            _ => {}
        }
        let Ok(op) = status.parse() else {
            // The server's clock was set: it is read again for the next attempt.
            let refreshed = self.router.refresh_server_clock(deadline, import.shard).await;
            refreshed.map_err(|error| error.at("TIME"))?;
            return Ok(unknown_outcome("Redis rejected the message as late"));
        };
        let mine = import.pointer(op);
        if self.acquire(deadline, email, mine, context.now).await? == AcquireOutcome::Taken {
            return self.abort_taken(import, Some(mine)).await;
        }
        match self.run_step(import, self.commit_step(import.shard, &[(import, op)], context)).await?.as_str() {
            "ok" => self.verify_claim(deadline, email, mine).await.map(|()| ImportOutcome::Imported),
            // Another process aborted it, or another import was first. The next attempt finds out.
            _ => Ok(unknown_outcome("another userd aborted the import of this user")),
        }
    }

    /// The address is taken by another user. Aborts what this or an earlier attempt began for this user; another import
    /// may still start again.
    async fn abort_taken(
        &self,
        import: &PendingImport<'_>,
        mine: Option<ClaimPointer>,
    ) -> Result<ImportOutcome, StoreError> {
        let (deadline, user) = (self.router.deadline(), &import.account.user);
        if self.sign_up_abort(deadline, user).await? {
            return self.read_and_compare(import).await;
        }
        if let Some(mine) = mine {
            self.release(deadline, user.email.canonical(), mine).await?;
        }
        Ok(ImportOutcome::EmailTaken)
    }

    /// Sends a step for one user; returns its status.
    async fn run_step(&self, import: &PendingImport<'_>, step: PipelineStep) -> Result<String, StoreError> {
        let PipelineStep::Script { script, keys, args } = step else { return Ok(String::new()) };
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let call = (script, &keys[..], &args[..]);
        let sent =
            self.router.script_unless_resharding(self.router.deadline(), import.shard, RESHARDING_TIMEOUT, call).await;
        let reply = sent.map_err(|error| error.at(&self.keys.user(import.account.user.id)))?;
        Ok(reply_texts(reply.value).into_iter().next().unwrap_or_default())
    }

    /// Reads the user who has the id now, and compares it with the imported one.
    async fn read_and_compare(&self, import: &PendingImport<'_>) -> Result<ImportOutcome, StoreError> {
        let (deadline, user) = (self.router.deadline(), &import.account.user);
        let (shard, read) = self.get_fields(user.id, &user_record::user_fields_and(&["eop"]));
        let answer = self.router.acknowledged_read(deadline, shard, &read).await;
        let answer = answer.map_err(|error| error.at(&self.keys.user(user.id)))?;
        let Value::Array(mut fields) = answer else {
            return Ok(unknown_outcome("the record is not a list of fields"));
        };
        let op = fields.pop().and_then(|op| reply_text(op).parse().ok());
        let outcome = self.compare(import, fields)?;
        // A claim that is missing after a loss of data is set again.
        if let (ImportOutcome::Same, Some(op)) = (&outcome, op) {
            self.verify_claim(deadline, user.email.canonical(), import.pointer(op)).await?;
        }
        Ok(outcome)
    }

    /// Compares the imported user with the stored record.
    fn compare(&self, import: &PendingImport<'_>, fields: Vec<Value>) -> Result<ImportOutcome, StoreError> {
        let id = import.account.user.id;
        Ok(match user_record::parse_user(id, &self.keys.user(id), fields)? {
            Some(kept) if import.account.matches_stored(&kept) => ImportOutcome::Same,
            Some(_) => ImportOutcome::Differs,
            None => unknown_outcome("the user was deleted meanwhile"),
        })
    }
}

fn refused_outcome(error: &StoreError) -> ImportOutcome {
    let mut text = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        text = format!("{text}: {source}");
    }
    ImportOutcome::Unavailable(text)
}

fn unknown_outcome(why: &str) -> ImportOutcome {
    ImportOutcome::Unavailable(why.to_owned())
}
