//! The clients of a shard: writers, readers of the feed, workers of jobs. One step at a time.

use super::store::{EventEntry, ShardAnswer, ShardFlaw, ShardStep, UserEdit};

/// How often a writer starts again after another one was first.
const UPDATE_ATTEMPTS_MAX: u8 = 2;

/// What a client does, from its first step to its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShardTask {
    /// Changes a user. The request's number is also its nonce.
    Update { user: u8, request: u8, edit: UserEdit },
    /// Takes a request before a user is known.
    Ask { request: u8, job: u8 },
    /// Leases the position, and reads to the end of the stream; `fails`: the first delivery does not succeed.
    Read { fails: bool },
    /// Leases a job and does it; `fails`: it can not be done this time.
    Work { job: u8, fails: bool },
}

/// Where a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum WorkPhase {
    #[default]
    Start,
    Update,
    LateEffect,
    LateEvent,
    ReadNext,
    Deliver,
    Advance,
    DeliverGap,
    AdvanceGap,
    SetAside,
    DeliverAside,
    ForgetAside,
    DoJob,
    Finish,
    Postpone,
}

/// A client between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct ShardClient {
    /// The task.
    pub(crate) at: u8,
    pub(crate) phase: WorkPhase,
    /// The version that was read.
    pub(crate) rev: u8,
    /// How often the task began.
    pub(crate) attempt: u8,
    /// Whether an answer was lost: an earlier copy of the message may have been done.
    pub(crate) is_uncertain: bool,
    pub(crate) fence: u8,
    /// The position, and where it goes next.
    pub(crate) position: u8,
    pub(crate) to: u8,
    pub(crate) entry: EventEntry,
    pub(crate) posting: u8,
}

/// What a client answers to its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShardReport {
    /// The request is done.
    Acknowledged { request: u8 },
    /// Nothing has happened, and nothing will.
    Refused { request: u8 },
    /// The job is finished.
    Finished { posting: u8 },
}

/// A client after a step, and what it reported.
type NextShardClient = (ShardClient, Option<ShardReport>);

impl ShardClient {
    fn finish(self) -> Self {
        Self { at: self.at + 1, ..Self::default() }
    }

    /// The next message or act.
    pub(crate) fn request(self, task: ShardTask) -> ShardStep {
        let Self { fence, position: from, to, entry, posting, rev, .. } = self;
        match (task, self.phase) {
            (ShardTask::Update { user, request, .. }, WorkPhase::LateEffect) => ShardStep::LateEffect { user, request },
            (ShardTask::Update { user, .. }, WorkPhase::LateEvent) => ShardStep::LateEvent { user },
            (ShardTask::Update { user, request, edit }, WorkPhase::Update) => {
                ShardStep::UpdateUser { user, rev, nonce: request << 1 | (self.attempt & 1), request, edit }
            }
            (ShardTask::Update { user, .. }, _) => ShardStep::ReadUser { user },
            (ShardTask::Ask { request, job }, _) => ShardStep::AskFirst { request, job },
            (ShardTask::Read { .. }, WorkPhase::ReadNext) => ShardStep::ReadAfter { position: from },
            (ShardTask::Read { .. }, WorkPhase::Deliver | WorkPhase::DeliverAside) => ShardStep::DeliverEvent { entry },
            (ShardTask::Read { .. }, WorkPhase::Advance) => ShardStep::AdvanceOver { fence, from, to, entry },
            (ShardTask::Read { .. }, WorkPhase::DeliverGap) => ShardStep::DeliverGap { from, to },
            (ShardTask::Read { .. }, WorkPhase::AdvanceGap) => ShardStep::AdvanceGap { fence, from, to },
            (ShardTask::Read { .. }, WorkPhase::SetAside) => ShardStep::SetAside { fence, from, to, entry },
            (ShardTask::Read { .. }, WorkPhase::ForgetAside) => ShardStep::ForgetAside { fence, entry },
            (ShardTask::Read { .. }, _) => ShardStep::LeaseReader,
            (ShardTask::Work { .. }, WorkPhase::DoJob) => ShardStep::DoJob { posting },
            (ShardTask::Work { job, .. }, WorkPhase::Finish) => ShardStep::FinishJob { job, fence },
            (ShardTask::Work { job, .. }, WorkPhase::Postpone) => ShardStep::PostponeJob { job, fence },
            (ShardTask::Work { job, .. }, _) => ShardStep::LeaseJob { job },
        }
    }

    /// What the client does with the answer.
    pub(crate) fn advance(self, task: ShardTask, flaw: Option<ShardFlaw>, answer: ShardAnswer) -> NextShardClient {
        match task {
            ShardTask::Update { request, edit, .. } => self.after_update(request, edit, flaw, answer),
            ShardTask::Ask { request, .. } => {
                let report = match answer {
                    ShardAnswer::Done => Some(ShardReport::Acknowledged { request }),
                    _ if self.is_uncertain => None,
                    _ => Some(ShardReport::Refused { request }),
                };
                (self.finish(), report)
            }
            ShardTask::Read { fails } => (self.after_read(fails, flaw, answer), None),
            ShardTask::Work { fails, .. } => self.after_work(fails, flaw, answer),
        }
    }

    fn after_update(
        self,
        request: u8,
        edit: UserEdit,
        flaw: Option<ShardFlaw>,
        answer: ShardAnswer,
    ) -> NextShardClient {
        let done = Some(ShardReport::Acknowledged { request });
        // A repeat that is refused proves nothing: an earlier copy may have been done, and others came after it.
        let trusts = matches!(flaw, Some(ShardFlaw::RefusedRepeatTrusted | ShardFlaw::UpdateWithoutNonce));
        let is_unknown = self.is_uncertain && !trusts;
        match (self.phase, answer) {
            (WorkPhase::Start, ShardAnswer::User(user)) if user.is_active => {
                (Self { phase: WorkPhase::Update, rev: user.rev, ..self }, None)
            }
            (WorkPhase::Update, ShardAnswer::Done) if edit.consume && flaw == Some(ShardFlaw::ConsumeThenEffect) => {
                (Self { phase: WorkPhase::LateEffect, ..self }, None)
            }
            (WorkPhase::Update, ShardAnswer::Done) if flaw == Some(ShardFlaw::EventLater) => {
                (Self { phase: WorkPhase::LateEvent, ..self }, None)
            }
            (_, ShardAnswer::Done) => (self.finish(), done),
            _ if is_unknown => (self.finish(), None),
            (_, ShardAnswer::Stale) if self.attempt + 1 < UPDATE_ATTEMPTS_MAX => {
                (Self { at: self.at, attempt: self.attempt + 1, ..Self::default() }, None)
            }
            _ => (self.finish(), Some(ShardReport::Refused { request })),
        }
    }

    fn after_read(self, fails: bool, flaw: Option<ShardFlaw>, answer: ShardAnswer) -> Self {
        let is_early = flaw == Some(ShardFlaw::AdvanceBeforeDelivery);
        let Self { at, fence, attempt, .. } = self;
        let next = Self { phase: WorkPhase::ReadNext, at, fence, attempt, ..Self::default() };
        match (self.phase, answer) {
            (WorkPhase::Start, ShardAnswer::Leased { fence, position }) => Self { fence, position, ..next },
            (WorkPhase::ReadNext, ShardAnswer::Entry { index, entry, follows_aside }) => {
                // The first delivery of a reader that fails; and what must not overtake an event that waits apart.
                let is_set_aside = follows_aside || (fails && attempt == 0);
                let phase = match (is_set_aside, is_early) {
                    (true, _) => WorkPhase::SetAside,
                    (false, true) => WorkPhase::Advance,
                    (false, false) => WorkPhase::Deliver,
                };
                Self { phase, entry, to: index + 1, attempt: u8::from(fails), ..self }
            }
            (WorkPhase::ReadNext, ShardAnswer::Aside { entry }) => {
                Self { phase: WorkPhase::DeliverAside, entry, ..self }
            }
            (WorkPhase::DeliverAside, _) => Self { phase: WorkPhase::ForgetAside, ..self },
            (WorkPhase::ForgetAside, ShardAnswer::Done) => Self { position: self.position, ..next },
            (WorkPhase::ReadNext, ShardAnswer::Gap { to }) => Self { phase: WorkPhase::DeliverGap, to, ..self },
            (WorkPhase::Deliver, _) if is_early => Self { position: self.to, ..next },
            (WorkPhase::Deliver, _) => Self { phase: WorkPhase::Advance, ..self },
            (WorkPhase::Advance, ShardAnswer::Done) if is_early => Self { phase: WorkPhase::Deliver, ..self },
            (WorkPhase::DeliverGap, _) => Self { phase: WorkPhase::AdvanceGap, ..self },
            (WorkPhase::Advance | WorkPhase::AdvanceGap | WorkPhase::SetAside, ShardAnswer::Done) => {
                Self { position: self.to, ..next }
            }
            _ => self.finish(),
        }
    }

    fn after_work(self, fails: bool, flaw: Option<ShardFlaw>, answer: ShardAnswer) -> NextShardClient {
        let is_early = flaw == Some(ShardFlaw::FinishBeforeDone);
        let next = |phase| (Self { phase, ..self }, None);
        match (self.phase, answer) {
            (WorkPhase::Start, ShardAnswer::JobLeased { fence, posting }) => {
                let phase = match (is_early, fails) {
                    (true, _) => WorkPhase::Finish,
                    (false, true) => WorkPhase::Postpone,
                    (false, false) => WorkPhase::DoJob,
                };
                (Self { phase, fence, posting, ..self }, None)
            }
            (WorkPhase::DoJob, _) if !is_early => next(WorkPhase::Finish),
            (WorkPhase::Finish, ShardAnswer::Done) if is_early => next(WorkPhase::DoJob),
            (WorkPhase::Finish, ShardAnswer::Done) => {
                (self.finish(), Some(ShardReport::Finished { posting: self.posting }))
            }
            _ => (self.finish(), None),
        }
    }
}
