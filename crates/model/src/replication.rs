//! What is the same for every model with replication: when an answer waits for the replica.

/// What has to be on the replica before a client goes on (`redis.acknowledge`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AcknowledgeMode {
    /// Nothing.
    Primary,
    /// What the client has written.
    Writes,
    /// What it has written, and what it has read and decides on.
    WritesAndReads,
}

impl AcknowledgeMode {
    /// The mode's name in titles.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Primary => "waits for nothing",
            Self::Writes => "waits for writes",
            Self::WritesAndReads => "waits for writes and reads",
        }
    }
}

/// Whether the answer of a step waits: `is_ahead` says that the primary has what the replica has not.
pub(crate) fn waits(mode: AcknowledgeMode, wrote: bool, is_ahead: bool) -> bool {
    is_ahead
        && match mode {
            AcknowledgeMode::Primary => false,
            AcknowledgeMode::Writes => wrote,
            AcknowledgeMode::WritesAndReads => true,
        }
}
