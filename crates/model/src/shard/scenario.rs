//! A scenario: who does what on which shard, and what the adversary may do. And the state while it runs.

use crate::replication::AcknowledgeMode;

use super::clients::{ShardClient, ShardTask};
use super::steps::ShardRules;
use super::store::{ShardAnswer, ShardHistory, ShardStep, ShardStore};

/// How many clients a scenario has at most.
pub(crate) const CLIENTS: usize = 4;
/// How many late copies a scenario has at most.
pub(crate) const COPIES: usize = 2;

/// What the adversary may do, how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct AdversaryBudget {
    /// Copies that stay in the network and arrive late.
    pub(crate) copies: u8,
    /// Answers that are lost: the client sends the message again.
    pub(crate) losses: u8,
    /// Entries that retention trims.
    pub(crate) trims: u8,
    /// Failovers of the shard.
    pub(crate) failovers: u8,
    /// Whether secrets and rows of requests expire.
    pub(crate) expires: bool,
}

/// Who does what on which shard.
#[derive(Debug, Clone)]
pub(crate) struct ShardScenario {
    pub(crate) title: &'static str,
    pub(crate) rules: ShardRules,
    pub(crate) programs: Vec<Vec<ShardTask>>,
    pub(crate) store: ShardStore,
    pub(crate) budget: AdversaryBudget,
    /// With a replica, and what is waited for.
    pub(crate) mode: Option<AcknowledgeMode>,
    /// Properties that this mode does not promise.
    pub(crate) tolerated: &'static [&'static str],
}

/// A state of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ShardState {
    pub(crate) store: ShardStore,
    pub(crate) replica: ShardStore,
    pub(crate) history: ShardHistory,
    pub(crate) clients: [ShardClient; CLIENTS],
    /// Answers that wait for the replica.
    pub(crate) waiting: [Option<ShardAnswer>; CLIENTS],
    pub(crate) copies: [Option<ShardStep>; COPIES],
    pub(crate) budget: AdversaryBudget,
    /// Requests that were acknowledged, or refused for good, one bit each.
    pub(crate) acknowledged: u8,
    pub(crate) refused: u8,
}

/// One move.
#[derive(Clone, Copy)]
pub(crate) enum ShardMove {
    /// A client's step; whether its answer waits, is lost, or a copy stays in the network.
    Step(u8, ShardStep, ShardAnswer, StepFate),
    LateCopy(ShardStep, ShardAnswer),
    SecretExpires(u8),
    RowsExpire,
    Trim,
    Replicated,
    Failover,
}

/// What becomes of a message and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepFate {
    Answered,
    WaitsForReplica,
    AnswerLost,
    CopyStays,
}

impl std::fmt::Debug for ShardMove {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Step(client, step, answer, fate) => write!(out, "client {client}: {step:?} -> {answer:?} ({fate:?})"),
            Self::LateCopy(step, answer) => write!(out, "late copy: {step:?} -> {answer:?}"),
            Self::SecretExpires(user) => write!(out, "the secret of user {user} expires"),
            Self::RowsExpire => write!(out, "the rows of requests expire"),
            Self::Trim => write!(out, "the oldest entry is trimmed"),
            Self::Replicated => write!(out, "the replica has caught up"),
            Self::Failover => write!(out, "FAILOVER"),
        }
    }
}

/// What a crash leaves, with what the receiver has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ShardRemains {
    pub(crate) store: ShardStore,
    pub(crate) history: ShardHistory,
}
