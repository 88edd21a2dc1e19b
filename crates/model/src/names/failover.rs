//! The name protocol with replication: a shard can fall back to its last replicated value. What a client waits for
//! before it goes on decides what can be lost.

use crate::explorer::{PropertyViolation, TransitionModel, violated};
use crate::replication::{AcknowledgeMode, waits};

use super::client::{NameClient, NameTask};
use super::invariants::{self, ACKNOWLEDGED_STAYS, CLAIM_OF_OWNER, COMMITTED_STAYS, DELETED_STAYS, ONE_OWNER};
use super::record::{NameStep, NameStore, StepAnswer};
use super::scenario::{AcknowledgedSet, CLIENTS, NameScenario, NameState};
use super::steps::run_step;
use super::values::{NAMES, USERS};

/// What a failover has broken is still broken after a run of the doctor.
pub(crate) const NOT_REPAIRED: &str = "F1 the doctor repairs a failover";

/// How many shards a store has.
const SHARDS: usize = USERS + NAMES;

/// A scenario with replication.
#[derive(Debug, Clone)]
pub(crate) struct NameFailover {
    pub(crate) scenario: NameScenario,
    pub(crate) mode: AcknowledgeMode,
    /// How many failovers happen at most.
    pub(crate) failovers: u8,
}

/// The store on the primaries and on the replicas, the clients, and which answers wait for a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FailoverState {
    primary: NameStore,
    replica: NameStore,
    clients: [NameClient; CLIENTS],
    waiting: [Option<(u8, StepAnswer)>; CLIENTS],
    failovers_left: u8,
    acknowledged: AcknowledgedSet,
}

/// One move.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FailoverMove {
    /// A client's step; the last member: its answer waits for the replica.
    #[expect(dead_code, reason = "the members are printed in traces")]
    Step(u8, NameStep, StepAnswer, bool),
    /// The replica of a shard has caught up.
    #[expect(dead_code, reason = "the members are printed in traces")]
    Replicated(usize),
    /// The primary of a shard is lost, its replica takes over; requests that wait for it fail and are sent again.
    #[expect(dead_code, reason = "the members are printed in traces")]
    Failover(usize),
}

impl TransitionModel for NameFailover {
    type State = FailoverState;
    type Move = FailoverMove;
    type Remains = NameStore;

    fn initial(&self) -> FailoverState {
        let first = self.scenario.initial_state();
        FailoverState {
            primary: first.store,
            replica: first.store,
            clients: first.clients,
            waiting: [None; CLIENTS],
            failovers_left: self.failovers,
            acknowledged: first.acknowledged,
        }
    }

    fn successors(&self, state: &FailoverState, next: &mut Vec<(FailoverMove, FailoverState)>) {
        for index in 0..self.scenario.programs.len() {
            if state.waiting[index].is_none()
                && let Some(step) = self.scenario.request(index, state.clients[index])
            {
                for step in [Some(step), step.with_deadline_passed()].into_iter().flatten() {
                    next.push(self.client_step(state, index, step));
                }
            }
        }
        for shard in 0..SHARDS {
            if !state.primary.shard_differs(&state.replica, shard) {
                continue;
            }
            let mut caught_up = *state;
            caught_up.replica = state.replica.with_shard_of(&state.primary, shard);
            let mut lost = *state;
            lost.primary = state.primary.with_shard_of(&state.replica, shard);
            for index in 0..CLIENTS {
                if let Some((_, answer)) = state.waiting[index].filter(|(of, _)| usize::from(*of) == shard) {
                    caught_up = self.answered(&caught_up, index, answer);
                    lost.waiting[index] = None;
                }
            }
            next.push((FailoverMove::Replicated(shard), caught_up));
            if let Some(left) = state.failovers_left.checked_sub(1) {
                next.push((FailoverMove::Failover(shard), FailoverState { failovers_left: left, ..lost }));
            }
        }
    }

    /// A change that is acknowledged now has happened, unless a later operation came.
    fn check_move(
        &self,
        before: &FailoverState,
        _: &FailoverMove,
        after: &FailoverState,
    ) -> Result<(), PropertyViolation> {
        for (index, client) in before.clients.iter().enumerate() {
            let Some(NameTask::Change { user, .. }) = self.scenario.task(index, *client) else { continue };
            let changed = |state: &FailoverState| state.acknowledged.changed[usize::from(user)];
            let (added, record) = (changed(after).minus(changed(before)), after.primary.record(user));
            let is_there = |name| record.ops.get(name) == client.op;
            let is_undone = record.is_active() && record.ver == client.op && !added.iter().all(is_there);
            if *client != after.clients[index] && is_undone {
                return violated(ACKNOWLEDGED_STAYS, format!("a change of user {user} is acknowledged: {record:?}"));
            }
        }
        Ok(())
    }

    fn check_state(&self, state: &FailoverState) -> Result<(), PropertyViolation> {
        let check = |store: &NameStore, acknowledged: &AcknowledgedSet| {
            invariants::check_store(&self.scenario, store)?;
            invariants::check_acknowledged(&self.scenario, store, acknowledged)
        };
        let Err(violation) = check(&state.primary, &state.acknowledged) else { return Ok(()) };
        if !self.is_tolerated(&violation) || self.mode == AcknowledgeMode::Primary {
            return Err(violation);
        }
        // All clients have gone; what does one run of the doctor leave?
        let mut repaired = state.primary;
        invariants::run_alone(&self.scenario, &mut repaired, NameTask::Doctor)?;
        let acknowledged = AcknowledgedSet { lost_claim: 0, lost_user: 0, ..state.acknowledged };
        check(&repaired, &acknowledged).or_else(|left| violated(NOT_REPAIRED, format!("{left:?}")))?;
        Err(violation)
    }

    fn remains(&self, _: &FailoverState) -> Option<NameStore> {
        None
    }

    fn check_recovery(&self, _: &NameStore) -> Result<(), PropertyViolation> {
        Ok(())
    }

    /// Without waiting everything can be lost, but a secret and its effect only together. Waiting after each write
    /// loses nothing acknowledged, but what was read and not yet replicated can still mislead; the doctor repairs that.
    /// Waiting for what was read as well loses nothing.
    fn is_tolerated(&self, violation: &PropertyViolation) -> bool {
        let passing = [ONE_OWNER, CLAIM_OF_OWNER, COMMITTED_STAYS].contains(&violation.property);
        match self.mode {
            AcknowledgeMode::Primary => passing || [ACKNOWLEDGED_STAYS, DELETED_STAYS].contains(&violation.property),
            AcknowledgeMode::Writes => passing,
            AcknowledgeMode::WritesAndReads => false,
        }
    }
}

impl NameFailover {
    fn client_step(&self, state: &FailoverState, index: usize, step: NameStep) -> (FailoverMove, FailoverState) {
        let (mut after, shard) = (*state, step.shard_index());
        let answer = run_step(self.scenario.rules, &mut after.primary, step);
        let wrote = after.primary.shard_differs(&state.primary, shard);
        let is_ahead = after.primary.shard_differs(&after.replica, shard);
        let is_waiting = waits(self.mode, wrote, is_ahead);
        if is_waiting {
            after.waiting[index] = Some((u8::try_from(shard).unwrap_or_default(), answer));
        } else {
            after = self.answered(&after, index, answer);
        }
        let client = u8::try_from(index).unwrap_or_default();
        (FailoverMove::Step(client, step, answer, is_waiting), after)
    }

    /// The client gets the answer.
    fn answered(&self, state: &FailoverState, index: usize, answer: StepAnswer) -> FailoverState {
        let plain = NameState {
            store: state.primary,
            clients: state.clients,
            copies: [None; super::scenario::COPIES],
            copies_left: 0,
            losses_left: 0,
            crashes_left: 0,
            acknowledged: state.acknowledged,
        };
        let NameState { clients, acknowledged, .. } = self.scenario.after_answer(&plain, index, answer);
        let mut waiting = state.waiting;
        waiting[index] = None;
        FailoverState { clients, waiting, acknowledged, ..*state }
    }
}
