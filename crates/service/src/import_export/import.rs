//! Users into a store: batches with patience, some of them under way at once, and what became of each user.
//!
//! What is there already is passed over at the speed of reading, so whoever broke off begins again.

use std::collections::HashSet;
use std::io::{self, BufRead};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::sync::{mpsc, watch};

use super::legacy::{DuplicateEmails, digest};
use super::reader::{BATCH_USERS, ImportBatch, ImportEntry, ReadSummary, ReaderMessage, SourcePosition, read_all};
use crate::hashing::HashSettings;
use userd_core::clock::Clock;
use userd_core::{Actor, SessionLimits, string_enum};
use userd_store::{AccountRecord, ImportOutcome, LegacySource, Store, StoreError};

/// How many batches are under way at once: one is read while one is on its way and one is being written.
const BATCHES_IN_FLIGHT: usize = 3;

/// How many look-ups of a dry run are under way at once.
const LOOKUPS_IN_FLIGHT: usize = 64;

/// The pauses before those are tried again whom the store could not take, in milliseconds.
const RETRY_DELAYS_MS: [u64; 6] = [50, 200, 500, 1_000, 2_000, 4_000];

/// The pauses before a store that is away is tried again, some 40 seconds in all, which a failover takes at most; each try
/// has the time limit of a batch besides.
const OUTAGE_RETRY_DELAYS_MS: [u64; 10] = [100, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 8_000, 10_000];

/// Takes users in.
pub struct UserImporter {
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

string_enum! {
    /// The result for one record.
    pub enum ImportResultKind {
        /// Imported; in a dry run: would be imported.
        Imported = "imported",
        /// Existed already, with the same values.
        Same = "same",
        /// The id exists, with other values.
        Differs = "differs",
        /// Another user has the e-mail.
        EmailTaken = "email-taken",
        /// The id was deleted here recently.
        Gone = "gone",
        /// The store refused it on every attempt.
        Refused = "refused",
        /// The line, or the legacy record, is not a valid user.
        Invalid = "invalid",
    }
}

impl ImportResultKind {
    /// Whether the user is there as wanted.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::Imported | Self::Same)
    }
}

/// What became of one user, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportResult {
    /// Where the user stands in what was read.
    pub position: SourcePosition,
    /// What became of the user.
    pub kind: ImportResultKind,
    /// Whose it is, if that can be told.
    pub id: Option<String>,
    /// Why, where it is not fine.
    pub reason: Option<String>,
}

/// How a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FooterStatus {
    /// Nothing was promised: it is no file of ours.
    #[default]
    NotExpected,
    /// As many users as its last line says.
    Complete,
    /// The last line is missing: it was cut off.
    Missing,
    /// The last line says another number.
    Mismatch {
        /// What it says.
        promised: u64,
        /// What was found.
        found: u64,
    },
}

/// What an import came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportSummary {
    counts: [u64; ImportResultKind::ALL.len()],
    /// The last line whose user was dealt with, with all before it.
    pub last_line: u64,
    /// How the file ended.
    pub footer: FooterStatus,
    /// Keys that were no user's.
    pub others: u64,
    /// It was told to stop before the end.
    pub interrupted: bool,
}

impl ImportSummary {
    /// How many it became so of.
    #[must_use]
    pub fn count(&self, kind: ImportResultKind) -> u64 {
        self.counts[kind as usize]
    }

    /// Whether all are there, and the file was whole.
    #[must_use]
    pub fn is_success(&self) -> bool {
        ImportResultKind::ALL.iter().all(|kind| kind.is_success() || self.count(*kind) == 0)
            && matches!(self.footer, FooterStatus::NotExpected | FooterStatus::Complete)
    }

    fn record(&mut self, outcome: &ImportResult) {
        self.counts[outcome.kind as usize] += 1;
        if let SourcePosition::Line(line) = outcome.position {
            self.last_line = line;
        }
    }
}

/// Why an import broke off. What was dealt with before is in `summary`.
#[derive(Debug, thiserror::Error)]
#[error("the import broke off")]
pub struct ImportError {
    /// What it came to until then.
    pub summary: Box<ImportSummary>,
    /// What happened.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Who hears what becomes of each, and how far it has got (bytes of a file, or records).
pub struct ProgressSink<'a> {
    /// Hears each outcome, in order. An error ends the import.
    pub outcome: &'a mut (dyn FnMut(&ImportResult) -> io::Result<()> + Send),
    /// Hears how far it has got.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

impl UserImporter {
    /// Takes in the users of a file, from `first_line` on, until `stop` says so.
    ///
    /// # Errors
    /// The store stayed away, or the file can't be read.
    pub async fn import_file(
        &self,
        mut input: Box<dyn BufRead + Send>,
        first_line: u64,
        stop: watch::Receiver<bool>,
        sink: ProgressSink<'_>,
    ) -> Result<ImportSummary, ImportError> {
        let (sender, batches) = mpsc::channel(1);
        let (stopped, hashes) = (stop.clone(), self.hashes);
        // Not waited for at the end: it may be waiting for a terminal.
        let _reading =
            tokio::task::spawn_blocking(move || read_all(&mut *input, first_line, &hashes, &stopped, &sender));
        self.import_batches(batches, stop, sink).await
    }

    /// Takes in the users of the older design's database.
    ///
    /// # Errors
    /// One of the two databases stayed away.
    pub async fn import_legacy(
        &self,
        source: Arc<dyn LegacySource>,
        stop: watch::Receiver<bool>,
        sink: ProgressSink<'_>,
    ) -> Result<ImportSummary, ImportError> {
        let interrupted = || ImportSummary { interrupted: true, ..ImportSummary::default() };
        let aborted = |source| ImportError { summary: Box::default(), source };
        let duplicates =
            DuplicateEmails::find(&*source, &stop, sink.progress).await.map_err(|error| aborted(error.into()))?;
        let Some(duplicates) = duplicates else { return Ok(interrupted()) };
        let (sender, batches) = mpsc::channel(1);
        let mut reading = tokio::task::JoinSet::new();
        let hashes = self.hashes;
        reading.spawn(async move { read_legacy(&*source, &duplicates, &hashes, &sender).await });
        let mut summary = self.import_batches(batches, stop, sink).await?;
        // Nobody takes more batches, so it ends with the page that it is reading.
        if let Some(Ok(others)) = reading.join_next().await {
            summary.others = others;
        }
        Ok(summary)
    }

    async fn import_batches(
        &self,
        batches: mpsc::Receiver<ReaderMessage>,
        stop: watch::Receiver<bool>,
        sink: ProgressSink<'_>,
    ) -> Result<ImportSummary, ImportError> {
        let seen = Mutex::new(HashSet::new());
        let reads = stream::unfold((batches, stop), |(mut batches, mut stop)| async move {
            let stop_requested = async { drop(stop.wait_for(|stop| *stop).await) };
            let read = tokio::select! {
                biased;
                () = stop_requested => None,
                read = batches.recv() => read,
            };
            read.map(|read| (read, (batches, stop)))
        });
        let batch_outcomes = reads.map(|read| async {
            match read {
                ReaderMessage::Batch(batch) => self.import_batch(batch, &seen).await.map(BatchOutcome::Outcomes),
                ReaderMessage::End(end) => Ok(BatchOutcome::End(end)),
            }
        });
        let mut batch_outcomes = std::pin::pin!(batch_outcomes.buffered(BATCHES_IN_FLIGHT));
        let mut summary = ImportSummary { interrupted: true, ..ImportSummary::default() };
        while let Some(one) = batch_outcomes.next().await {
            let reported = match one {
                Ok(BatchOutcome::Outcomes((bytes, outcomes))) => {
                    (sink.progress)(bytes);
                    outcomes.iter().try_for_each(|outcome| {
                        summary.record(outcome);
                        (sink.outcome)(outcome)
                    })
                }
                Ok(BatchOutcome::End(end)) => apply_footer(&mut summary, end),
                Err(error) => return Err(ImportError { summary: Box::new(summary), source: error.into() }),
            };
            if let Err(error) = reported {
                return Err(ImportError { summary: Box::new(summary), source: error.into() });
            }
        }
        Ok(summary)
    }

    /// What becomes of a batch; tried again where the store can't now.
    async fn import_batch(
        &self,
        batch: ImportBatch,
        seen: &Mutex<HashSet<[u8; 16]>>,
    ) -> Result<(u64, Vec<ImportResult>), StoreError> {
        let (mut positions, mut accounts) = (Vec::new(), Vec::new());
        let mut outcomes: Vec<Option<ImportResult>> = Vec::with_capacity(batch.lines.len());
        for (position, line) in batch.lines {
            match line {
                Ok(account) => {
                    positions.push((outcomes.len(), position));
                    accounts.push(account);
                    outcomes.push(None);
                }
                Err(bad) => {
                    let reason = Some(bad.reason);
                    outcomes.push(Some(ImportResult { position, kind: ImportResultKind::Invalid, id: bad.id, reason }));
                }
            }
        }
        let ids: Vec<String> = accounts.iter().map(|account| account.user.id.to_string()).collect();
        let store_outcomes = if self.dry_run {
            self.dry_run_batch(&accounts, seen).await?
        } else {
            self.import_with_retries(accounts).await?
        };
        for (((at, position), id), store_outcome) in positions.into_iter().zip(ids).zip(store_outcomes) {
            let (kind, reason) = describe_outcome(store_outcome);
            outcomes[at] = Some(ImportResult { position, kind, id: Some(id), reason });
        }
        Ok((batch.bytes, outcomes.into_iter().flatten().collect()))
    }

    async fn import_with_retries(&self, accounts: Vec<AccountRecord>) -> Result<Vec<ImportOutcome>, StoreError> {
        let mut open: Vec<usize> = (0..accounts.len()).collect();
        let mut store_outcomes = vec![ImportOutcome::Same; accounts.len()];
        let mut batch: Arc<[AccountRecord]> = accounts.into();
        let (mut pauses, mut away) = (RETRY_DELAYS_MS.iter(), OUTAGE_RETRY_DELAYS_MS.iter());
        while !open.is_empty() {
            let now = self.clock.now();
            let pause = match self.store.import_users(Arc::clone(&batch), &self.limits, Actor::anonymous(), now).await {
                Ok(came) => {
                    let refused: Vec<usize> =
                        (0..came.len()).filter(|at| matches!(came[*at], ImportOutcome::Unavailable(_))).collect();
                    let (left, again) =
                        refused.iter().map(|at| (open[*at], batch[*at].clone())).unzip::<_, _, Vec<_>, Vec<_>>();
                    for (position, store_outcome) in open.iter().zip(came) {
                        store_outcomes[*position] = store_outcome;
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
        Ok(store_outcomes)
    }

    /// What would become of them.
    async fn dry_run_batch(
        &self,
        accounts: &[AccountRecord],
        seen: &Mutex<HashSet<[u8; 16]>>,
    ) -> Result<Vec<ImportOutcome>, StoreError> {
        let first: Vec<bool> = {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            accounts.iter().map(|account| seen.insert(digest(account.user.email.canonical().as_str()))).collect()
        };
        let lookups = accounts
            .iter()
            .zip(first)
            .map(|(account, first)| async move { self.dry_run_account(account, first).await });
        let lookups: Vec<_> = stream::iter(lookups).buffered(LOOKUPS_IN_FLIGHT).collect().await;
        lookups.into_iter().collect()
    }

    async fn dry_run_account(&self, account: &AccountRecord, first: bool) -> Result<ImportOutcome, StoreError> {
        let user = &account.user;
        match self.store.user(user.id).await? {
            Some(kept) if account.matches_stored(&kept) => return Ok(ImportOutcome::Same),
            Some(_) => return Ok(ImportOutcome::Differs),
            None => {}
        }
        let taken = !first || self.store.user_by_email(user.email.canonical()).await?.is_some();
        Ok(if taken { ImportOutcome::EmailTaken } else { ImportOutcome::Imported })
    }
}

/// What came of a read.
enum BatchOutcome {
    Outcomes((u64, Vec<ImportResult>)),
    End(ReadSummary),
}

/// The kind, and the reason in words.
fn describe_outcome(store_outcome: ImportOutcome) -> (ImportResultKind, Option<String>) {
    let (kind, reason) = match store_outcome {
        ImportOutcome::Imported => return (ImportResultKind::Imported, None),
        ImportOutcome::Same => return (ImportResultKind::Same, None),
        ImportOutcome::Differs => {
            (ImportResultKind::Differs, "a user with this id is here already, and differs".to_owned())
        }
        ImportOutcome::EmailTaken => (ImportResultKind::EmailTaken, "another user has this e-mail".to_owned()),
        ImportOutcome::RecentlyDeleted => {
            let reason = "a user with this id was deleted here, and the id rests for 30 days";
            (ImportResultKind::Gone, reason.to_owned())
        }
        ImportOutcome::Unavailable(why) => (ImportResultKind::Refused, why),
    };
    (kind, Some(reason))
}

fn apply_footer(summary: &mut ImportSummary, end: ReadSummary) -> io::Result<()> {
    summary.interrupted = false;
    summary.footer = match (end.has_header, end.promised) {
        (_, Some(promised)) if promised == end.users => FooterStatus::Complete,
        (_, Some(promised)) => FooterStatus::Mismatch { promised, found: end.users },
        (true, None) => FooterStatus::Missing,
        (false, None) => FooterStatus::NotExpected,
    };
    match end.error {
        Some(error) => Err(io::Error::other(error)),
        None => Ok(()),
    }
}

/// Reads all records and hands them on; gives how many keys were no user's. What it can't read ends the import.
async fn read_legacy(
    source: &dyn LegacySource,
    duplicates: &DuplicateEmails,
    hashes: &HashSettings,
    sender: &mpsc::Sender<ReaderMessage>,
) -> u64 {
    let (mut position, mut others, mut read, mut entries) = (Some(0), 0, 0, Vec::<ImportEntry>::new());
    let mut ids = HashSet::new();
    let mut end = ReadSummary::default();
    while let Some(at) = position {
        let page = match source.page(at).await {
            Ok(page) => page,
            Err(error) => {
                end.error = Some(format!("the older database: {error}"));
                break;
            }
        };
        others += page.others;
        position = page.next;
        for record in &page.records {
            let (key, validated) = duplicates.validate(record, hashes);
            let again = validated.as_ref().is_ok_and(|account| !ids.insert(*account.user.id.as_bytes()));
            if again || entries.len() >= BATCH_USERS {
                read += entries.len() as u64;
                let batch = ImportBatch { lines: std::mem::take(&mut entries), bytes: read };
                if sender.send(ReaderMessage::Batch(batch)).await.is_err() {
                    return others;
                }
                ids.clear();
                ids.extend(validated.iter().map(|account| *account.user.id.as_bytes()));
            }
            entries.push((key, validated));
        }
    }
    read += entries.len() as u64;
    if sender.send(ReaderMessage::Batch(ImportBatch { lines: entries, bytes: read })).await.is_ok() {
        let _ = sender.send(ReaderMessage::End(end)).await;
    }
    others
}
