//! What a client is: a program of tasks, the place in it, and what it remembers. The flows of the tasks are in
//! `sign_up`, `change`, `doctor`.

use super::record::{NameStep, StepAnswer};
use super::rules::NameRules;
use super::values::{HolderPointer, NameOps, NameSet, StaleClaimSet};

/// How many rounds of claim and resolve a client takes.
pub(crate) const CLAIM_ATTEMPTS_MAX: u8 = 3;

/// One thing that a client does, from its first step to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameTask {
    /// A sign-up under a random id, with all these names.
    SignUp { user: u8, names: NameSet, is_reversed: bool },
    /// A change: adds names, removes names, all at once; with `consume` it needs the user's one-time secret.
    Change { user: u8, add: NameSet, drop: NameSet, nonce: u8, consume: bool, is_reversed: bool },
    /// An edit that removes names (or none), without a claim.
    Edit { user: u8, drop: NameSet },
    /// A deletion; `compares`: of the version that was read.
    Delete { user: u8, compares: bool },
    /// One attempt to import a user under a given id.
    Import { user: u8, names: NameSet, digest: u8 },
    /// The confirmation of a sign-up that waits in the shard of its name. Its id is given there: `creates` is another
    /// one in a broken variant only.
    Confirm { user: u8, name: u8, creates: u8 },
    /// One run of the consistency check.
    Doctor,
}

/// Where a client is in its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum TaskPhase {
    #[default]
    Start,
    Intend,
    Claim,
    Resolve,
    Commit,
    Verify,
    Abort,
    Undo,
    Recheck,
    Reclaim,
    Release,
    ClearStale,
    Compare,
    Forget,
    ReleaseFirst,
    DoctorName,
    DoctorResolve,
    DoctorRelease,
    DoctorUser,
    DoctorAbort,
    DoctorClaim,
    DoctorHolder,
    DoctorTakeAway,
    DoctorTakeOver,
    DoctorStale,
    DoctorClear,
}

/// A client between two steps. What it does not need any more is reset, so that equal situations are equal states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct NameClient {
    /// Stale claims still to be released.
    pub(crate) stale: StaleClaimSet,
    /// The doctor's: names of the user that are still to be checked.
    pub(crate) ops: NameOps,
    /// The task.
    pub(crate) at: u8,
    pub(crate) phase: TaskPhase,
    /// The operation id; before the intent of a change, the version that was read.
    pub(crate) op: u8,
    /// The pointer that stands in the way, expected at the next claim.
    pub(crate) held: HolderPointer,
    /// Rounds of claim and resolve for this name.
    pub(crate) tries: u8,
    /// The names that the operation claims.
    pub(crate) names: NameSet,
    /// The names that the present phase still has to treat.
    pub(crate) rest: NameSet,
    /// The doctor's place among names or users.
    pub(crate) index: u8,
}

/// What a client answers to its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acknowledgement {
    /// The user exists.
    Created { user: u8 },
    /// The change is effective.
    Changed { user: u8, names: NameSet, op: u8, consumed: bool },
    /// The user is deleted.
    Deleted { user: u8 },
    /// An error: a claim was gone after the commit, and another user has it.
    LostClaim { user: u8 },
    /// An error: what was committed is gone.
    LostUser { user: u8 },
}

/// A client after a step, and what it acknowledged.
pub(crate) type NextClient = (NameClient, Option<Acknowledgement>);

/// What the flows need to know of the scenario.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlowContext<'a> {
    pub(crate) rules: NameRules,
    /// The users that the doctor walks over.
    pub(crate) users: &'a [u8],
    /// How many names there are.
    pub(crate) names: u8,
}

impl NameClient {
    /// The next task.
    pub(crate) fn finish(self) -> Self {
        Self { at: self.at + 1, ..Self::default() }
    }

    /// The next task, with an answer.
    pub(crate) fn answer(self, acknowledgement: Acknowledgement) -> NextClient {
        (self.finish(), Some(acknowledgement))
    }

    /// The name that the phase is at: the first that is left, or the last for a task in the reverse order.
    pub(crate) fn current(self, is_reversed: bool) -> u8 {
        let name = if is_reversed { self.rest.last() } else { self.rest.first() };
        name.unwrap_or_default()
    }

    /// Begins a phase that treats `rest` one after another.
    pub(crate) fn begin(self, phase: TaskPhase, rest: NameSet) -> Self {
        Self { phase, rest, held: HolderPointer::NONE, tries: 0, ..self }
    }

    pub(crate) fn own_pointer(self, user: u8) -> HolderPointer {
        HolderPointer::new(user, self.op)
    }

    /// After a claim that was not acquired: resolve its holder, try again, or (`Err`) give up.
    pub(crate) fn after_refusal(self, held: HolderPointer) -> Result<Self, ()> {
        let tries = self.tries + 1;
        if tries >= CLAIM_ATTEMPTS_MAX {
            return Err(());
        }
        let phase = if held.is_none() { TaskPhase::Claim } else { TaskPhase::Resolve };
        Ok(Self { phase, held, tries, ..self })
    }

    /// The names to give back when the claim phase ends at `rest`: those claimed before, and the one under way.
    pub(crate) fn names_tried(self, is_reversed: bool) -> NameSet {
        self.names.minus(self.rest).union(NameSet::one(self.current(is_reversed)))
    }

    /// Leaves the task, or releases the stale claims first.
    pub(crate) fn release_stale(self, stale: StaleClaimSet) -> Self {
        if stale.is_empty() {
            return self.finish();
        }
        Self { at: self.at, phase: TaskPhase::Release, stale, ..Self::default() }
    }

    /// The message of the phases that all tasks of a user share.
    pub(crate) fn shared_request(self, user: u8, is_reversed: bool) -> Option<NameStep> {
        let (name, mine) = (self.current(is_reversed), self.own_pointer(user));
        let (stale_name, stale_op) = self.stale.first().unwrap_or_default();
        Some(match self.phase {
            TaskPhase::Claim => NameStep::TakeClaim { name, expected: self.held, mine },
            TaskPhase::Resolve => {
                NameStep::ResolveClaim { user: self.held.user(), name, op: self.held.op(), passed: false }
            }
            TaskPhase::Verify => NameStep::ReadClaim { name },
            TaskPhase::Undo => NameStep::ReleaseClaim { name, pointer: mine },
            TaskPhase::Recheck => NameStep::ReadRecord { user },
            TaskPhase::Reclaim => NameStep::TakeClaim { name, expected: HolderPointer::NONE, mine },
            TaskPhase::Release => {
                NameStep::ReleaseClaim { name: stale_name, pointer: HolderPointer::new(user, stale_op) }
            }
            TaskPhase::ClearStale => NameStep::ClearStale { user, name: stale_name, op: stale_op },
            _ => return None,
        })
    }

    /// The answer of a release of stale claims.
    pub(crate) fn after_release(self) -> Self {
        if self.phase == TaskPhase::Release {
            return Self { phase: TaskPhase::ClearStale, ..self };
        }
        let stale = self.stale.first().map_or(self.stale, |(name, op)| self.stale.without(name, op));
        self.release_stale(stale)
    }

    /// The answer of one release during an undo.
    pub(crate) fn after_undo(self, is_reversed: bool) -> Self {
        let rest = self.rest.minus(NameSet::one(self.current(is_reversed)));
        if rest.is_empty() { self.finish() } else { Self { rest, ..self } }
    }

    /// Continues with the next name of the phase; `None` after the last.
    pub(crate) fn next_name(self, is_reversed: bool) -> Option<Self> {
        let rest = self.rest.minus(NameSet::one(self.current(is_reversed)));
        (!rest.is_empty()).then_some(Self { rest, held: HolderPointer::NONE, tries: 0, ..self })
    }
}

/// What the verification of a claim says.
pub(crate) fn is_own_claim(answer: StepAnswer, mine: HolderPointer) -> bool {
    answer == StepAnswer::Claim(mine)
}
