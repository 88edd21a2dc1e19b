//! The position of a pass, and its encoding as text. A pass walks the keys of each server, then the listings of each
//! shard.

use std::fmt::Write as _;

use crate::layout::Shard;
use userd_store::{CheckCursor, StoreError};

/// The position of a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckPosition {
    /// The phase of the pass.
    pub(super) phase: CheckPhase,
    /// Whether servers were added or removed since the pass began.
    pub(super) topology_changed: bool,
}

/// The phases of a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CheckPhase {
    /// The keys of a server.
    Keys(KeyScan),
    /// The entries of a shard's listing.
    Listings {
        /// The shard.
        shard: Shard,
        /// The entry after which to continue; empty at the beginning of the listing.
        after: Vec<u8>,
    },
}

/// How far the scan of the key space has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeyScan {
    /// The next `SCAN` cursor.
    pub(super) cursor: u64,
    /// The current server and its run id, `host:port@run_id`; `None` between two servers.
    pub(super) server: Option<String>,
    /// Servers that are finished.
    pub(super) done: Vec<String>,
    /// All servers at the time of the last batch.
    pub(super) known: Vec<String>,
}

impl CheckPosition {
    /// Decodes a position.
    pub(super) fn decode(cursor: &CheckCursor) -> Result<Self, StoreError> {
        if cursor.as_str().is_empty() {
            return Ok(Self { phase: CheckPhase::Keys(KeyScan::default()), topology_changed: false });
        }
        parse(cursor.as_str())
            .ok_or_else(|| StoreError::unavailable("the cursor of the check is not one of this store"))
    }

    /// Encodes the position.
    pub(super) fn encode(&self) -> CheckCursor {
        let topology_changed = u8::from(self.topology_changed);
        let text = match &self.phase {
            CheckPhase::Keys(KeyScan { cursor, server, done, known }) => {
                let server = server.as_deref().unwrap_or("-");
                format!("keys {topology_changed} {cursor} {server} {} {}", list(done), list(known))
            }
            CheckPhase::Listings { shard, after } => {
                let mut text = format!("listings {topology_changed} {} -", shard.number());
                for byte in after {
                    // Writing to a String never fails.
                    let _ = write!(text, "{byte:02x}");
                }
                text
            }
        };
        CheckCursor::from_text(text)
    }
}

fn list(servers: &[String]) -> String {
    if servers.is_empty() { "-".to_owned() } else { servers.join(",") }
}

fn parse(text: &str) -> Option<CheckPosition> {
    let words: Vec<&str> = text.split(' ').collect();
    let servers = |word: &str| match word {
        "-" => Vec::new(),
        list => list.split(',').map(str::to_owned).collect(),
    };
    let (topology_changed, phase) = match words[..] {
        ["keys", topology_changed, cursor, server, done, known] => {
            let (cursor, server) = (cursor.parse().ok()?, (server != "-").then(|| server.to_owned()));
            let scan = KeyScan { cursor, server, done: servers(done), known: servers(known) };
            (topology_changed, CheckPhase::Keys(scan))
        }
        ["listings", topology_changed, shard, after] => {
            let shard = Shard::try_from_number(shard.parse().ok()?)?;
            let digits = after.strip_prefix('-')?.as_bytes();
            let byte = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
            let after = digits.chunks(2).map(byte).collect::<Option<_>>()?;
            (topology_changed, CheckPhase::Listings { shard, after })
        }
        _ => return None,
    };
    Some(CheckPosition { phase, topology_changed: topology_changed == "1" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_position_is_decoded_again_and_any_other_text_is_rejected(
            cursor in any::<u64>(), shard in 0_u16..1024, after in prop::collection::vec(any::<u8>(), 0..40),
            servers in prop::collection::vec("[a-z0-9.:]{1,20}", 0..3), topology_changed: bool, text in any::<String>(),
        ) {
            let server = servers.first().cloned();
            let keys = CheckPhase::Keys(KeyScan { cursor, server, done: servers.clone(), known: servers });
            let listings = CheckPhase::Listings { shard: Shard::try_from_number(shard).expect("a shard"), after };
            for phase in [keys, listings] {
                let position = CheckPosition { phase, topology_changed };
                prop_assert_eq!(CheckPosition::decode(&position.encode()).expect("a place"), position);
            }
            let _ = CheckPosition::decode(&CheckCursor::from_text(text));
        }
    }
}
