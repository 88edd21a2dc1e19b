//! The next step of a real client after any sequence of answers, memoised in a tree.
//!
//! A client is determined by its program and by the answers it has received; the nodes of the tree are those histories.
//! The real store finds a new node: its program runs with the answers that lead there. On the way every message is
//! compared with the one that the same answers led to before.

use std::collections::HashMap;

use super::scenario::{ActOutcome, ClientScript, run};
use userd_test_support::scheduler_proxy::{is_script, message_words};
use userd_test_support::scripted_store::{HeldStepReply, ScriptState, ScriptedStore};

/// The index of a node in the tree of one client's histories.
pub type HistoryIndex = usize;

/// One node.
pub struct HistoryNode {
    /// The node before it, and the reply that led here.
    from: Option<(HistoryIndex, HeldStepReply)>,
    /// The client's state.
    pub state: ScriptState,
    /// The outcomes of its operations so far.
    pub outcomes: Vec<ActOutcome>,
    /// The scripts that it has sent so far, each once: these may arrive again, late.
    pub sent: Vec<Vec<u8>>,
    next: HashMap<HeldStepReply, HistoryIndex>,
}

/// The tree of one client; see the module's documentation.
pub struct InterleavedClient {
    client: ClientScript,
    number: usize,
    real: ScriptedStore<ActOutcome>,
    nodes: Vec<HistoryNode>,
    /// The node at which the real client is.
    real_at: HistoryIndex,
}

/// The position of a real client that has to restart.
const NOWHERE: HistoryIndex = usize::MAX;

/// The first node of every history.
pub const START: HistoryIndex = 0;

impl InterleavedClient {
    /// The client of this number in a scenario, at the server at `port`.
    pub async fn of(client: ClientScript, number: usize, port: u16) -> Self {
        let real = ScriptedStore::of(port).await;
        let mut actor = Self { client, number, real, nodes: Vec::new(), real_at: START };
        let state = actor.begin().await;
        actor.add(None, state, Vec::new());
        actor
    }

    pub fn node(&self, at: HistoryIndex) -> &HistoryNode {
        &self.nodes[at]
    }

    /// The number of replies on the way to `at`.
    pub fn depth(&self, mut at: HistoryIndex) -> usize {
        let mut depth = 0;
        while let Some((before, _)) = &self.nodes[at].from {
            at = *before;
            depth += 1;
        }
        depth
    }

    pub fn histories(&self) -> usize {
        self.nodes.len()
    }

    /// The next node after this reply, if it is known.
    pub fn known(&self, at: HistoryIndex, reply: &HeldStepReply) -> Option<HistoryIndex> {
        self.nodes[at].next.get(reply).copied()
    }

    /// The next node of a client at `at` after this reply.
    pub async fn after(&mut self, at: HistoryIndex, reply: HeldStepReply) -> HistoryIndex {
        if let Some(known) = self.known(at, &reply) {
            return known;
        }
        self.bring_to(at).await;
        let state = self.real.resume(&reply).await;
        if let Some(twin) = self.twin(at, &reply, &state).await {
            return twin;
        }
        let mut sent = self.nodes[at].sent.clone();
        if let ScriptState::AwaitsReply(request) = &self.nodes[at].state
            && is_script(request)
            && !sent.contains(request)
        {
            sent.push(request.clone());
        }
        let new = self.add(Some((at, reply)), state, sent);
        self.real_at = new;
        new
    }

    /// The node that the client would have reached without the lost answer, if it is in the same state: the repetition
    /// matters to it only where it is refused.
    async fn twin(&mut self, at: HistoryIndex, reply: &HeldStepReply, state: &ScriptState) -> Option<HistoryIndex> {
        let (before, _) = self.nodes[at].from.clone().filter(|(_, led)| *led == HeldStepReply::Lost)?;
        let ScriptState::AwaitsReply(request) = &self.nodes[at].state else { return None };
        if is_script(request) && !reply.is_ok() {
            return None;
        }
        let notes = self.real.notes();
        self.real_at = NOWHERE;
        let twin = Box::pin(self.after(before, reply.clone())).await;
        assert!(same(state, &self.nodes[twin].state), "after a repeated step it is in another state: {state:?}");
        assert_eq!(notes, self.nodes[twin].outcomes, "after a repeated step it has other outcomes");
        self.nodes[at].next.insert(reply.clone(), twin);
        Some(twin)
    }

    async fn begin(&mut self) -> ScriptState {
        let client = self.client.clone();
        self.real.begin(self.number, |store, notes| run(client, store, notes)).await
    }

    /// Runs the real client again until it is at `at`.
    async fn bring_to(&mut self, at: HistoryIndex) {
        if self.real_at == at {
            return;
        }
        let (mut path, mut here) = (vec![at], at);
        while let Some((before, _)) = &self.nodes[here].from {
            here = *before;
            path.push(here);
        }
        let mut state = self.begin().await;
        while let Some(here) = path.pop() {
            if let Some((_, reply)) = &self.nodes[here].from {
                state = self.real.resume(reply).await;
            }
            assert!(same(&state, &self.nodes[here].state), "the same answers lead to another state: {state:?}");
        }
        self.real_at = at;
    }

    fn add(
        &mut self,
        from: Option<(HistoryIndex, HeldStepReply)>,
        state: ScriptState,
        sent: Vec<Vec<u8>>,
    ) -> HistoryIndex {
        let at = self.nodes.len();
        if let Some((before, reply)) = &from {
            self.nodes[*before].next.insert(reply.clone(), at);
        }
        self.nodes.push(HistoryNode { from, state, outcomes: self.real.notes(), sent, next: HashMap::new() });
        at
    }
}

/// Whether two states are equal, but for the not-after time of a sign-up's first step, which is by the wall clock.
fn same(one: &ScriptState, other: &ScriptState) -> bool {
    let (ScriptState::AwaitsReply(one), ScriptState::AwaitsReply(other)) = (one, other) else { return one == other };
    let number = |word: &[u8]| std::str::from_utf8(word).is_ok_and(|text| text.parse::<u64>().is_ok());
    let differing: Vec<_> = message_words(one).zip(message_words(other)).filter(|(one, other)| one != other).collect();
    message_words(one).count() == message_words(other).count()
        && differing.len() <= 1
        && differing.iter().all(|(one, other)| number(one) && number(other))
}
