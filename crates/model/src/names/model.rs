//! The model of the name protocol: all moves of the clients and the adversary.

use crate::explorer::{PropertyViolation, TransitionModel};

use super::client::NameClient;
use super::invariants;
use super::record::{NameRecord, NameStep, NameStore, RecordState, SecretState, StepAnswer};
use super::rules::NameFlaw;
use super::scenario::{COPIES, NameMove, NameScenario, NameState};
use super::steps::run_step;
use super::values::HolderPointer;

type NextStates = Vec<(NameMove, NameState)>;

impl TransitionModel for NameScenario {
    type State = NameState;
    type Move = NameMove;
    type Remains = NameStore;

    fn initial(&self) -> NameState {
        self.initial_state()
    }

    fn successors(&self, state: &NameState, next: &mut NextStates) {
        for index in 0..self.programs.len() {
            if let Some(step) = self.request(index, state.clients[index]) {
                self.client_moves(state, index, step, next);
                if let Some(crashes_left) = state.crashes_left.checked_sub(1) {
                    let mut after = NameState { crashes_left, ..*state };
                    after.clients[index] = NameClient { at: u8::MAX, ..NameClient::default() };
                    next.push((NameMove::Crash(u8::try_from(index).unwrap_or_default()), after));
                }
            }
        }
        for (place, copy) in state.copies.iter().enumerate() {
            let Some(step) = *copy else { continue };
            let mut after = *state;
            let answer = run_step(self.rules, &mut after.store, step);
            after.copies[place] = None;
            after.copies.sort_unstable();
            next.push((NameMove::LateCopy(step, answer), after));
        }
        if self.deadlines_pass {
            self.expiries(state, next);
        }
    }

    fn check_move(&self, before: &NameState, taken: &NameMove, after: &NameState) -> Result<(), PropertyViolation> {
        invariants::check_move(self, before, taken, after)
    }

    fn check_state(&self, state: &NameState) -> Result<(), PropertyViolation> {
        invariants::check_store(self, &state.store)?;
        invariants::check_acknowledged(self, &state.store, &state.acknowledged)?;
        invariants::check_end(self, state)
    }

    fn remains(&self, state: &NameState) -> Option<NameStore> {
        self.recovers.then_some(state.store)
    }

    fn check_recovery(&self, remains: &NameStore) -> Result<(), PropertyViolation> {
        invariants::check_recovery(self, remains)
    }
}

impl NameScenario {
    /// A client's step, with its deadlines passed or not, and with a copy that stays in the network or without.
    fn client_moves(&self, state: &NameState, index: usize, step: NameStep, next: &mut NextStates) {
        let mut seen: Option<(NameStore, StepAnswer)> = None;
        let passed = step.with_deadline_passed().filter(|_| self.deadlines_pass);
        for step in [Some(step), passed].into_iter().flatten() {
            let mut store = state.store;
            let answer = run_step(self.rules, &mut store, step);
            if seen == Some((store, answer)) {
                continue;
            }
            seen = Some((store, answer));
            let after = NameState { store, ..self.after_answer(state, index, answer) };
            let client = u8::try_from(index).unwrap_or_default();
            next.push((NameMove::Step(client, step, answer, false), after));
            if let Some(losses_left) = state.losses_left.checked_sub(1).filter(|_| !step.is_read()) {
                next.push((NameMove::AnswerLost(client, step, answer), NameState { store, losses_left, ..*state }));
            }
            if state.copies_left > 0 && !step.is_read() {
                let mut after = NameState { copies_left: state.copies_left - 1, ..after };
                if let Some(free) = after.copies.iter().position(Option::is_none) {
                    after.copies[free] = Some(step);
                }
                after.copies.sort_unstable();
                next.push((NameMove::Step(client, step, answer, true), after));
            }
        }
    }

    /// What time does: pending records expire, and with them tombstones of imports, secrets, waiting sign-ups.
    fn expiries(&self, state: &NameState, next: &mut NextStates) {
        for user in self.users.iter().copied() {
            let record = state.store.record(user);
            if self.may_expire(state, user, record) {
                let mut after = *state;
                after.store.users[usize::from(user)] = NameRecord::default();
                next.push((NameMove::Expiry(user), after));
            }
            if record.is_active() && record.secret == SecretState::Usable {
                let mut after = *state;
                after.store.users[usize::from(user)].secret = SecretState::Absent;
                next.push((NameMove::SecretExpiry(user), after));
            }
        }
        for name in 0..self.names {
            if state.store.waiting[usize::from(name)] != 0 {
                let mut after = *state;
                after.store.waiting[usize::from(name)] = 0;
                next.push((NameMove::WaitingExpiry(name), after));
            }
            let holder = state.store.claim(name);
            let is_kept = holder.is_none() || {
                let bit = 1 << holder.user();
                (state.acknowledged.created & bit) != 0
                    || !state.acknowledged.changed[usize::from(holder.user())].is_empty()
            };
            if self.rules.lacks(NameFlaw::ClaimExpires) && !is_kept {
                let mut after = *state;
                after.store.claims[usize::from(name)] = HolderPointer::NONE;
                next.push((NameMove::ClaimExpiry(name), after));
            }
        }
    }

    /// Whether a record may expire now. One with a random id is created by one message only, so it may as soon as no
    /// copy of that can arrive any more (its not-after time is far shorter). One with a given id may at any time.
    fn may_expire(&self, state: &NameState, user: u8, record: NameRecord) -> bool {
        match record.state {
            RecordState::Pending | RecordState::Aborted if record.digest != 0 => true,
            RecordState::Pending => {
                let creates = |step: NameStep| matches!(step, NameStep::SignUpIntend { user: of, .. } if of == user);
                let in_network = state.copies.iter().take(COPIES).flatten().any(|step| creates(*step));
                let sent = (0..self.programs.len())
                    .any(|index| self.request(index, state.clients[index]).is_some_and(creates));
                !in_network && !sent
            }
            RecordState::Aborted | RecordState::Deleted => self.rules.lacks(NameFlaw::TombstoneExpires),
            _ => false,
        }
    }
}
