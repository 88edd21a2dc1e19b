//! Can these calls on one register be put in one order that explains every answer, with each call somewhere
//! between its making and its answer?
//!
//! The method is Wing and Gong's search in Lowe's just-in-time form ("Testing for linearizability", 2017),
//! breadth first: the history is gone through in the order of time, with the set of all states that the register
//! may be in. Each state carries which calls under way have had their effect already. At an answer, whatever has
//! not had its effect gets it now, after any of the writes under way if it takes that. States are remembered, and
//! one that can do no more than another is dropped. So the cost grows with the length of the history and with how
//! much happens at once, not with the number of orders.
//!
//! A write whose answer was lost stays under way for ever and need not happen at all.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fmt::Debug;
use std::hash::Hash;

use super::HistoryTime;
use crate::fault_report::is_long;

/// How many states of one register are looked at before the judge gives up, which counts as a failure. Histories
/// of storms need some tens for each answer; a storm of some seconds has thousands of answers, and its judge, not
/// optimised, has to come to an end.
pub fn states_max() -> usize {
    if is_long() { 20_000_000 } else { 2_000_000 }
}

/// What a register is: its states, and what an act does to them.
pub trait RegisterModel {
    type State: Clone + Eq + Hash + Debug;
    type Act;

    /// The state after `act`; `None` if in `state` the answer could not have been given.
    fn apply(&self, state: &Self::State, act: &Self::Act) -> Option<Self::State>;
}

/// A call, as far as it concerns one register.
#[derive(Debug, Clone)]
pub struct TimedOperation<A> {
    pub act: A,
    pub kind: OperationKind,
    pub called: HistoryTime,
    pub answered: HistoryTime,
    /// Which entry of the history it belongs to.
    pub entry: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// Changes nothing: it only has to fit once between call and answer.
    Read,
    /// Happened between call and answer.
    Write,
    /// May happen once, any time after the call; not after `answered`, from when on it can't matter any more.
    Perhaps,
}

/// Why there is no such order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotLinearizable {
    /// The answer to this act (its place in the list) fits none of the states that were possible before it.
    Answer { act: usize, states: Vec<String> },
    /// Too many states: nothing is decided.
    GaveUp { act: usize },
}

/// A state that the register may be in, and how it came there.
#[derive(Clone)]
struct PartialOrdering<S> {
    state: S,
    /// Writes under way that have happened.
    wrote: Vec<usize>,
    /// Reads under way that have fitted.
    read: Vec<usize>,
    /// Uncertain writes that have happened.
    spent: Vec<usize>,
}

impl<S: Eq> PartialOrdering<S> {
    /// Whatever the other can explain, this can: in the same state, with no fewer reads done and no more uncertain
    /// writes used up.
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

/// Courses without those that another one covers, in the order in which they came.
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

/// What is met on the way through a history; at one moment in this order.
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

/// Decides it for `acts` on a register that begins in `initial`.
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
    // At one moment, calls come before answers: what touches is taken for overlapping.
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

    /// The courses in which the act at `place` has had its effect, which is then forgotten.
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

    /// An uncertain write is forgotten: with every course in which it did not happen, and every one in which it did, so
    /// far or in the last moment.
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

    /// What can come of a course by one more of the writes under way.
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

    /// The course with every read under way that its state satisfies: to let it fit now can do no harm.
    fn with_satisfied_reads(&self, mut ordering: PartialOrdering<R::State>) -> PartialOrdering<R::State> {
        for &read in &self.reads {
            if !ordering.read.contains(&read) && self.register.apply(&ordering.state, &self.acts[read].act).is_some() {
                ordering.read = with(&ordering.read, read);
            }
        }
        ordering
    }
}
