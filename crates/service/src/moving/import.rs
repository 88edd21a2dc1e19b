//! Users into a store: batches with patience, some of them under way at once, and what became of each user.
//!
//! What is there already is passed over at the speed of reading, so whoever broke off begins again.

use std::collections::HashSet;
use std::io::{self, BufRead};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::sync::{mpsc, watch};

use super::legacy::{Doubled, digest};
use super::reading::{BATCH_USERS, Batch, End, Entry, Read, Standpoint, read_all};
use crate::hashing::HashSettings;
use userd_core::clock::Clock;
use userd_core::{Client, SessionLimits};
use userd_store::{Account, Arrival, LegacySource, Store, StoreError};

/// How many batches are under way at once: one is read while one is on its way and one is being written.
const UNDER_WAY: usize = 3;

/// How many look-ups of a dry run are under way at once.
const LOOKS_AT_ONCE: usize = 64;

/// The pauses before those are tried again whom the store could not take, in milliseconds.
const PAUSES_MS: [u64; 6] = [50, 200, 500, 1_000, 2_000, 4_000];

/// The pauses before a store that is away is tried again, some 40 seconds in all, which a failover takes at most; each try
/// has the time limit of a batch besides.
const AWAY_PAUSES_MS: [u64; 10] = [100, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 8_000, 10_000];

/// Takes users in.
pub struct Import {
    /// Where they go.
    pub store: Arc<dyn Store>,
    /// How long sessions live there.
    pub limits: SessionLimits,
    /// How passwords are hashed there: a hash that is dearer than it lets through doesn't come in.
    pub hashes: HashSettings,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Only look what would become of them.
    pub dry_run: bool,
}

/// What became of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeKind {
    /// Is there now; in a dry run: would come in.
    Imported,
    /// Was there already, the same.
    Same,
    /// The id is there, with another value.
    Differs,
    /// The e-mail is another user's.
    EmailTaken,
    /// The id was deleted here a while ago.
    Gone,
    /// The store could not do it, however often it was tried.
    Refused,
    /// The line, or the record, is no user.
    Invalid,
}

impl OutcomeKind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Imported, Self::Same, Self::Differs, Self::EmailTaken, Self::Gone, Self::Refused, Self::Invalid];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::Same => "same",
            Self::Differs => "differs",
            Self::EmailTaken => "email-taken",
            Self::Gone => "gone",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
        }
    }

    /// Whether the user is there as wanted.
    #[must_use]
    pub fn is_fine(self) -> bool {
        matches!(self, Self::Imported | Self::Same)
    }
}

/// What became of one user, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Where the user stands in what was read.
    pub place: Standpoint,
    /// What became of the user.
    pub kind: OutcomeKind,
    /// Whose it is, if that can be told.
    pub id: Option<String>,
    /// Why, where it is not fine.
    pub reason: Option<String>,
}

/// How a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trailer {
    /// Nothing was promised: it is no file of ours.
    #[default]
    NotExpected,
    /// As many users as its last line says.
    Whole,
    /// The last line is missing: it was cut off.
    Missing,
    /// The last line says another number.
    Other {
        /// What it says.
        promised: u64,
        /// What was found.
        found: u64,
    },
}

/// What an import came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    counts: [u64; OutcomeKind::ALL.len()],
    /// The last line whose user was dealt with, with all before it.
    pub last_line: u64,
    /// How the file ended.
    pub trailer: Trailer,
    /// Keys that were no user's.
    pub others: u64,
    /// It was told to stop before the end.
    pub interrupted: bool,
}

impl Summary {
    /// How many it became so of.
    #[must_use]
    pub fn count(&self, kind: OutcomeKind) -> u64 {
        self.counts[kind as usize]
    }

    /// Whether all are there, and the file was whole.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        OutcomeKind::ALL.iter().all(|kind| kind.is_fine() || self.count(*kind) == 0)
            && matches!(self.trailer, Trailer::NotExpected | Trailer::Whole)
    }

    fn note(&mut self, outcome: &Outcome) {
        self.counts[outcome.kind as usize] += 1;
        if let Standpoint::Line(line) = outcome.place {
            self.last_line = line;
        }
    }
}

/// Why an import broke off. What was dealt with before is in `summary`.
#[derive(Debug, thiserror::Error)]
#[error("the import broke off")]
pub struct ImportError {
    /// What it came to until then.
    pub summary: Box<Summary>,
    /// What happened.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Who hears what becomes of each, and how far it has got (bytes of a file, or records).
pub struct Listener<'a> {
    /// Hears each outcome, in order. An error ends the import.
    pub outcome: &'a mut (dyn FnMut(&Outcome) -> io::Result<()> + Send),
    /// Hears how far it has got.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

impl Import {
    /// Takes in the users of a file, from `first_line` on, until `stop` says so.
    ///
    /// # Errors
    /// The store stayed away, or the file can't be read.
    pub async fn lines(
        &self,
        mut input: Box<dyn BufRead + Send>,
        first_line: u64,
        stop: watch::Receiver<bool>,
        listener: Listener<'_>,
    ) -> Result<Summary, ImportError> {
        let (sender, batches) = mpsc::channel(1);
        let (stopped, hashes) = (stop.clone(), self.hashes);
        // Not waited for at the end: it may be waiting for a terminal.
        let _reading =
            tokio::task::spawn_blocking(move || read_all(&mut *input, first_line, &hashes, &stopped, &sender));
        self.settle_all(batches, stop, listener).await
    }

    /// Takes in the users of the older design's database.
    ///
    /// # Errors
    /// One of the two databases stayed away.
    pub async fn legacy(
        &self,
        source: Arc<dyn LegacySource>,
        stop: watch::Receiver<bool>,
        listener: Listener<'_>,
    ) -> Result<Summary, ImportError> {
        let interrupted = || Summary { interrupted: true, ..Summary::default() };
        let broke_off = |source| ImportError { summary: Box::default(), source };
        let doubled =
            Doubled::find(&*source, &stop, listener.progress).await.map_err(|error| broke_off(error.into()))?;
        let Some(doubled) = doubled else { return Ok(interrupted()) };
        let (sender, batches) = mpsc::channel(1);
        let mut reading = tokio::task::JoinSet::new();
        let hashes = self.hashes;
        reading.spawn(async move { read_legacy(&*source, &doubled, &hashes, &sender).await });
        let mut summary = self.settle_all(batches, stop, listener).await?;
        // Nobody takes more batches, so it ends with the page that it is reading.
        if let Some(Ok(others)) = reading.join_next().await {
            summary.others = others;
        }
        Ok(summary)
    }

    async fn settle_all(
        &self,
        batches: mpsc::Receiver<Read>,
        stop: watch::Receiver<bool>,
        listener: Listener<'_>,
    ) -> Result<Summary, ImportError> {
        let seen = Mutex::new(HashSet::new());
        let reads = stream::unfold((batches, stop), |(mut batches, mut stop)| async move {
            let told = async { drop(stop.wait_for(|stop| *stop).await) };
            let read = tokio::select! {
                biased;
                () = told => None,
                read = batches.recv() => read,
            };
            read.map(|read| (read, (batches, stop)))
        });
        let settled = reads.map(|read| async {
            match read {
                Read::Batch(batch) => self.settle(batch, &seen).await.map(Settled::Outcomes),
                Read::End(end) => Ok(Settled::End(end)),
            }
        });
        let mut settled = std::pin::pin!(settled.buffered(UNDER_WAY));
        let mut summary = Summary { interrupted: true, ..Summary::default() };
        while let Some(one) = settled.next().await {
            let heard = match one {
                Ok(Settled::Outcomes((bytes, outcomes))) => {
                    (listener.progress)(bytes);
                    outcomes.iter().try_for_each(|outcome| {
                        summary.note(outcome);
                        (listener.outcome)(outcome)
                    })
                }
                Ok(Settled::End(end)) => end_of(&mut summary, end),
                Err(error) => return Err(ImportError { summary: Box::new(summary), source: error.into() }),
            };
            if let Err(error) = heard {
                return Err(ImportError { summary: Box::new(summary), source: error.into() });
            }
        }
        Ok(summary)
    }

    /// What becomes of a batch; tried again where the store can't now.
    async fn settle(&self, batch: Batch, seen: &Mutex<HashSet<[u8; 16]>>) -> Result<(u64, Vec<Outcome>), StoreError> {
        let (mut places, mut accounts) = (Vec::new(), Vec::new());
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(batch.lines.len());
        for (place, line) in batch.lines {
            match line {
                Ok(account) => {
                    places.push((outcomes.len(), place));
                    accounts.push(account);
                    outcomes.push(None);
                }
                Err(bad) => {
                    let reason = Some(bad.reason);
                    outcomes.push(Some(Outcome { place, kind: OutcomeKind::Invalid, id: bad.id, reason }));
                }
            }
        }
        let ids: Vec<String> = accounts.iter().map(|account| account.user.id.to_string()).collect();
        let arrivals =
            if self.dry_run { self.look_all(&accounts, seen).await? } else { self.import_all(accounts).await? };
        for (((at, place), id), arrival) in places.into_iter().zip(ids).zip(arrivals) {
            let (kind, reason) = told(arrival);
            outcomes[at] = Some(Outcome { place, kind, id: Some(id), reason });
        }
        Ok((batch.bytes, outcomes.into_iter().flatten().collect()))
    }

    async fn import_all(&self, accounts: Vec<Account>) -> Result<Vec<Arrival>, StoreError> {
        let mut open: Vec<usize> = (0..accounts.len()).collect();
        let mut arrivals = vec![Arrival::Same; accounts.len()];
        let mut batch: Arc<[Account]> = accounts.into();
        let (mut pauses, mut away) = (PAUSES_MS.iter(), AWAY_PAUSES_MS.iter());
        while !open.is_empty() {
            let now = self.clock.now();
            let pause = match self.store.import_users(Arc::clone(&batch), &self.limits, Client::nobody(), now).await {
                Ok(came) => {
                    let refused: Vec<usize> =
                        (0..came.len()).filter(|at| matches!(came[*at], Arrival::Refused(_))).collect();
                    let (left, again) =
                        refused.iter().map(|at| (open[*at], batch[*at].clone())).unzip::<_, _, Vec<_>, Vec<_>>();
                    for (place, arrival) in open.iter().zip(came) {
                        arrivals[*place] = arrival;
                    }
                    (open, batch) = (left, again.into());
                    match pauses.next() {
                        Some(pause) => pause,
                        None => break,
                    }
                }
                Err(error) => match away.next() {
                    Some(pause) => {
                        tracing::debug!(error = %error, "a batch is tried again");
                        pause
                    }
                    None => return Err(error),
                },
            };
            if !open.is_empty() {
                tokio::time::sleep(Duration::from_millis(*pause)).await;
            }
        }
        Ok(arrivals)
    }

    /// What would become of them.
    async fn look_all(
        &self,
        accounts: &[Account],
        seen: &Mutex<HashSet<[u8; 16]>>,
    ) -> Result<Vec<Arrival>, StoreError> {
        let first: Vec<bool> = {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            accounts.iter().map(|account| seen.insert(digest(account.user.email.canonical().as_str()))).collect()
        };
        let looks = accounts.iter().zip(first).map(|(account, first)| async move { self.look(account, first).await });
        let looks: Vec<_> = stream::iter(looks).buffered(LOOKS_AT_ONCE).collect().await;
        looks.into_iter().collect()
    }

    async fn look(&self, account: &Account, first: bool) -> Result<Arrival, StoreError> {
        let user = &account.user;
        match self.store.user(user.id).await? {
            Some(kept) if account.is_kept_as(&kept) => return Ok(Arrival::Same),
            Some(_) => return Ok(Arrival::Differs),
            None => {}
        }
        let taken = !first || self.store.user_by_email(user.email.canonical()).await?.is_some();
        Ok(if taken { Arrival::EmailTaken } else { Arrival::Inserted })
    }
}

/// What came of a read.
enum Settled {
    Outcomes((u64, Vec<Outcome>)),
    End(End),
}

/// The kind, and the reason in words.
fn told(arrival: Arrival) -> (OutcomeKind, Option<String>) {
    let (kind, reason) = match arrival {
        Arrival::Inserted => return (OutcomeKind::Imported, None),
        Arrival::Same => return (OutcomeKind::Same, None),
        Arrival::Differs => (OutcomeKind::Differs, "a user with this id is here already, and differs".to_owned()),
        Arrival::EmailTaken => (OutcomeKind::EmailTaken, "another user has this e-mail".to_owned()),
        Arrival::Gone => {
            let reason = "a user with this id was deleted here, and the id rests for 30 days";
            (OutcomeKind::Gone, reason.to_owned())
        }
        Arrival::Refused(why) => (OutcomeKind::Refused, why),
    };
    (kind, Some(reason))
}

fn end_of(summary: &mut Summary, end: End) -> io::Result<()> {
    summary.interrupted = false;
    summary.trailer = match (end.has_header, end.promised) {
        (_, Some(promised)) if promised == end.users => Trailer::Whole,
        (_, Some(promised)) => Trailer::Other { promised, found: end.users },
        (true, None) => Trailer::Missing,
        (false, None) => Trailer::NotExpected,
    };
    match end.error {
        Some(error) => Err(io::Error::other(error)),
        None => Ok(()),
    }
}

/// Reads all records and hands them on; gives how many keys were no user's. What it can't read ends the import.
async fn read_legacy(
    source: &dyn LegacySource,
    doubled: &Doubled,
    hashes: &HashSettings,
    sender: &mpsc::Sender<Read>,
) -> u64 {
    let (mut place, mut others, mut read, mut entries) = (Some(0), 0, 0, Vec::<Entry>::new());
    let mut ids = HashSet::new();
    let mut end = End::default();
    while let Some(at) = place {
        let page = match source.page(at).await {
            Ok(page) => page,
            Err(error) => {
                end.error = Some(format!("the older database: {error}"));
                break;
            }
        };
        others += page.others;
        place = page.next;
        for record in &page.records {
            let (key, judged) = doubled.judge(record, hashes);
            let again = judged.as_ref().is_ok_and(|account| !ids.insert(*account.user.id.as_bytes()));
            if again || entries.len() >= BATCH_USERS {
                read += entries.len() as u64;
                let batch = Batch { lines: std::mem::take(&mut entries), bytes: read };
                if sender.send(Read::Batch(batch)).await.is_err() {
                    return others;
                }
                ids.clear();
                ids.extend(judged.iter().map(|account| *account.user.id.as_bytes()));
            }
            entries.push((key, judged));
        }
    }
    read += entries.len() as u64;
    if sender.send(Read::Batch(Batch { lines: entries, bytes: read })).await.is_ok() {
        let _ = sender.send(Read::End(end)).await;
    }
    others
}
