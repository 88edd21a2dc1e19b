//! A scenario: who does what on which store, and what the adversary may do. And the state while it runs.

use super::change::{self, ChangePlan};
use super::client::{Acknowledgement, FlowContext, NameClient, NameTask, NextClient};
use super::doctor;
use super::record::{NameRecord, NameStep, NameStore, StepAnswer};
use super::rules::NameRules;
use super::sign_up::SignUpPlan;
use super::values::{HolderPointer, NameSet, USERS};

/// How many clients a scenario has at most.
pub(crate) const CLIENTS: usize = 4;
/// How many late duplicates a scenario has at most.
pub(crate) const COPIES: usize = 2;

/// The clients' programs, the store they begin with, and the adversary's means.
#[derive(Debug, Clone)]
pub(crate) struct NameScenario {
    pub(crate) title: &'static str,
    pub(crate) rules: NameRules,
    /// The users, without the fresh one.
    pub(crate) users: Vec<u8>,
    /// How many names there are.
    pub(crate) names: u8,
    pub(crate) programs: Vec<Vec<NameTask>>,
    pub(crate) store: NameStore,
    /// Late duplicates.
    pub(crate) copies: u8,
    /// Answers that are lost: the client sends the message again.
    pub(crate) losses: u8,
    /// Clients that end in the middle of their program. A crash at the same place is in every scenario, as a client
    /// that does not go on; this is for what must hold once all requests have ended.
    pub(crate) crashes: u8,
    /// Whether deadlines may be taken as passed. Without that, at least one client must succeed in the end.
    pub(crate) deadlines_pass: bool,
    /// Whether recovery is checked.
    pub(crate) recovers: bool,
    /// Whether every request that ends must leave no claim behind that no record accounts for.
    pub(crate) ends_clean: bool,
    /// Ids of which at most one may ever be a user, one bit each: one sign-up was confirmed.
    pub(crate) one_user_of: u8,
}

/// What was acknowledged so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct AcknowledgedSet {
    /// Users, one bit each.
    pub(crate) created: u8,
    pub(crate) deleted: u8,
    pub(crate) lost_claim: u8,
    pub(crate) lost_user: u8,
    /// The effect of the user's secret.
    pub(crate) consumed: u8,
    pub(crate) changed: [NameSet; USERS],
}

impl AcknowledgedSet {
    fn add(&mut self, acknowledgement: Acknowledgement) {
        match acknowledgement {
            Acknowledgement::Created { user } => self.created |= 1 << user,
            Acknowledgement::Changed { user, names, consumed, .. } => {
                let changed = &mut self.changed[usize::from(user)];
                *changed = changed.union(names);
                self.consumed |= u8::from(consumed) << user;
            }
            Acknowledgement::Deleted { user } => self.deleted |= 1 << user,
            Acknowledgement::LostClaim { user } => self.lost_claim |= 1 << user,
            Acknowledgement::LostUser { user } => self.lost_user |= 1 << user,
        }
    }
}

/// The store, the clients, the copies that are still in the network, what was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NameState {
    pub(crate) store: NameStore,
    pub(crate) clients: [NameClient; CLIENTS],
    pub(crate) copies: [Option<NameStep>; COPIES],
    pub(crate) copies_left: u8,
    pub(crate) losses_left: u8,
    pub(crate) crashes_left: u8,
    pub(crate) acknowledged: AcknowledgedSet,
}

/// One move of a client, of the network, or of time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameMove {
    /// A client's step, and its answer; the last member: a copy stays in the network.
    Step(u8, NameStep, StepAnswer, bool),
    /// A client's step; its answer is lost, and the client sends the message again.
    AnswerLost(u8, NameStep, StepAnswer),
    /// A client crashes.
    Crash(u8),
    /// A late copy arrives; its answer is ignored.
    LateCopy(NameStep, StepAnswer),
    /// A record expires.
    Expiry(u8),
    /// A claim expires (a broken variant).
    ClaimExpiry(u8),
    /// A secret expires.
    SecretExpiry(u8),
    /// A sign-up that waits for its confirmation expires.
    WaitingExpiry(u8),
}

impl std::fmt::Debug for NameMove {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Step(client, step, answer, stays) => {
                let copy = if *stays { " (a copy stays in the network)" } else { "" };
                write!(out, "client {client}: {step:?} -> {answer:?}{copy}")
            }
            Self::AnswerLost(client, step, answer) => write!(out, "client {client}: {step:?} -> {answer:?} (lost)"),
            Self::Crash(client) => write!(out, "client {client} crashes"),
            Self::LateCopy(step, answer) => write!(out, "late copy: {step:?} -> {answer:?}"),
            Self::Expiry(user) => write!(out, "the record of user {user} expires"),
            Self::ClaimExpiry(name) => write!(out, "the claim on {} expires", super::values::letter(*name)),
            Self::SecretExpiry(user) => write!(out, "the secret of user {user} expires"),
            Self::WaitingExpiry(name) => {
                write!(out, "the sign-ups waiting at {} expire", super::values::letter(*name))
            }
        }
    }
}

impl NameScenario {
    /// A scenario over `names` names (letters from `a`) with these programs.
    pub(crate) fn new(title: &'static str, users: u8, names: u8, programs: Vec<Vec<NameTask>>) -> Self {
        Self {
            title,
            rules: NameRules::default(),
            users: (0..users).collect(),
            names,
            programs,
            store: NameStore::default(),
            copies: 0,
            losses: 0,
            crashes: 0,
            deadlines_pass: true,
            recovers: true,
            ends_clean: false,
            one_user_of: 0,
        }
    }

    /// Begins with an active user who has these names.
    pub(crate) fn with_user(mut self, user: u8, names: &str) -> Self {
        let names = NameSet::parse(names);
        self.store.users[usize::from(user)] = NameRecord::active(names);
        for name in names.iter() {
            self.store.claims[usize::from(name)] = HolderPointer::new(user, 1);
        }
        self
    }

    /// With late duplicates.
    pub(crate) fn with_copies(mut self, copies: u8) -> Self {
        self.copies = copies;
        self
    }

    /// With lost answers.
    pub(crate) fn with_losses(mut self, losses: u8) -> Self {
        self.losses = losses;
        self
    }

    pub(crate) fn context(&self) -> FlowContext<'_> {
        FlowContext { rules: self.rules, users: &self.users, names: self.names }
    }

    pub(crate) fn initial_state(&self) -> NameState {
        let mut acknowledged = AcknowledgedSet::default();
        for user in &self.users {
            acknowledged.created |= u8::from(self.store.record(*user).is_active()) << user;
        }
        NameState {
            store: self.store,
            clients: [NameClient::default(); CLIENTS],
            copies: [None; COPIES],
            copies_left: self.copies,
            losses_left: self.losses,
            crashes_left: self.crashes,
            acknowledged,
        }
    }

    /// The task that a client is at.
    pub(crate) fn task(&self, index: usize, client: NameClient) -> Option<NameTask> {
        self.programs.get(index)?.get(usize::from(client.at)).copied()
    }

    /// The next message of a client; `None` when it has finished.
    pub(crate) fn request(&self, index: usize, client: NameClient) -> Option<NameStep> {
        task_request(self.context(), self.task(index, client)?, client)
    }

    /// The state after a client got this answer.
    pub(crate) fn after_answer(&self, state: &NameState, index: usize, answer: StepAnswer) -> NameState {
        let mut after = *state;
        let client = state.clients[index];
        if let Some(task) = self.task(index, client) {
            let (next, acknowledgement) = task_advance(self.context(), task, client, answer);
            after.clients[index] = next;
            if let Some(acknowledgement) = acknowledgement {
                after.acknowledged.add(acknowledgement);
            }
        }
        after
    }
}

/// The plan of a sign-up, an import or a confirmation.
fn sign_up_plan(task: NameTask) -> Option<SignUpPlan> {
    let plan = |user, names, is_reversed, digest| SignUpPlan { user, names, is_reversed, digest, waits_at: None };
    match task {
        NameTask::SignUp { user, names, is_reversed } => Some(plan(user, names, is_reversed, 0)),
        NameTask::Import { user, names, digest } => Some(plan(user, names, false, digest)),
        NameTask::Confirm { user, name, creates } => Some(SignUpPlan::confirmation(creates, name, user)),
        _ => None,
    }
}

/// The next message of a task.
pub(crate) fn task_request(context: FlowContext<'_>, task: NameTask, client: NameClient) -> Option<NameStep> {
    if let Some(plan) = sign_up_plan(task) {
        return plan.request(client);
    }
    match task {
        NameTask::Change { user, add, drop, nonce, consume, is_reversed } => {
            ChangePlan { user, add, drop, nonce, consume, is_reversed }.request(client)
        }
        NameTask::Edit { user, drop } => change::edit_request(context, client, user, drop),
        NameTask::Delete { user, compares } => change::delete_request(client, user, compares),
        _ => Some(doctor::request(context, client)),
    }
}

/// What a task makes of an answer.
pub(crate) fn task_advance(
    context: FlowContext<'_>,
    task: NameTask,
    client: NameClient,
    answer: StepAnswer,
) -> NextClient {
    if let Some(plan) = sign_up_plan(task) {
        return plan.advance(context, client, answer);
    }
    match task {
        NameTask::Change { user, add, drop, nonce, consume, is_reversed } => {
            ChangePlan { user, add, drop, nonce, consume, is_reversed }.advance(context, client, answer)
        }
        NameTask::Edit { drop, .. } => (change::edit_advance(context, client, drop, answer), None),
        NameTask::Delete { user, .. } => change::delete_advance(client, user, answer),
        _ => (doctor::advance(context, client, answer), None),
    }
}
