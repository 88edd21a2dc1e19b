//! The model of one shard: all moves of the clients, the network, time, and the replica.

use crate::explorer::{PropertyViolation, TransitionModel};
use crate::replication::waits;

use super::clients::{ShardClient, ShardReport, ShardTask};
use super::invariants;
use super::scenario::{AdversaryBudget, CLIENTS, COPIES, ShardMove, ShardRemains, ShardScenario, ShardState, StepFate};
use super::steps::run_step;
use super::store::{OneTimeSecret, ShardAnswer, ShardHistory, ShardStep, USERS};

type NextStates = Vec<(ShardMove, ShardState)>;

impl TransitionModel for ShardScenario {
    type State = ShardState;
    type Move = ShardMove;
    type Remains = ShardRemains;

    fn initial(&self) -> ShardState {
        ShardState {
            store: self.store,
            replica: self.store,
            history: ShardHistory::default(),
            clients: [ShardClient::default(); CLIENTS],
            waiting: [None; CLIENTS],
            copies: [None; COPIES],
            budget: self.budget,
            acknowledged: 0,
            refused: 0,
        }
    }

    fn successors(&self, state: &ShardState, next: &mut NextStates) {
        let from = next.len();
        for index in 0..self.programs.len() {
            if state.waiting[index].is_none()
                && let Some(task) = self.task(index, state.clients[index])
            {
                self.client_moves(state, index, state.clients[index].request(task), next);
            }
        }
        for (place, copy) in state.copies.iter().enumerate() {
            let Some(step) = *copy else { continue };
            let mut after = *state;
            let answer = run_step(self.rules, &mut after.store, &mut after.history, step);
            after.copies[place] = None;
            after.copies.sort_unstable();
            next.push((ShardMove::LateCopy(step, answer), after));
        }
        expiries(state, next);
        self.replica_moves(state, next);
        if self.mode.is_none() {
            for (_, after) in &mut next[from..] {
                after.replica = after.store;
            }
        }
    }

    fn check_move(&self, before: &ShardState, taken: &ShardMove, after: &ShardState) -> Result<(), PropertyViolation> {
        invariants::check_move(before, taken, after)
    }

    fn check_state(&self, state: &ShardState) -> Result<(), PropertyViolation> {
        invariants::check_state(self.rules, state)
    }

    fn remains(&self, state: &ShardState) -> Option<ShardRemains> {
        Some(ShardRemains { store: state.store, history: state.history })
    }

    fn check_recovery(&self, remains: &ShardRemains) -> Result<(), PropertyViolation> {
        invariants::check_recovery(self.rules, remains)
    }

    fn is_tolerated(&self, violation: &PropertyViolation) -> bool {
        self.tolerated.contains(&violation.property)
    }
}

impl ShardScenario {
    /// The task that a client is at.
    fn task(&self, index: usize, client: ShardClient) -> Option<ShardTask> {
        self.programs.get(index)?.get(usize::from(client.at)).copied()
    }

    fn client_moves(&self, state: &ShardState, index: usize, step: ShardStep, next: &mut NextStates) {
        let mut done = *state;
        let answer = run_step(self.rules, &mut done.store, &mut done.history, step);
        let client = u8::try_from(index).unwrap_or_default();
        let is_ahead = done.store != done.replica;
        let is_waiting =
            !step.is_outside() && self.mode.is_some_and(|mode| waits(mode, done.store != state.store, is_ahead));
        if is_waiting {
            let mut waiting = done;
            waiting.waiting[index] = Some(answer);
            next.push((ShardMove::Step(client, step, answer, StepFate::WaitsForReplica), waiting));
            return;
        }
        let answered = self.answered(&done, index, answer);
        next.push((ShardMove::Step(client, step, answer, StepFate::Answered), answered));
        if !step.may_repeat() {
            return;
        }
        if let Some(losses) = state.budget.losses.checked_sub(1) {
            let mut lost = ShardState { budget: AdversaryBudget { losses, ..state.budget }, ..done };
            lost.clients[index].is_uncertain = true;
            next.push((ShardMove::Step(client, step, answer, StepFate::AnswerLost), lost));
        }
        if let Some(copies) = state.budget.copies.checked_sub(1) {
            let mut after = ShardState { budget: AdversaryBudget { copies, ..state.budget }, ..answered };
            if let Some(free) = after.copies.iter().position(Option::is_none) {
                after.copies[free] = Some(step);
            }
            after.copies.sort_unstable();
            next.push((ShardMove::Step(client, step, answer, StepFate::CopyStays), after));
        }
    }

    fn answered(&self, state: &ShardState, index: usize, answer: ShardAnswer) -> ShardState {
        let mut after = *state;
        after.waiting[index] = None;
        let client = state.clients[index];
        if let Some(task) = self.task(index, client) {
            let (client, report) = client.advance(task, self.rules.flaw, answer);
            after.clients[index] = client;
            match report {
                Some(ShardReport::Acknowledged { request }) => after.acknowledged |= 1 << request,
                Some(ShardReport::Refused { request }) => after.refused |= 1 << request,
                Some(ShardReport::Finished { posting }) => after.history.finished |= 1 << posting,
                None => {}
            }
        }
        after
    }

    fn replica_moves(&self, state: &ShardState, next: &mut NextStates) {
        if self.mode.is_none() || state.store == state.replica {
            return;
        }
        let (mut caught_up, mut lost) = (*state, *state);
        caught_up.replica = state.store;
        lost.store = state.replica;
        for index in 0..CLIENTS {
            if let Some(answer) = state.waiting[index] {
                caught_up = self.answered(&caught_up, index, answer);
                lost.waiting[index] = None;
                lost.clients[index].is_uncertain = true;
            }
        }
        next.push((ShardMove::Replicated, caught_up));
        if let Some(failovers) = state.budget.failovers.checked_sub(1) {
            lost.budget.failovers = failovers;
            next.push((ShardMove::Failover, lost));
        }
    }
}

/// What time does.
fn expiries(state: &ShardState, next: &mut NextStates) {
    if let Some(trims) = state.budget.trims.checked_sub(1)
        && state.store.trimmed < state.store.appended
    {
        let mut after = ShardState { budget: AdversaryBudget { trims, ..state.budget }, ..*state };
        after.store.trimmed += 1;
        next.push((ShardMove::Trim, after));
    }
    if !state.budget.expires {
        return;
    }
    for user in 0..USERS {
        if state.store.users[user].secret == OneTimeSecret::Usable {
            let mut after = *state;
            after.store.users[user].secret = OneTimeSecret::Expired;
            next.push((ShardMove::SecretExpires(u8::try_from(user).unwrap_or_default()), after));
        }
    }
    // A row outlives every message that could create it again: those are refused after their not-after time.
    let is_asked = |step: &ShardStep| matches!(step, ShardStep::AskFirst { .. });
    let asks = state.copies.iter().flatten().any(is_asked);
    if state.store.asked != 0 && !asks && state.budget.losses == 0 {
        let mut after = *state;
        after.store.asked = 0;
        next.push((ShardMove::RowsExpire, after));
    }
}
