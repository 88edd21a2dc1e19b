//! Change of names (read, intend, claim each new name, commit, verify, release what was replaced), edit, deletion.

use super::client::{Acknowledgement, FlowContext, NameClient, NextClient, TaskPhase, is_own_claim};
use super::record::{NameRecord, NameStep, RecordState, SecretState, StepAnswer};
use super::rules::NameFlaw;
use super::sign_up::undone;
use super::values::{HolderPointer, NameSet, StaleClaimSet};

/// A change: one intent for all names that it adds, so that it happens completely or not at all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChangePlan {
    pub(crate) user: u8,
    /// The names to have afterwards.
    pub(crate) add: NameSet,
    /// The names not to have afterwards; the record need not have all of them.
    pub(crate) drop: NameSet,
    /// Tells requests apart where the fencing token does not (a broken variant).
    pub(crate) nonce: u8,
    /// Whether it needs the user's one-time secret.
    pub(crate) consume: bool,
    pub(crate) is_reversed: bool,
}

impl ChangePlan {
    /// The next message.
    pub(crate) fn request(self, client: NameClient) -> Option<NameStep> {
        let Self { user, add, drop, nonce, consume, .. } = self;
        Some(match client.phase {
            TaskPhase::Start => NameStep::ReadRecord { user },
            TaskPhase::Intend => NameStep::ChangeIntend { user, ver: client.op, add, drop, nonce, consume },
            TaskPhase::Commit => NameStep::ChangeCommit { user, op: client.op, consume },
            TaskPhase::Abort => NameStep::ChangeAbort { user, op: client.op },
            _ => return client.shared_request(user, self.is_reversed),
        })
    }

    /// What the client does with the answer.
    pub(crate) fn advance(self, context: FlowContext<'_>, client: NameClient, answer: StepAnswer) -> NextClient {
        let plain = |client: NameClient| (client, None);
        match client.phase {
            TaskPhase::Start => plain(self.after_read(client, answer)),
            TaskPhase::Intend => plain(match answer {
                StepAnswer::Intended(op) => NameClient { op, ..client }.begin(TaskPhase::Claim, client.names),
                _ => client.finish(),
            }),
            TaskPhase::Claim => plain(self.after_claim(context, client, answer)),
            TaskPhase::Resolve if answer == StepAnswer::Dead => plain(NameClient { phase: TaskPhase::Claim, ..client }),
            TaskPhase::Resolve => plain(self.give_up(context, client)),
            TaskPhase::Commit => match answer {
                StepAnswer::DoneWithStale(stale) => verify_all(client, stale),
                _ => plain(client.begin(TaskPhase::Undo, undone(context, client.names))),
            },
            TaskPhase::Abort if answer == StepAnswer::Committed => verify_all(client, StaleClaimSet::default()),
            TaskPhase::Abort => plain(NameClient { phase: TaskPhase::Undo, ..client }),
            TaskPhase::Undo => plain(client.after_undo(self.is_reversed)),
            TaskPhase::Verify | TaskPhase::Recheck | TaskPhase::Reclaim => self.verify(client, answer),
            TaskPhase::Release | TaskPhase::ClearStale => plain(client.after_release()),
            _ => plain(client.finish()),
        }
    }

    fn after_read(self, client: NameClient, answer: StepAnswer) -> NameClient {
        let StepAnswer::Record(record) = answer else { return client.finish() };
        let held = record.active_names();
        let names = self.add.minus(held);
        // What only removes names needs no claim: it is an edit.
        if !record.is_active() || names.is_empty() || (self.consume && record.secret != SecretState::Usable) {
            return client.finish();
        }
        NameClient { phase: TaskPhase::Intend, op: record.ver, names, ..client }
    }

    fn after_claim(self, context: FlowContext<'_>, client: NameClient, answer: StepAnswer) -> NameClient {
        let StepAnswer::Claim(held) = answer else {
            let stops = context.rules.lacks(NameFlaw::CommitAfterFirstClaim);
            let next = client.next_name(self.is_reversed).filter(|_| !stops);
            return next.unwrap_or(client.begin(TaskPhase::Commit, NameSet::EMPTY));
        };
        client.after_refusal(held).unwrap_or_else(|()| self.give_up(context, client))
    }

    fn give_up(self, context: FlowContext<'_>, client: NameClient) -> NameClient {
        let tried = client.names_tried(self.is_reversed);
        client.begin(TaskPhase::Abort, undone(context, tried))
    }

    fn acknowledge(self, client: NameClient, stale: StaleClaimSet) -> NextClient {
        let (user, names, op, consumed) = (self.user, client.names, client.op, self.consume);
        (client.release_stale(stale), Some(Acknowledgement::Changed { user, names, op, consumed }))
    }

    fn verify(self, client: NameClient, answer: StepAnswer) -> NextClient {
        let (name, mine) = (client.current(self.is_reversed), client.own_pointer(self.user));
        match client.phase {
            TaskPhase::Verify if is_own_claim(answer, mine) => match client.next_name(self.is_reversed) {
                Some(next) => (next, None),
                None => self.acknowledge(client, client.stale),
            },
            TaskPhase::Verify => {
                (NameClient { phase: TaskPhase::Recheck, stale: StaleClaimSet::default(), ..client }, None)
            }
            TaskPhase::Recheck => {
                let StepAnswer::Record(record) = answer else { return (client.finish(), None) };
                if record.is_active() && record.ops.get(name) == client.op {
                    return (NameClient { phase: TaskPhase::Reclaim, ..client }, None);
                }
                // A later operation of this user may have moved on: then the change did happen.
                if has_moved_on(record, client.op) {
                    return self.acknowledge(client, StaleClaimSet::default());
                }
                client.answer(Acknowledgement::LostUser { user: self.user })
            }
            _ if answer == StepAnswer::Done => match client.next_name(self.is_reversed) {
                Some(next) => (NameClient { phase: TaskPhase::Verify, ..next }, None),
                None => self.acknowledge(client, StaleClaimSet::default()),
            },
            _ => client.answer(Acknowledgement::LostClaim { user: self.user }),
        }
    }
}

/// Whether a later operation came after the one with this id.
fn has_moved_on(record: NameRecord, op: u8) -> bool {
    matches!(record.state, RecordState::Active | RecordState::Deleted) && record.ver >= op
}

/// Begins to verify the claims after the commit.
fn verify_all(client: NameClient, stale: StaleClaimSet) -> NextClient {
    (NameClient { stale, ..client.begin(TaskPhase::Verify, client.names) }, None)
}

/// The next message of an edit that removes names.
pub(crate) fn edit_request(context: FlowContext<'_>, client: NameClient, user: u8, drop: NameSet) -> Option<NameStep> {
    Some(match client.phase {
        TaskPhase::Start => NameStep::ReadRecord { user },
        TaskPhase::Intend => NameStep::EditNames { user, ver: client.op, drop },
        TaskPhase::ReleaseFirst => {
            let name = client.current(false);
            NameStep::ReleaseClaim { name, pointer: HolderPointer::new(user, client.ops.get(name)) }
        }
        _ => return client.shared_request(user, false).filter(|_| context.names > 0),
    })
}

/// What the client of an edit does with the answer.
pub(crate) fn edit_advance(
    context: FlowContext<'_>,
    client: NameClient,
    drop: NameSet,
    answer: StepAnswer,
) -> NameClient {
    match (client.phase, answer) {
        (TaskPhase::Start, StepAnswer::Record(record)) if record.is_active() => {
            let held = drop.intersection(record.ops.names());
            let client = NameClient { op: record.ver, ..client };
            if context.rules.lacks(NameFlaw::DetachReleasesFirst) && !held.is_empty() {
                return NameClient { ops: record.ops, ..client.begin(TaskPhase::ReleaseFirst, held) };
            }
            NameClient { phase: TaskPhase::Intend, ..client }
        }
        (TaskPhase::ReleaseFirst, _) => {
            client.next_name(false).unwrap_or(NameClient { phase: TaskPhase::Intend, ..client })
        }
        (TaskPhase::Intend, StepAnswer::DoneWithStale(stale)) => client.release_stale(stale),
        (TaskPhase::Release | TaskPhase::ClearStale, _) => client.after_release(),
        _ => client.finish(),
    }
}

/// The next message of a deletion.
pub(crate) fn delete_request(client: NameClient, user: u8, compares: bool) -> Option<NameStep> {
    match client.phase {
        TaskPhase::Start if compares => Some(NameStep::ReadRecord { user }),
        TaskPhase::Start => Some(NameStep::RemoveUser { user, ver: None }),
        TaskPhase::Intend => Some(NameStep::RemoveUser { user, ver: Some(client.op) }),
        _ => client.shared_request(user, false),
    }
}

/// What the client of a deletion does with the answer.
pub(crate) fn delete_advance(client: NameClient, user: u8, answer: StepAnswer) -> NextClient {
    match (client.phase, answer) {
        (TaskPhase::Start, StepAnswer::Record(record)) if record.is_active() => {
            (NameClient { phase: TaskPhase::Intend, op: record.ver, ..client }, None)
        }
        (TaskPhase::Start | TaskPhase::Intend, StepAnswer::DoneWithStale(stale)) => {
            (client.release_stale(stale), Some(Acknowledgement::Deleted { user }))
        }
        (TaskPhase::Start | TaskPhase::Intend, _) => (client.finish(), None),
        _ => (client.after_release(), None),
    }
}
