//! Is there one order of these calls on one register that explains every answer, with each call between its start and
//! its answer?
//!
//! The method is Wing and Gong's search in Lowe's just-in-time form ("Testing for linearizability", 2017), breadth
//! first: it walks through the history in order of time, with the set of all states that the register may be in. Each
//! state carries which calls in flight have already taken effect. At an answer, a call that has not taken effect does
//! so now, after any of the writes in flight if necessary. States are remembered, and one that allows no more than
//! another is dropped. So the cost grows with the length of the history and its concurrency, not with the number of
//! orders.
//!
//! A write whose answer was lost stays in flight forever and need not take effect at all.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fmt::Debug;
use std::hash::Hash;

use super::HistoryTime;
use crate::fault_report::is_long;

/// How many states of one register are visited before the search gives up, which counts as a failure. Histories of
/// storms need some tens for each answer; a storm of some seconds has thousands of answers, and the unoptimised search
/// has to end.
pub fn states_max() -> usize {
    if is_long() { 20_000_000 } else { 2_000_000 }
}

/// A register: its states, and what an operation does to them.
pub trait RegisterModel {
    type State: Clone + Eq + Hash + Debug;
    type Act;

    /// The state after `act`; `None` if the answer is impossible in `state`.
    fn apply(&self, state: &Self::State, act: &Self::Act) -> Option<Self::State>;
}

/// A call, as far as it concerns one register.
#[derive(Debug, Clone)]
pub struct TimedOperation<A> {
    pub act: A,
    pub kind: OperationKind,
    pub called: HistoryTime,
    pub answered: HistoryTime,
    /// The index of its entry in the history.
    pub entry: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// Changes nothing: it only has to be possible once between call and answer.
    Read,
    /// Takes effect between call and answer.
    Write,
    /// May take effect once, any time after the call; not after `answered`, from when on it does not matter.
    Perhaps,
}

/// Why there is no such order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotLinearizable {
    /// The answer to this operation (its index) is impossible in all states before it.
    Answer { act: usize, states: Vec<String> },
    /// Too many states: undecided.
    GaveUp { act: usize },
}

/// A state that the register may be in, and how it got there.
#[derive(Clone)]
struct PartialOrdering<S> {
    state: S,
    /// Writes in flight that have taken effect.
    wrote: Vec<usize>,
    /// Reads in flight that were possible.
    read: Vec<usize>,
    /// Uncertain writes that have taken effect.
    spent: Vec<usize>,
}

impl<S: Eq> PartialOrdering<S> {
    /// Whether this explains whatever the other can: the same state, no fewer reads done and no more uncertain writes
    /// used up.
    fn covers(&self, other: &Self) -> bool {
        is_subset(&other.read, &self.read) && is_subset(&self.spent, &other.spent)
    }
}

fn is_subset(small: &[usize], large: &[usize]) -> bool {
    small.iter().all(|one| large.contains(one))
}

fn with(list: &[usize], one: usize) -> Vec<usize> {
    let mut list = list.to_vec();
    list.insert(list.partition_point(|&other| other < one), one);
    list
}

/// Orderings without those that another one covers, in the order of their discovery.
struct OrderingSet<S> {
    list: Vec<PartialOrdering<S>>,
    places: HashMap<(S, Vec<usize>), Vec<usize>>,
}

impl<S: Clone + Eq + Hash> OrderingSet<S> {
    fn new() -> Self {
        Self { list: Vec::new(), places: HashMap::new() }
    }

    fn add(&mut self, ordering: PartialOrdering<S>) {
        match self.places.entry((ordering.state.clone(), ordering.wrote.clone())) {
            Slot::Occupied(mut slot) => {
                if slot.get().iter().any(|&place| self.list[place].covers(&ordering)) {
                    return;
                }
                slot.get_mut().push(self.list.len());
            }
            Slot::Vacant(slot) => {
                slot.insert(vec![self.list.len()]);
            }
        }
        self.list.push(ordering);
    }
}

/// The events of a history; at one moment in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SearchEvent {
    Called,
    Answered,
    Expired,
}

struct OrderingSearch<'a, R: RegisterModel> {
    register: &'a R,
    acts: &'a [TimedOperation<R::Act>],
    reads: Vec<usize>,
    writes: Vec<usize>,
    perhaps: Vec<usize>,
    looked_at: usize,
    states_max: usize,
}

/// Decides it for `acts` on a register with the state `initial`.
pub fn linearize<R: RegisterModel>(
    register: &R,
    initial: R::State,
    acts: &[TimedOperation<R::Act>],
    states_max: usize,
) -> Result<(), NotLinearizable> {
    let mut search = OrderingSearch {
        register,
        acts,
        reads: Vec::new(),
        writes: Vec::new(),
        perhaps: Vec::new(),
        looked_at: 0,
        states_max,
    };
    let mut orderings =
        vec![PartialOrdering { state: initial, wrote: Vec::new(), read: Vec::new(), spent: Vec::new() }];
    // At one moment, calls come before answers: calls that touch count as overlapping.
    let mut events: Vec<(HistoryTime, SearchEvent, usize)> = Vec::new();
    for (place, act) in acts.iter().enumerate() {
        events.push((act.called, SearchEvent::Called, place));
        let end = if act.kind == OperationKind::Perhaps { SearchEvent::Expired } else { SearchEvent::Answered };
        events.push((act.answered, end, place));
    }
    events.sort_unstable();
    for (_, event, place) in events {
        orderings = match event {
            SearchEvent::Called => search.called(orderings, place),
            SearchEvent::Answered => search.answered(orderings, place)?,
            SearchEvent::Expired => search.expired(orderings, place)?,
        };
    }
    Ok(())
}

impl<R: RegisterModel> OrderingSearch<'_, R> {
    fn called(
        &mut self,
        mut orderings: Vec<PartialOrdering<R::State>>,
        place: usize,
    ) -> Vec<PartialOrdering<R::State>> {
        match self.acts[place].kind {
            OperationKind::Write => self.writes.push(place),
            OperationKind::Perhaps => self.perhaps.push(place),
            OperationKind::Read => {
                self.reads.push(place);
                for ordering in &mut orderings {
                    if self.register.apply(&ordering.state, &self.acts[place].act).is_some() {
                        ordering.read = with(&ordering.read, place);
                    }
                }
            }
        }
        orderings
    }

    /// The orderings in which the operation at `place` has taken effect; it is then forgotten.
    fn answered(
        &mut self,
        orderings: Vec<PartialOrdering<R::State>>,
        place: usize,
    ) -> Result<Vec<PartialOrdering<R::State>>, NotLinearizable> {
        let mut all = OrderingSet::new();
        let mut kept = OrderingSet::new();
        let before: Vec<String> = orderings.iter().take(5).map(|ordering| format!("{:?}", ordering.state)).collect();
        for ordering in orderings {
            all.add(ordering);
        }
        let mut next = 0;
        while next < all.list.len() {
            let mut ordering = all.list[next].clone();
            next += 1;
            self.looked_at += 1;
            if self.looked_at > self.states_max {
                return Err(NotLinearizable::GaveUp { act: place });
            }
            let (wrote, read) = (ordering.wrote.len(), ordering.read.len());
            ordering.wrote.retain(|&done| done != place);
            ordering.read.retain(|&done| done != place);
            if (wrote, read) != (ordering.wrote.len(), ordering.read.len()) {
                kept.add(ordering);
                continue;
            }
            for follower in self.successors(&ordering) {
                all.add(follower);
            }
        }
        self.reads.retain(|&pending| pending != place);
        self.writes.retain(|&pending| pending != place);
        if kept.list.is_empty() {
            return Err(NotLinearizable::Answer { act: place, states: before });
        }
        Ok(kept.list)
    }

    /// Forgets an uncertain write: keeps every ordering in which it did not take effect, and every one in which it did,
    /// before or just now.
    fn expired(
        &mut self,
        orderings: Vec<PartialOrdering<R::State>>,
        place: usize,
    ) -> Result<Vec<PartialOrdering<R::State>>, NotLinearizable> {
        let (mut all, mut kept) = (OrderingSet::new(), OrderingSet::new());
        for ordering in orderings {
            all.add(ordering);
        }
        // Past the end of the history there is nothing left to explain.
        let mut next = if self.acts[place].answered == HistoryTime::MAX { all.list.len() } else { 0 };
        while next < all.list.len() {
            let ordering = all.list[next].clone();
            next += 1;
            self.looked_at += 1;
            if self.looked_at > self.states_max {
                return Err(NotLinearizable::GaveUp { act: place });
            }
            for follower in self.successors(&ordering) {
                all.add(follower);
            }
        }
        self.perhaps.retain(|&pending| pending != place);
        for mut ordering in all.list {
            ordering.spent.retain(|&done| done != place);
            kept.add(ordering);
        }
        Ok(kept.list)
    }

    /// The orderings with one more of the writes in flight.
    fn successors(&self, ordering: &PartialOrdering<R::State>) -> Vec<PartialOrdering<R::State>> {
        let mut successors = Vec::new();
        for &write in self.writes.iter().filter(|write| !ordering.wrote.contains(write)) {
            if let Some(state) = self.register.apply(&ordering.state, &self.acts[write].act) {
                let wrote = with(&ordering.wrote, write);
                successors.push(self.with_satisfied_reads(PartialOrdering { state, wrote, ..ordering.clone() }));
            }
        }
        for &write in self.perhaps.iter().filter(|write| !ordering.spent.contains(write)) {
            let state = self.register.apply(&ordering.state, &self.acts[write].act);
            if let Some(state) = state.filter(|state| *state != ordering.state) {
                let spent = with(&ordering.spent, write);
                successors.push(self.with_satisfied_reads(PartialOrdering { state, spent, ..ordering.clone() }));
            }
        }
        successors
    }

    /// The ordering with every read in flight that its state satisfies: satisfying it early does no harm.
    fn with_satisfied_reads(&self, mut ordering: PartialOrdering<R::State>) -> PartialOrdering<R::State> {
        for &read in &self.reads {
            if !ordering.read.contains(&read) && self.register.apply(&ordering.state, &self.acts[read].act).is_some() {
                ordering.read = with(&ordering.read, read);
            }
        }
        ordering
    }
}
