//! Sign-up, import under a given id, confirmation of a sign-up that waited: intend, claim each name, commit, verify.

use super::client::{Acknowledgement, FlowContext, NameClient, NextClient, TaskPhase, is_own_claim};
use super::record::{NameStep, RecordState, StepAnswer};
use super::rules::NameFlaw;
use super::values::NameSet;

/// The digest by which the confirmation of a waiting sign-up recognises its own record.
const WAITING_DIGEST: u8 = 7;

/// What the three tasks differ in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignUpPlan {
    pub(crate) user: u8,
    pub(crate) names: NameSet,
    pub(crate) is_reversed: bool,
    /// Of an import; 0 for a sign-up with a random id.
    pub(crate) digest: u8,
    /// The name whose shard holds the waiting sign-up, and the id under which it waits.
    pub(crate) waits_at: Option<(u8, u8)>,
}

impl SignUpPlan {
    /// The confirmation of a sign-up that waits at `name` under the id `waiting`.
    pub(crate) fn confirmation(user: u8, name: u8, waiting: u8) -> Self {
        let names = NameSet::one(name);
        Self { user, names, is_reversed: false, digest: WAITING_DIGEST, waits_at: Some((name, waiting)) }
    }

    /// The next message.
    pub(crate) fn request(self, client: NameClient) -> Option<NameStep> {
        let Self { user, names, digest, .. } = self;
        Some(match (client.phase, self.waits_at) {
            (TaskPhase::Start, Some((name, user))) => NameStep::ReadWaiting { name, user },
            (TaskPhase::Start | TaskPhase::Intend, _) if digest != 0 => {
                NameStep::ImportIntend { user, names, digest, passed: false }
            }
            (TaskPhase::Start | TaskPhase::Intend, _) => NameStep::SignUpIntend { user, names },
            (TaskPhase::Commit, _) if digest != 0 => NameStep::ImportCommit { user, op: client.op, digest },
            (TaskPhase::Commit, _) => NameStep::SignUpCommit { user, names },
            (TaskPhase::Abort, _) => NameStep::SignUpAbort { user },
            (TaskPhase::Compare, _) => NameStep::ReadRecord { user },
            (TaskPhase::Forget, Some((name, user))) => NameStep::ForgetWaiting { name, user },
            _ => return client.shared_request(user, self.is_reversed),
        })
    }

    /// What the client does with the answer.
    pub(crate) fn advance(self, context: FlowContext<'_>, client: NameClient, answer: StepAnswer) -> NextClient {
        let plain = |client: NameClient| (client, None);
        match client.phase {
            TaskPhase::Start if self.waits_at.is_some() => match answer {
                StepAnswer::Done => plain(NameClient { phase: TaskPhase::Intend, ..client }),
                _ => plain(client.finish()),
            },
            TaskPhase::Start | TaskPhase::Intend => plain(self.after_intent(context, client, answer)),
            TaskPhase::Claim => self.after_claim(context, client, answer),
            TaskPhase::Resolve if answer == StepAnswer::Dead => plain(NameClient { phase: TaskPhase::Claim, ..client }),
            TaskPhase::Resolve => plain(self.give_up(context, client)),
            TaskPhase::Commit => plain(self.after_commit(context, client, answer)),
            TaskPhase::Abort if answer == StepAnswer::Committed && self.digest != 0 => {
                plain(client.begin(TaskPhase::Compare, NameSet::EMPTY))
            }
            TaskPhase::Abort if answer == StepAnswer::Committed => plain(client.begin(TaskPhase::Verify, client.names)),
            TaskPhase::Abort => plain(NameClient { phase: TaskPhase::Undo, ..client }),
            TaskPhase::Undo => plain(client.after_undo(self.is_reversed)),
            TaskPhase::Compare => plain(self.compare(client, answer)),
            TaskPhase::Verify | TaskPhase::Recheck | TaskPhase::Reclaim => self.verify(client, answer),
            _ => plain(client.finish()),
        }
    }

    fn after_intent(self, context: FlowContext<'_>, client: NameClient, answer: StepAnswer) -> NameClient {
        let op = match answer {
            StepAnswer::Done => 1,
            StepAnswer::Intended(op) => op,
            StepAnswer::Committed if self.digest != 0 => return client.begin(TaskPhase::Compare, NameSet::EMPTY),
            StepAnswer::Committed => {
                return NameClient { op: 1, names: self.names, ..client }.begin(TaskPhase::Verify, self.names);
            }
            _ => return client.finish(),
        };
        let client = NameClient { op, names: self.names, ..client };
        if context.rules.lacks(NameFlaw::CommitBeforeClaim) {
            return client.begin(TaskPhase::Commit, self.names);
        }
        client.begin(TaskPhase::Claim, self.names)
    }

    fn after_claim(self, context: FlowContext<'_>, client: NameClient, answer: StepAnswer) -> NextClient {
        let StepAnswer::Claim(held) = answer else {
            if context.rules.lacks(NameFlaw::CommitBeforeClaim) {
                return client.answer(Acknowledgement::Created { user: self.user });
            }
            let stops = context.rules.lacks(NameFlaw::CommitAfterFirstClaim);
            let next = client.next_name(self.is_reversed).filter(|_| !stops);
            return (next.unwrap_or(client.begin(TaskPhase::Commit, NameSet::EMPTY)), None);
        };
        (client.after_refusal(held).unwrap_or_else(|()| self.give_up(context, client)), None)
    }

    /// Aborts: what was claimed is released afterwards.
    fn give_up(self, context: FlowContext<'_>, client: NameClient) -> NameClient {
        let tried = client.names_tried(self.is_reversed);
        client.begin(TaskPhase::Abort, undone(context, tried))
    }

    fn after_commit(self, context: FlowContext<'_>, client: NameClient, answer: StepAnswer) -> NameClient {
        if context.rules.lacks(NameFlaw::CommitBeforeClaim) {
            return client.begin(TaskPhase::Claim, client.rest);
        }
        if context.rules.lacks(NameFlaw::CommitAfterFirstClaim) && answer == StepAnswer::Done {
            return client.begin(TaskPhase::Reclaim, self.names);
        }
        if answer == StepAnswer::Done {
            return client.begin(TaskPhase::Verify, client.names);
        }
        client.begin(TaskPhase::Undo, undone(context, client.names))
    }

    /// An active user has the given id: is it the one that is imported?
    fn compare(self, client: NameClient, answer: StepAnswer) -> NameClient {
        let StepAnswer::Record(record) = answer else { return client.finish() };
        if !record.is_active() || record.digest != self.digest {
            return client.finish();
        }
        let names = record.ops.names().intersection(self.names);
        let op = names.first().map_or(0, |name| record.ops.get(name));
        if op == 0 {
            return client.finish();
        }
        let names = names.iter().filter(|name| record.ops.get(*name) == op).map(NameSet::one);
        let names = names.fold(NameSet::EMPTY, NameSet::union);
        NameClient { op, names, ..client }.begin(TaskPhase::Verify, names)
    }

    /// After the commit: is each claim still there? It can be missing only after a loss of data.
    fn verify(self, client: NameClient, answer: StepAnswer) -> NextClient {
        let (name, mine) = (client.current(self.is_reversed), client.own_pointer(self.user));
        match client.phase {
            TaskPhase::Verify if is_own_claim(answer, mine) => {}
            TaskPhase::Verify => return (NameClient { phase: TaskPhase::Recheck, ..client }, None),
            TaskPhase::Recheck => {
                let StepAnswer::Record(record) = answer else { return (client.finish(), None) };
                if record.is_active() && record.ops.get(name) == client.op {
                    return (NameClient { phase: TaskPhase::Reclaim, ..client }, None);
                }
                if matches!(record.state, RecordState::Absent | RecordState::Pending | RecordState::Aborted) {
                    return client.answer(Acknowledgement::LostUser { user: self.user });
                }
            }
            _ if answer == StepAnswer::Done => {}
            _ => return client.answer(Acknowledgement::LostClaim { user: self.user }),
        }
        let created = Some(Acknowledgement::Created { user: self.user });
        match client.next_name(self.is_reversed) {
            Some(next) => (NameClient { phase: TaskPhase::Verify, ..next }, None),
            None if self.waits_at.is_some() => (client.begin(TaskPhase::Forget, NameSet::EMPTY), created),
            None => (client.finish(), created),
        }
    }
}

/// The names that an undo releases.
pub(crate) fn undone(context: FlowContext<'_>, names: NameSet) -> NameSet {
    match names.first() {
        Some(first) if context.rules.lacks(NameFlaw::AbortFirstOnly) => NameSet::one(first),
        _ => names,
    }
}
