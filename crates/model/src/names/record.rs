//! The store: records in the users' shards, claims and pending sign-ups in the names' shards. And the steps' messages.

use super::values::{HolderPointer, NAMES, NameOps, NameSet, StaleClaimSet, USERS};

/// The state of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum RecordState {
    /// No record.
    #[default]
    Absent,
    /// A pending sign-up or import.
    Pending,
    /// An active user.
    Active,
    /// The tombstone of an aborted sign-up.
    Aborted,
    /// The tombstone of a deleted user.
    Deleted,
}

/// A one-time secret attached to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum SecretState {
    /// None was handed out, or it has expired.
    #[default]
    Absent,
    /// It can be consumed.
    Usable,
    /// It was consumed. The store has deleted it; the model remembers it.
    Consumed,
}

/// The record of a user: the truth about who owns which names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct NameRecord {
    /// The names, each with the operation id of its claim.
    pub(crate) ops: NameOps,
    pub(crate) state: RecordState,
    /// The fencing token, raised by every intent and edit.
    pub(crate) ver: u8,
    /// The operation id of the change in flight; 0 if there is none.
    pub(crate) chg_op: u8,
    /// The names that the change in flight adds.
    pub(crate) chg_add: NameSet,
    /// The names that it removes.
    pub(crate) chg_drop: NameSet,
    /// A digest of what was imported; 0 for a sign-up.
    pub(crate) digest: u8,
    pub(crate) secret: SecretState,
    /// How often the effect of the secret has happened.
    pub(crate) effects: u8,
    /// Claims that may still have to be released.
    pub(crate) stale: StaleClaimSet,
}

impl std::fmt::Debug for NameRecord {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:?} ver={} {:?}", self.state, self.ver, self.ops)?;
        if self.chg_op != 0 {
            write!(out, " change {}:+{:?}-{:?}", self.chg_op, self.chg_add, self.chg_drop)?;
        }
        if !self.stale.is_empty() {
            write!(out, " stale={:?}", self.stale)?;
        }
        if self.secret != SecretState::Absent {
            write!(out, " secret={:?} effects={}", self.secret, self.effects)?;
        }
        Ok(())
    }
}

impl NameRecord {
    /// An active user with these names under operation id 1.
    pub(crate) fn active(names: NameSet) -> Self {
        Self { state: RecordState::Active, ver: 1, ops: NameOps::all(names, 1), ..Self::default() }
    }

    pub(crate) fn is_active(self) -> bool {
        self.state == RecordState::Active
    }

    /// The names of an active user; none of any other record.
    pub(crate) fn active_names(self) -> NameSet {
        if self.is_active() { self.ops.names() } else { NameSet::EMPTY }
    }

    /// The tombstone that an abort leaves.
    pub(crate) fn aborted(self) -> Self {
        Self { state: RecordState::Aborted, ver: self.ver, digest: self.digest, ..Self::default() }
    }

    /// Gives up the change in flight: its claims are stale now.
    pub(crate) fn without_change(self) -> Self {
        let stale = self.stale.with_all(self.chg_add, self.chg_op);
        Self { chg_op: 0, chg_add: NameSet::EMPTY, chg_drop: NameSet::EMPTY, stale, ..self }
    }

    /// Without the names of a set: their claims are stale now.
    pub(crate) fn without_names(mut self, names: NameSet) -> Self {
        for name in names.intersection(self.ops.names()).iter() {
            self.stale = self.stale.with(name, self.ops.get(name));
            self.ops = self.ops.with(name, 0);
        }
        self
    }
}

/// Everything that is stored. Each record, and each claim with the pending sign-ups of its name, is a shard of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct NameStore {
    pub(crate) users: [NameRecord; USERS],
    pub(crate) claims: [HolderPointer; NAMES],
    /// For each name, the users (given ids, one bit each) whose sign-up waits for a confirmation.
    pub(crate) waiting: [u8; NAMES],
    /// The servers' time, as far as fresh operation ids are taken from it.
    pub(crate) clock: u8,
}

impl NameStore {
    pub(crate) fn record(&self, user: u8) -> NameRecord {
        self.users[usize::from(user)]
    }

    pub(crate) fn claim(&self, name: u8) -> HolderPointer {
        self.claims[usize::from(name)]
    }

    /// Whether two stores differ in this shard: records come first, then names.
    pub(crate) fn shard_differs(&self, other: &Self, shard: usize) -> bool {
        match shard.checked_sub(USERS) {
            None => self.users[shard] != other.users[shard],
            Some(name) => self.claims[name] != other.claims[name] || self.waiting[name] != other.waiting[name],
        }
    }

    /// This store with one shard of another.
    pub(crate) fn with_shard_of(mut self, other: &Self, shard: usize) -> Self {
        match shard.checked_sub(USERS) {
            None => self.users[shard] = other.users[shard],
            Some(name) => {
                self.claims[name] = other.claims[name];
                self.waiting[name] = other.waiting[name];
            }
        }
        self
    }
}

/// A message: one step on one shard, with its arguments. The codes of the specification are in parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum NameStep {
    /// Creates a pending record (C1).
    SignUpIntend { user: u8, names: NameSet },
    /// Makes it active (C3).
    SignUpCommit { user: u8, names: NameSet },
    /// Aborts it (cabort).
    SignUpAbort { user: u8 },
    /// Reads a record (X0).
    ReadRecord { user: u8 },
    /// Announces a change of names (X1).
    ChangeIntend { user: u8, ver: u8, add: NameSet, drop: NameSet, nonce: u8, consume: bool },
    /// Makes it effective (X3).
    ChangeCommit { user: u8, op: u8, consume: bool },
    /// Aborts it (xabort).
    ChangeAbort { user: u8, op: u8 },
    /// Changes the record without a claim: removes names, and supersedes a change in flight.
    EditNames { user: u8, ver: u8, drop: NameSet },
    /// Deletes the user, of this version if one is given (D1).
    RemoveUser { user: u8, ver: Option<u8> },
    /// Strikes one stale claim (relclear).
    ClearStale { user: u8, name: u8, op: u8 },
    /// Takes a name from a user who lost its claim: the doctor's, after a loss of data.
    TakeAway { user: u8, name: u8, op: u8 },
    /// Asks the holder's record about a claim (resolve); `passed`: whether its deadline counts as passed.
    ResolveClaim { user: u8, name: u8, op: u8, passed: bool },
    /// Compare-and-set of a claim (C2).
    TakeClaim { name: u8, expected: HolderPointer, mine: HolderPointer },
    /// Reads a claim.
    ReadClaim { name: u8 },
    /// Deletes a claim if it is this pointer.
    ReleaseClaim { name: u8, pointer: HolderPointer },
    /// Creates a pending record for a given id, under a fresh operation id.
    ImportIntend { user: u8, names: NameSet, digest: u8, passed: bool },
    /// Makes it active, if it is the record that was announced.
    ImportCommit { user: u8, op: u8, digest: u8 },
    /// Reads a sign-up that waits in the name's shard.
    ReadWaiting { name: u8, user: u8 },
    /// Deletes it.
    ForgetWaiting { name: u8, user: u8 },
}

/// A shard: of a user, or of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShardKey {
    User(u8),
    Name(u8),
}

impl NameStep {
    /// The shard that the step is for.
    pub(crate) fn shard(self) -> ShardKey {
        match self {
            Self::SignUpIntend { user, .. }
            | Self::SignUpCommit { user, .. }
            | Self::SignUpAbort { user }
            | Self::ReadRecord { user }
            | Self::ChangeIntend { user, .. }
            | Self::ChangeCommit { user, .. }
            | Self::ChangeAbort { user, .. }
            | Self::EditNames { user, .. }
            | Self::RemoveUser { user, .. }
            | Self::ClearStale { user, .. }
            | Self::TakeAway { user, .. }
            | Self::ResolveClaim { user, .. }
            | Self::ImportIntend { user, .. }
            | Self::ImportCommit { user, .. } => ShardKey::User(user),
            Self::TakeClaim { name, .. }
            | Self::ReadClaim { name }
            | Self::ReleaseClaim { name, .. }
            | Self::ReadWaiting { name, .. }
            | Self::ForgetWaiting { name, .. } => ShardKey::Name(name),
        }
    }

    /// The index of the shard in a store.
    pub(crate) fn shard_index(self) -> usize {
        match self.shard() {
            ShardKey::User(user) => usize::from(user),
            ShardKey::Name(name) => USERS + usize::from(name),
        }
    }

    /// Whether it changes nothing, so that a late copy is of no interest.
    pub(crate) fn is_read(self) -> bool {
        matches!(self, Self::ReadRecord { .. } | Self::ReadClaim { .. } | Self::ReadWaiting { .. })
    }

    /// The same message with the deadline taken as passed, if that can make a difference.
    pub(crate) fn with_deadline_passed(self) -> Option<Self> {
        match self {
            Self::ResolveClaim { user, name, op, .. } => Some(Self::ResolveClaim { user, name, op, passed: true }),
            Self::ImportIntend { user, names, digest, .. } => {
                Some(Self::ImportIntend { user, names, digest, passed: true })
            }
            _ => None,
        }
    }
}

/// The answer of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum StepAnswer {
    /// Done, also to a repeat.
    Done,
    /// An earlier copy has already been committed, or an active user has the id.
    Committed,
    /// It can never happen.
    Dead,
    /// The record has these names already.
    Unchanged,
    /// The secret is not there.
    SecretGone,
    /// The holder, or an import with other content, may still commit.
    Busy,
    /// The holder has the name.
    Owned,
    /// The operation id of an intent.
    Intended(u8),
    /// Done, with the stale claims of the record.
    DoneWithStale(StaleClaimSet),
    /// The record as read.
    Record(NameRecord),
    /// The claim as read, or as it stands in the way.
    Claim(HolderPointer),
}
