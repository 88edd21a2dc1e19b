//! Breadth-first search over all reachable states of a model: exact (states are compared, not only hashed), with the
//! shortest trace to a violation, a recovery check for every distinct store, and bounds.
//!
//! It knows nothing of users or shards. Why it is not a library: docs/decisions/0026-widened-protocol-model.md.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;
use std::hash::{BuildHasherDefault, Hash};
use std::time::{Duration, Instant};

use crate::word_hasher::{WordHasher, slot_of};

/// A property that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyViolation {
    /// The name of the property.
    pub property: &'static str,
    /// What was found instead.
    pub detail: String,
}

/// Returns a violation of `property`.
pub(crate) fn violated(property: &'static str, detail: impl Into<String>) -> Result<(), PropertyViolation> {
    Err(PropertyViolation { property, detail: detail.into() })
}

/// A system whose states are explored.
pub(crate) trait TransitionModel {
    /// A state: the store, the clients, the network, and what was acknowledged.
    type State: Clone + Eq + Hash;
    /// What leads from one state to the next.
    type Move: Debug;
    /// The part of a state that a crash of all clients leaves.
    type Remains: Eq + Hash;

    /// The first state.
    fn initial(&self) -> Self::State;
    /// Every move that is possible in `state`, with the state it leads to.
    fn successors(&self, state: &Self::State, next: &mut Vec<(Self::Move, Self::State)>);
    /// Checks what must hold between two states; called for every move.
    fn check_move(
        &self,
        before: &Self::State,
        taken: &Self::Move,
        after: &Self::State,
    ) -> Result<(), PropertyViolation>;
    /// Checks what must hold in every state.
    fn check_state(&self, state: &Self::State) -> Result<(), PropertyViolation>;
    /// What is left when all clients crash, or nothing if recovery is not checked.
    fn remains(&self, state: &Self::State) -> Option<Self::Remains>;
    /// Checks that the store recovers from a crash of all clients.
    fn check_recovery(&self, remains: &Self::Remains) -> Result<(), PropertyViolation>;
    /// Whether the search goes on after this violation, and only counts it.
    fn is_tolerated(&self, _violation: &PropertyViolation) -> bool {
        false
    }
}

/// Where a search stops before it has seen everything.
#[derive(Debug, Clone, Copy)]
pub struct SearchBounds {
    /// The most states.
    pub states_max: usize,
    /// The longest time.
    pub time_max: Duration,
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct SearchReport {
    /// Distinct states.
    pub states: usize,
    /// Distinct stores from which recovery was checked.
    pub stores: usize,
    /// The time it took.
    pub elapsed: Duration,
    /// Whether a bound ended it.
    pub is_partial: bool,
    /// The first violation that is not tolerated, with the moves that lead to it.
    pub violation: Option<(PropertyViolation, Vec<String>)>,
    /// How often each property was violated, where that is tolerated.
    pub tolerated: BTreeMap<&'static str, usize>,
}

/// Explores the model until everything was seen, a violation was found, or a bound was met.
pub(crate) fn explore<M: TransitionModel>(model: &M, bounds: &SearchBounds) -> SearchReport {
    let started = Instant::now();
    let mut search = Search::new(model);
    let mut next = Vec::new();
    let first = model.initial();
    let mut found = search.judge(model.check_state(&first)).map(|violation| (violation, Vec::new()));
    search.add(first, 0);
    let (mut at, mut meets_bound) = (0, false);
    while at < search.states.len() && found.is_none() && !meets_bound {
        let before = search.states[at].clone();
        model.successors(&before, &mut next);
        for (taken, after) in next.drain(..) {
            let verdict = search.visit(&before, &taken, &after);
            search.add(after, at);
            if let Some(violation) = verdict {
                let last = format!("{taken:?}");
                found = Some((violation, search.trace_to(at).into_iter().chain([last]).collect()));
                break;
            }
        }
        at += 1;
        meets_bound = search.states.len() >= bounds.states_max
            || (at.is_multiple_of(1024) && started.elapsed() >= bounds.time_max);
    }
    SearchReport {
        states: search.states.len(),
        stores: search.recovered.len(),
        elapsed: started.elapsed(),
        is_partial: found.is_none() && at < search.states.len(),
        violation: found,
        tolerated: search.tolerated,
    }
}

/// Everything that was seen, in the order of discovery.
struct Search<'a, M: TransitionModel> {
    model: &'a M,
    states: Vec<M::State>,
    parents: Vec<u32>,
    /// Open addressing: one more than an index into `states`, 0 where free.
    table: Vec<u32>,
    recovered: HashSet<M::Remains, BuildHasherDefault<WordHasher>>,
    tolerated: BTreeMap<&'static str, usize>,
}

impl<'a, M: TransitionModel> Search<'a, M> {
    fn new(model: &'a M) -> Self {
        let (states, parents, table) = (Vec::new(), Vec::new(), vec![0; 1 << 12]);
        Self { model, states, parents, table, recovered: HashSet::default(), tolerated: BTreeMap::new() }
    }

    /// The place of a state in the table: where it is, or the free place where it belongs.
    fn place(&self, state: &M::State) -> usize {
        let mask = self.table.len() - 1;
        let mut place = slot_of(state) & mask;
        while let Some(index) = (self.table[place] as usize).checked_sub(1) {
            if self.states[index] == *state {
                break;
            }
            place = (place + 1) & mask;
        }
        place
    }

    /// Adds a state, unless it is there.
    fn add(&mut self, state: M::State, parent: usize) {
        let place = self.place(&state);
        if self.table[place] != 0 {
            return;
        }
        self.states.push(state);
        self.parents.push(u32::try_from(parent).unwrap_or(u32::MAX));
        self.table[place] = u32::try_from(self.states.len()).unwrap_or(u32::MAX);
        if self.states.len() * 2 > self.table.len() {
            self.table = vec![0; self.table.len() * 4];
            for index in 0..self.states.len() {
                let place = self.place(&self.states[index]);
                self.table[place] = u32::try_from(index + 1).unwrap_or(u32::MAX);
            }
        }
    }

    /// Checks one move, and the state it leads to if that is new.
    fn visit(&mut self, before: &M::State, taken: &M::Move, after: &M::State) -> Option<PropertyViolation> {
        let of_move = self.judge(self.model.check_move(before, taken, after));
        if of_move.is_some() || self.table[self.place(after)] != 0 {
            return of_move;
        }
        if let Some(violation) = self.judge(self.model.check_state(after)) {
            return Some(violation);
        }
        let remains = self.model.remains(after).filter(|remains| !self.recovered.contains(remains))?;
        let verdict = self.model.check_recovery(&remains);
        self.recovered.insert(remains);
        self.judge(verdict)
    }

    /// Counts what is tolerated, returns what is not.
    fn judge(&mut self, verdict: Result<(), PropertyViolation>) -> Option<PropertyViolation> {
        let violation = verdict.err()?;
        if self.model.is_tolerated(&violation) {
            *self.tolerated.entry(violation.property).or_default() += 1;
            return None;
        }
        Some(violation)
    }

    /// The moves that lead to a state: each is found again among the successors of its parent.
    fn trace_to(&self, mut index: usize) -> Vec<String> {
        let (mut trace, mut next) = (Vec::new(), Vec::new());
        while index != 0 {
            let parent = self.parents[index] as usize;
            self.model.successors(&self.states[parent], &mut next);
            let taken = next.drain(..).find(|(_, state)| *state == self.states[index]);
            trace.extend(taken.map(|(taken, _)| format!("{taken:?}")));
            index = parent;
        }
        trace.reverse();
        trace
    }
}
