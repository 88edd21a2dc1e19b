//! Taking in many users: the steps of a sign-up (look, C1, C2, C3, verify), each for the whole batch in one round trip.
//!
//! That way goes on only where all is plain: nobody has the id, nobody the e-mail, every answer came. Everybody else
//! goes the way of a sign-up, one step after the other (`import_one`), which knows the repeats of what was sent before.
//! A user who can't come in now keeps the pending record, and the next try goes on with it; it is overdue after
//! [`super::INTENT_MS`] and stands in nobody's way.

use std::sync::Arc;

use ::redis::Value;
use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};

use super::import_steps::{Newcomer, Terms, together, words_of};
use super::keys::Shard;
use super::link::{Batched, LinkError, Reply};
use super::record::{self, Pointer};
use super::sign_up::MOVING_PATIENCE;
use super::steps::{Acquired, Judgement, words};
use super::{RedisStore, read_pointer};
use userd_core::{Client, SessionLimits, Timestamp};
use userd_store::{Account, Arrival, Importing, StoreError};

/// How many users who go their own way are under way at once.
const ALONE_AT_ONCE: usize = 64;

/// The same batch, with what is known of each so far.
struct Batch<'a> {
    newcomers: Vec<Newcomer<'a>>,
    /// The op that each has got from C1.
    ops: Vec<u64>,
    arrivals: Vec<Option<Arrival>>,
    /// Who has to go alone.
    alone: Vec<usize>,
}

#[async_trait]
impl Importing for RedisStore {
    /// Each of its five round trips has the time limit of a call.
    async fn import_users(
        &self,
        batch: Arc<[Account]>,
        limits: &SessionLimits,
        client: &Client,
        now: Timestamp,
    ) -> Result<Vec<Arrival>, StoreError> {
        let terms = Terms { limits, client, now };
        let newcomers: Vec<_> = batch.iter().map(Newcomer::new).collect();
        let mut batch = Batch {
            ops: vec![0; newcomers.len()],
            arrivals: vec![None; newcomers.len()],
            newcomers,
            alone: Vec::new(),
        };
        let fresh = self.look(&mut batch).await?;
        let pending = self.intend(&mut batch, fresh, now).await?;
        let claimed = self.claim_all(&mut batch, pending).await?;
        let committed = self.commit(&mut batch, claimed, terms).await?;
        self.verify_all(&mut batch, committed).await?;
        let alone = std::mem::take(&mut batch.alone).into_iter().map(|place| {
            let newcomer = &batch.newcomers[place];
            async move { (place, self.import_one(newcomer, terms).await) }
        });
        let mut alone = stream::iter(alone).buffer_unordered(ALONE_AT_ONCE);
        let mut errors = 0;
        while let Some((place, arrival)) = alone.next().await {
            errors += usize::from(arrival.is_err());
            batch.arrivals[place] = Some(arrival.unwrap_or_else(|error| refused(&error)));
            // A server is away. Each of thousands would wait for it in vain; the next try begins with all of them.
            if errors >= ALONE_AT_ONCE {
                break;
            }
        }
        Ok(batch.arrivals.into_iter().map(|arrival| arrival.unwrap_or_else(|| unknown(&"no answer"))).collect())
    }
}

impl RedisStore {
    /// Tells who is there already; gives those of whom there is nothing yet.
    async fn look(&self, batch: &mut Batch<'_>) -> Result<Vec<usize>, StoreError> {
        let commands = batch.newcomers.iter().flat_map(|newcomer| self.look_commands(newcomer)).collect();
        let answers = self.link.batch(self.link.deadline(), commands).await.map_err(|error| error.at("users"))?;
        if !answers.is_empty() && answers.iter().all(Option::is_none) {
            return Err(StoreError::unavailable("no server answered"));
        }
        let (mut fresh, mut answers) = (Vec::new(), answers.into_iter());
        for (place, newcomer) in batch.newcomers.iter().enumerate() {
            let (record, claim) = (answers.next().flatten(), answers.next().flatten());
            let email = newcomer.account.user.email.canonical();
            let claim = claim.map(|claim| read_pointer(email, Ok(claim)));
            let state = match &record {
                Some(Value::Array(fields)) => fields.first().cloned(),
                _ => None,
            };
            match (state, claim) {
                (Some(Value::Nil), Some(Ok(None))) => fresh.push(place),
                (Some(Value::BulkString(state)), Some(Ok(None))) if state == b"P" => fresh.push(place),
                (Some(Value::BulkString(state)), Some(Ok(Some(pointer))))
                    if state == b"A" && pointer.id == newcomer.account.user.id =>
                {
                    match self.compare(newcomer, record) {
                        Ok(arrival) => batch.arrivals[place] = Some(arrival),
                        Err(_) => batch.alone.push(place),
                    }
                }
                _ => batch.alone.push(place),
            }
        }
        Ok(fresh)
    }

    /// C1 for all; gives those who are pending.
    async fn intend(
        &self,
        batch: &mut Batch<'_>,
        places: Vec<usize>,
        now: Timestamp,
    ) -> Result<Vec<usize>, StoreError> {
        let (deadline, groups) = (self.link.deadline(), together(&batch.newcomers, places));
        let mut steps = Vec::with_capacity(groups.len());
        for group in &groups {
            let newcomers: Vec<_> = group.iter().map(|place| &batch.newcomers[*place]).collect();
            let shard = newcomers.first().map_or(Shard::FIRST, |one| one.shard);
            let at = self.link.server_now_ms(deadline, shard).await.map_err(|error| error.at("TIME"))?;
            steps.push((shard, self.intend_step(&newcomers, now, at)));
        }
        let answered = self.step(batch, groups, steps).await?;
        let mut pending = Vec::with_capacity(answered.len());
        for (place, word) in answered {
            match word.parse() {
                Ok(op) => {
                    batch.ops[place] = op;
                    pending.push(place);
                }
                Err(_) => batch.alone.push(place),
            }
        }
        Ok(pending)
    }

    /// C3 for all; gives those who are active.
    async fn commit(
        &self,
        batch: &mut Batch<'_>,
        places: Vec<usize>,
        terms: Terms<'_>,
    ) -> Result<Vec<usize>, StoreError> {
        let groups = together(&batch.newcomers, places);
        let step = |group: &Vec<usize>| {
            let each: Vec<_> = group.iter().map(|place| (&batch.newcomers[*place], batch.ops[*place])).collect();
            (each.first().map_or(Shard::FIRST, |(one, _)| one.shard), self.commit_step(&each, terms))
        };
        let steps = groups.iter().map(step).collect();
        let mut active = Vec::new();
        for (place, word) in self.step(batch, groups, steps).await? {
            if word == "ok" { active.push(place) } else { batch.alone.push(place) }
        }
        Ok(active)
    }

    /// Sends a step for each group; gives the word for each of whom one is known. All others go alone.
    async fn step(
        &self,
        batch: &mut Batch<'_>,
        groups: Vec<Vec<usize>>,
        steps: Vec<(Shard, Batched)>,
    ) -> Result<Vec<(usize, String)>, StoreError> {
        let answers = self.link.batch(self.link.deadline(), steps).await.map_err(|error| error.at("users"))?;
        let mut said = Vec::new();
        for (group, answer) in groups.into_iter().zip(answers) {
            let words = words_of(answer, group.len());
            for (place, word) in group.into_iter().zip(words) {
                match word {
                    Some(word) => said.push((place, word)),
                    None => batch.alone.push(place),
                }
            }
        }
        Ok(said)
    }

    /// C2 for all; gives those who have their claim.
    async fn claim_all(&self, batch: &mut Batch<'_>, places: Vec<usize>) -> Result<Vec<usize>, StoreError> {
        let steps =
            places.iter().map(|place| self.claim_command(&batch.newcomers[*place], batch.ops[*place])).collect();
        let answers = self.link.batch(self.link.deadline(), steps).await.map_err(|error| error.at("claims"))?;
        let mut done = Vec::new();
        for (place, answer) in places.into_iter().zip(answers) {
            if matches!(answer, Some(Value::Okay)) { done.push(place) } else { batch.alone.push(place) }
        }
        Ok(done)
    }

    /// After the commits: do the claims still say so?
    async fn verify_all(&self, batch: &mut Batch<'_>, places: Vec<usize>) -> Result<(), StoreError> {
        let read = |place: &usize| {
            let email = batch.newcomers[*place].account.user.email.canonical();
            (Shard::of_email(email), Batched::Command(self.get_claim(email)))
        };
        let steps = places.iter().map(read).collect();
        let answers = self.link.batch(self.link.deadline(), steps).await.map_err(|error| error.at("claims"))?;
        for (place, answer) in places.into_iter().zip(answers) {
            let newcomer = &batch.newcomers[place];
            let pointer = answer.map(|answer| read_pointer(newcomer.account.user.email.canonical(), Ok(answer)));
            match pointer {
                Some(Ok(Some(pointer))) if pointer == newcomer.pointer(batch.ops[place]) => {
                    batch.arrivals[place] = Some(Arrival::Inserted);
                }
                _ => batch.alone.push(place),
            }
        }
        Ok(())
    }

    /// The same steps for one user, whatever is in the way, and whatever was sent before.
    async fn import_one(&self, newcomer: &Newcomer<'_>, terms: Terms<'_>) -> Result<Arrival, StoreError> {
        let user = &newcomer.account.user;
        let (deadline, email) = (self.link.deadline(), user.email.canonical());
        // Who has the e-mail is asked first: no pending record is made where nothing can come of it.
        if let Some(holder) = self.confirmed_pointer(deadline, email).await?.filter(|holder| holder.id != user.id) {
            match self.judge(deadline, email, holder, terms.now).await? {
                Judgement::Dead => {}
                Judgement::Owned => return self.give_way(newcomer, None).await,
                Judgement::Busy => {
                    return Ok(unknown(&"somebody else is about to get the e-mail, or has given up just now"));
                }
            }
        }
        let at = self.link.server_now_ms(deadline, newcomer.shard).await.map_err(|error| error.at("TIME"))?;
        let word = self.one_step(newcomer, self.intend_step(&[newcomer], terms.now, at)).await?;
        let op = match word.as_str() {
            "there" => return self.compare_again(newcomer).await,
            "dead" => return Ok(Arrival::Gone),
            "busy" => return Ok(unknown(&"another import is taking in a user with this id")),
            word => {
                if let Ok(op) = word.parse() {
                    op
                } else {
                    // The server's clock was set: it is asked again, and the next try knows.
                    let asked = self.link.ask_server_clock(deadline, newcomer.shard).await;
                    asked.map_err(|error| error.at("TIME"))?;
                    return Ok(unknown(&"Redis found the message late"));
                }
            }
        };
        let mine = newcomer.pointer(op);
        if self.acquire(deadline, email, mine, terms.now).await? == Acquired::Taken {
            return self.give_way(newcomer, Some(mine)).await;
        }
        match self.one_step(newcomer, self.commit_step(&[(newcomer, op)], terms)).await?.as_str() {
            "ok" => self.verify(deadline, email, mine).await.map(|()| Arrival::Inserted),
            // Given up by others, or another import came first. What is there now says the next try.
            _ => Ok(unknown(&"the import of this user was given up by another userd")),
        }
    }

    /// The e-mail is another's. What was begun for this user, now or by an earlier try, ends; another import may still
    /// begin it anew.
    async fn give_way(&self, newcomer: &Newcomer<'_>, mine: Option<Pointer>) -> Result<Arrival, StoreError> {
        let (deadline, user) = (self.link.deadline(), &newcomer.account.user);
        let committed = self.sign_up_abort(deadline, user).await?;
        if committed {
            return self.compare_again(newcomer).await;
        }
        if let Some(mine) = mine {
            self.release(deadline, user.email.canonical(), mine).await?;
        }
        Ok(Arrival::EmailTaken)
    }

    /// Sends a step for one user; gives its word.
    async fn one_step(&self, newcomer: &Newcomer<'_>, step: Batched) -> Result<String, StoreError> {
        let Batched::Script { script, keys, args } = step else { return Ok(String::new()) };
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let call = (script, &keys[..], &args[..]);
        let sent = self.link.script_unless_moving(self.link.deadline(), newcomer.shard, MOVING_PATIENCE, call).await;
        let Reply { value, .. } =
            sent.map_err(|error: LinkError| error.at(&self.keys.user(newcomer.account.user.id)))?;
        Ok(words(value).into_iter().next().unwrap_or_default())
    }

    /// Reads who has the id now, and whether it is this user.
    async fn compare_again(&self, newcomer: &Newcomer<'_>) -> Result<Arrival, StoreError> {
        let (deadline, user) = (self.link.deadline(), &newcomer.account.user);
        let (key, mut read) = (self.keys.user(user.id), ::redis::Cmd::new());
        read.arg("HMGET").arg(&key).arg(&record::READ).arg("eop");
        let answer = self.link.confirmed(deadline, newcomer.shard, &read).await.map_err(|error| error.at(&key))?;
        let Value::Array(mut fields) = answer else { return Ok(unknown(&"the record is no list of fields")) };
        let op = fields.pop().map(words).and_then(|words| words.first()?.parse().ok());
        let arrival = self.compare(newcomer, Some(Value::Array(fields)))?;
        // A claim that went through a loss of data is put back.
        if let (Arrival::Same, Some(op)) = (&arrival, op) {
            self.verify(deadline, user.email.canonical(), newcomer.pointer(op)).await?;
        }
        Ok(arrival)
    }

    fn compare(&self, newcomer: &Newcomer<'_>, record: Option<Value>) -> Result<Arrival, StoreError> {
        let (id, fields) = (
            newcomer.account.user.id,
            match record {
                Some(Value::Array(fields)) => fields,
                _ => Vec::new(),
            },
        );
        Ok(match record::read(id, &self.keys.user(id), fields)? {
            Some(kept) if newcomer.account.is_kept_as(&kept) => Arrival::Same,
            Some(_) => Arrival::Differs,
            None => unknown(&"the user was deleted meanwhile"),
        })
    }
}

fn refused(error: &StoreError) -> Arrival {
    let mut text = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        text = format!("{text}: {source}");
    }
    Arrival::Refused(text)
}

fn unknown(why: &dyn std::fmt::Display) -> Arrival {
    Arrival::Refused(why.to_string())
}
