//! Reads an import file line by line within bounds and sends batches on. Blocking; runs on a thread of its own.

use std::collections::HashSet;
use std::io::{self, BufRead, Read as _};

use tokio::sync::{mpsc, watch};

use super::record::{self, FORMAT_VERSION, InvalidRecord, ParsedLine};
use crate::hashing::HashSettings;
use userd_store::AccountRecord;

/// The longest line in bytes; a user with the most sessions has about 200 KB.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// The most users in a batch: enough to make the cost of a round trip or an fsync per user negligible.
pub(super) const BATCH_USERS: usize = 8192;

/// The most bytes in a batch, so that long lines take no more memory than short ones.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// The position of a user in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourcePosition {
    /// The number of the line, starting at 1.
    Line(u64),
    /// The key in a database.
    Key(String),
}

/// A user, or why the record is invalid.
pub(super) type ImportEntry = (SourcePosition, Result<AccountRecord, InvalidRecord>);

/// A batch of lines. No two users in it have the same id.
#[derive(Default)]
pub(super) struct ImportBatch {
    pub(super) lines: Vec<ImportEntry>,
    /// How many bytes of the file have been read so far.
    pub(super) bytes: u64,
    /// In the last batch: what is known at the end of the file.
    pub(super) end: Option<ReadSummary>,
}

/// What is known at the end of a file.
#[derive(Debug, Default)]
pub(super) struct ReadSummary {
    /// Lines with users, including skipped and invalid ones.
    pub(super) users: u64,
    /// Whether the file has a header.
    pub(super) has_header: bool,
    /// The number of users in the footer.
    pub(super) promised: Option<u64>,
    /// Why reading stopped early.
    pub(super) error: Option<String>,
}

/// Reads lines from `first_line` on and sends them on, until `stop` is set or the receiver is closed.
pub(super) fn read_all(
    input: &mut dyn BufRead,
    first_line: u64,
    hashes: &HashSettings,
    stop: &watch::Receiver<bool>,
    sender: &mpsc::Sender<ImportBatch>,
) {
    let mut reader =
        LineReader { first_line, hashes, ids: HashSet::new(), batch: ImportBatch::default(), bytes: 0, sender };
    let mut end = ReadSummary::default();
    if let Err(error) = reader.run(input, stop, &mut end) {
        end.error = Some(error.to_string());
    }
    reader.batch.end = Some(end);
    // An error means that the import has ended.
    let _ = reader.flush();
}

struct LineReader<'a> {
    first_line: u64,
    hashes: &'a HashSettings,
    ids: HashSet<[u8; 16]>,
    batch: ImportBatch,
    bytes: usize,
    sender: &'a mpsc::Sender<ImportBatch>,
}

impl LineReader<'_> {
    fn run(&mut self, input: &mut dyn BufRead, stop: &watch::Receiver<bool>, end: &mut ReadSummary) -> io::Result<()> {
        let (mut buffer, mut number) = (Vec::new(), 0);
        while !*stop.borrow() {
            number += 1;
            buffer.clear();
            let Some(length) = next_line(input, &mut buffer)? else { break };
            self.batch.bytes += length;
            let line = buffer.trim_ascii();
            if line.is_empty() && length <= LINE_BYTES_MAX as u64 {
                continue;
            }
            if end.promised.take().is_some() {
                return Err(io::Error::other(format!("line {number}: data after the footer")));
            }
            if number > 1 && number < self.first_line && !line.starts_with(br#"{"type":"end""#) {
                end.users += 1;
                continue;
            }
            let read = if length > LINE_BYTES_MAX as u64 {
                Err(record::invalid(&format!("must have at most {LINE_BYTES_MAX} bytes")))
            } else {
                record::parse_line(line, self.hashes)
            };
            match read {
                Ok(ParsedLine::Header(version)) if number == 1 && version <= FORMAT_VERSION => end.has_header = true,
                Ok(ParsedLine::Header(version)) if number == 1 => {
                    let text =
                        format!("format version {version} is newer than this userd, which knows {FORMAT_VERSION}");
                    return Err(io::Error::other(text));
                }
                Ok(ParsedLine::Header(_)) => {
                    self.take(number, 0, Err(record::invalid("the header must be the first line")))?;
                }
                Ok(ParsedLine::End(promised)) => end.promised = Some(promised),
                Ok(ParsedLine::User(account)) => {
                    end.users += 1;
                    if number >= self.first_line {
                        self.take(number, line.len(), Ok(*account))?;
                    }
                }
                Err(bad) => {
                    end.users += 1;
                    self.take(number, 0, Err(bad))?;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, number: u64, bytes: usize, line: Result<AccountRecord, InvalidRecord>) -> io::Result<()> {
        if let Ok(account) = &line
            && !self.ids.insert(*account.user.id.as_bytes())
        {
            self.flush()?;
            self.ids.insert(*account.user.id.as_bytes());
        }
        self.bytes += bytes;
        self.batch.lines.push((SourcePosition::Line(number), line));
        if self.batch.lines.len() >= BATCH_USERS || self.bytes >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    /// Sends the batch and waits until the channel has room.
    fn flush(&mut self) -> io::Result<()> {
        self.ids.clear();
        self.bytes = 0;
        let bytes = self.batch.bytes;
        let batch = std::mem::replace(&mut self.batch, ImportBatch { bytes, ..ImportBatch::default() });
        self.sender.blocking_send(batch).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Reads the next line, truncated to the limit; returns its whole length with the line end, `None` after the last.
fn next_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<Option<u64>> {
    let mut length = input.take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', line)? as u64;
    if length > LINE_BYTES_MAX as u64 && line.last() != Some(&b'\n') {
        // The rest is skipped, not buffered.
        length += input.skip_until(b'\n')? as u64;
    }
    Ok((length > 0).then_some(length))
}
