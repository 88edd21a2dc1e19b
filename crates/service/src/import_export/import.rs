//! Import: writes batches to a store with retries, a few at a time, and reports the result for each record.
//!
//! Existing users are skipped at the speed of reading, so an aborted import can be run again from the start.

use std::collections::HashSet;
use std::io::{self, BufRead};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::{mpsc, watch};

use super::legacy::{DuplicateEmails, digest};
use super::reader::{BATCH_USERS, ImportBatch, ImportEntry, ReadSummary, SourcePosition, read_all};
use crate::hashing::HashSettings;
use userd_core::clock::Clock;
use userd_core::{Actor, SessionLimits, string_enum};
use userd_store::{AccountRecord, ImportOutcome, LegacySource, Store, StoreError};

/// Batches in flight: one is read, one is in transit, one is written.
const BATCHES_IN_FLIGHT: usize = 3;

/// Look-ups of a dry run in flight.
const LOOKUPS_IN_FLIGHT: usize = 64;

/// The pauses before records are retried that the store refused, in milliseconds.
const RETRY_DELAYS_MS: [u64; 6] = [50, 200, 500, 1_000, 2_000, 4_000];

/// The pauses before an unavailable store is retried, in milliseconds: about 40 seconds in all, the longest failover.
/// Each attempt has the time limit of a batch besides.
const OUTAGE_RETRY_DELAYS_MS: [u64; 10] = [100, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 8_000, 10_000];

/// Imports users.
pub struct UserImporter {
    /// The target.
    pub store: Arc<dyn Store>,
    /// The session limits there.
    pub limits: SessionLimits,
    /// The hash settings there: a hash that exceeds its limits is rejected.
    pub hashes: HashSettings,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Only report what would happen.
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
    /// Whether the user is in the target as wanted.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::Imported | Self::Same)
    }
}

/// The result for one record, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportResult {
    /// The record's position in the source.
    pub position: SourcePosition,
    /// The result.
    pub kind: ImportResultKind,
    /// The user's id, if it could be read.
    pub id: Option<String>,
    /// The reason, unless it is a success.
    pub reason: Option<String>,
}

/// Whether a file is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FooterStatus {
    /// No footer is expected: it is not an export of userd.
    #[default]
    NotExpected,
    /// As many users as the footer says.
    Complete,
    /// The footer is missing: the file is truncated.
    Missing,
    /// The footer has another number.
    Mismatch {
        /// The number in the footer.
        promised: u64,
        /// The number found.
        found: u64,
    },
}

/// The result of an import.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportSummary {
    counts: [u64; ImportResultKind::ALL.len()],
    /// The last line that was processed, with all before it.
    pub last_line: u64,
    /// Whether the file is complete.
    pub footer: FooterStatus,
    /// Keys in the database that are not users.
    pub others: u64,
    /// It was stopped before the end.
    pub interrupted: bool,
}

impl ImportSummary {
    /// The number of records with this result.
    #[must_use]
    pub fn count(&self, kind: ImportResultKind) -> u64 {
        self.counts[kind as usize]
    }

    /// Whether all users are in the target, and the file was complete.
    #[must_use]
    pub fn is_success(&self) -> bool {
        ImportResultKind::ALL.iter().all(|kind| kind.is_success() || self.count(*kind) == 0)
            && matches!(self.footer, FooterStatus::NotExpected | FooterStatus::Complete)
    }

    /// Counts and reports the results of a batch.
    fn record(&mut self, outcome: BatchOutcome, sink: &mut ProgressSink<'_>) -> io::Result<()> {
        (sink.progress)(outcome.bytes);
        for result in &outcome.results {
            self.counts[result.kind as usize] += 1;
            if let SourcePosition::Line(line) = result.position {
                self.last_line = line;
            }
            (sink.outcome)(result)?;
        }
        outcome.end.map_or(Ok(()), |end| self.apply_footer(end))
    }

    fn apply_footer(&mut self, end: ReadSummary) -> io::Result<()> {
        self.interrupted = false;
        self.footer = match (end.has_header, end.promised) {
            (_, Some(promised)) if promised == end.users => FooterStatus::Complete,
            (_, Some(promised)) => FooterStatus::Mismatch { promised, found: end.users },
            (true, None) => FooterStatus::Missing,
            (false, None) => FooterStatus::NotExpected,
        };
        end.error.map_or(Ok(()), |error| Err(io::Error::other(error)))
    }
}

/// Why an import was aborted. `summary` has what was done before.
#[derive(Debug, thiserror::Error)]
#[error("the import was aborted")]
pub struct ImportError {
    /// The result until then.
    pub summary: Box<ImportSummary>,
    /// The cause.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Callbacks for the results and the progress (bytes of a file, or records).
pub struct ProgressSink<'a> {
    /// Called with each result, in order. An error aborts the import.
    pub outcome: &'a mut (dyn FnMut(&ImportResult) -> io::Result<()> + Send),
    /// Called with the progress.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

impl UserImporter {
    /// Imports the users of a file from `first_line` on, until `stop` is set.
    ///
    /// # Errors
    /// The store stayed unavailable, or the file can't be read.
    pub async fn import_file(
        &self,
        mut input: Box<dyn BufRead + Send>,
        first_line: u64,
        stop: watch::Receiver<bool>,
        sink: ProgressSink<'_>,
    ) -> Result<ImportSummary, ImportError> {
        let (sender, batches) = mpsc::channel(1);
        let (stopped, hashes) = (stop.clone(), self.hashes);
        // Not joined at the end: it may be blocked on a terminal.
        let _reading =
            tokio::task::spawn_blocking(move || read_all(&mut *input, first_line, &hashes, &stopped, &sender));
        self.import_batches(batches, stop, sink).await
    }

    /// Imports the users of a `legacy` database.
    ///
    /// # Errors
    /// One of the two databases stayed unavailable.
    pub async fn import_legacy(
        &self,
        source: Arc<dyn LegacySource>,
        stop: watch::Receiver<bool>,
        sink: ProgressSink<'_>,
    ) -> Result<ImportSummary, ImportError> {
        let duplicates = DuplicateEmails::find(&*source, &stop, sink.progress).await;
        let duplicates = duplicates.map_err(|error| ImportError { summary: Box::default(), source: error.into() })?;
        let Some(duplicates) = duplicates else {
            return Ok(ImportSummary { interrupted: true, ..ImportSummary::default() });
        };
        let (sender, batches) = mpsc::channel(1);
        let mut reading = tokio::task::JoinSet::new();
        let hashes = self.hashes;
        reading.spawn(async move { read_legacy(&*source, &duplicates, &hashes, &sender).await });
        let mut summary = self.import_batches(batches, stop, sink).await?;
        // The channel is closed, so the reader ends with its current page.
        if let Some(Ok(others)) = reading.join_next().await {
            summary.others = others;
        }
        Ok(summary)
    }

    async fn import_batches(
        &self,
        batches: mpsc::Receiver<ImportBatch>,
        stop: watch::Receiver<bool>,
        mut sink: ProgressSink<'_>,
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
        let batch_outcomes = reads.map(|batch| self.import_batch(batch, &seen));
        let mut batch_outcomes = std::pin::pin!(batch_outcomes.buffered(BATCHES_IN_FLIGHT));
        let mut summary = ImportSummary { interrupted: true, ..ImportSummary::default() };
        while let Some(outcome) = batch_outcomes.next().await {
            let reported = match outcome {
                Ok(outcome) => summary.record(outcome, &mut sink).map_err(Into::into),
                Err(error) => Err(error.into()),
            };
            if let Err(source) = reported {
                return Err(ImportError { summary: Box::new(summary), source });
            }
        }
        Ok(summary)
    }

    /// Imports a batch, with retries while the store refuses records.
    async fn import_batch(
        &self,
        batch: ImportBatch,
        seen: &Mutex<HashSet<[u8; 16]>>,
    ) -> Result<BatchOutcome, StoreError> {
        let (mut results, mut accounts) = (Vec::with_capacity(batch.lines.len()), Vec::new());
        for (position, line) in batch.lines {
            let (kind, id, reason) = match &line {
                Ok(account) => (ImportResultKind::Imported, Some(account.user.id.to_string()), None),
                Err(bad) => (ImportResultKind::Invalid, bad.id.clone(), Some(bad.reason.clone())),
            };
            results.push(ImportResult { position, kind, id, reason });
            accounts.extend(line);
        }
        let outcomes = if self.dry_run {
            self.dry_run_batch(&accounts, seen).await?
        } else {
            self.import_with_retries(accounts).await?
        };
        let valid = results.iter_mut().filter(|result| result.kind != ImportResultKind::Invalid);
        for (result, outcome) in valid.zip(outcomes) {
            (result.kind, result.reason) = describe_outcome(outcome);
        }
        Ok(BatchOutcome { results, bytes: batch.bytes, end: batch.end })
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
                    let Some(pause) = pauses.next() else { break };
                    pause
                }
                Err(error) => {
                    let Some(pause) = away.next() else { return Err(error) };
                    tracing::debug!(error = %error, "the store refused a batch; retrying");
                    pause
                }
            };
            if !open.is_empty() {
                tokio::time::sleep(Duration::from_millis(*pause)).await;
            }
        }
        Ok(store_outcomes)
    }

    /// Reports what would happen to a batch.
    async fn dry_run_batch(
        &self,
        accounts: &[AccountRecord],
        seen: &Mutex<HashSet<[u8; 16]>>,
    ) -> Result<Vec<ImportOutcome>, StoreError> {
        let first: Vec<bool> = {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            accounts.iter().map(|account| seen.insert(digest(account.user.email.canonical().as_str()))).collect()
        };
        let lookups = accounts.iter().zip(first).map(|(account, first)| self.dry_run_account(account, first));
        stream::iter(lookups).buffered(LOOKUPS_IN_FLIGHT).try_collect().await
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

/// The result of an [`ImportBatch`].
struct BatchOutcome {
    results: Vec<ImportResult>,
    bytes: u64,
    end: Option<ReadSummary>,
}

/// The result and its reason.
fn describe_outcome(store_outcome: ImportOutcome) -> (ImportResultKind, Option<String>) {
    let (kind, reason) = match store_outcome {
        ImportOutcome::Imported => (ImportResultKind::Imported, None),
        ImportOutcome::Same => (ImportResultKind::Same, None),
        ImportOutcome::Differs => (ImportResultKind::Differs, Some("a user with this id exists, with other values")),
        ImportOutcome::EmailTaken => (ImportResultKind::EmailTaken, Some("another user has this e-mail")),
        ImportOutcome::RecentlyDeleted => {
            let reason = "a user with this id was deleted here; the id can't be used again for 30 days";
            (ImportResultKind::Gone, Some(reason))
        }
        ImportOutcome::Unavailable(reason) => return (ImportResultKind::Refused, Some(reason)),
    };
    (kind, reason.map(str::to_owned))
}

/// Reads all records and sends them on; returns the number of keys that are not users. An unreadable page ends the
/// import.
async fn read_legacy(
    source: &dyn LegacySource,
    duplicates: &DuplicateEmails,
    hashes: &HashSettings,
    sender: &mpsc::Sender<ImportBatch>,
) -> u64 {
    let (mut position, mut others, mut read, mut entries) = (Some(0), 0, 0, Vec::<ImportEntry>::new());
    let mut ids = HashSet::new();
    let mut end = ReadSummary::default();
    while let Some(at) = position {
        let page = match source.page(at).await {
            Ok(page) => page,
            Err(error) => {
                end.error = Some(format!("the legacy database: {error}"));
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
                let batch = ImportBatch { lines: std::mem::take(&mut entries), bytes: read, end: None };
                if sender.send(batch).await.is_err() {
                    return others;
                }
                ids.clear();
                ids.extend(validated.iter().map(|account| *account.user.id.as_bytes()));
            }
            entries.push((key, validated));
        }
    }
    read += entries.len() as u64;
    // An error means that the import has ended.
    let _ = sender.send(ImportBatch { lines: entries, bytes: read, end: Some(end) }).await;
    others
}
