//! What a real client does next, after any answers: asked once each, remembered in a tree.
//!
//! A client is fixed by its program and by the answers it has had; the tree's places are those histories. A place
//! that is not known yet is found out by the real store: its program is run, given the answers that lead there,
//! and looked at. On the way every message is compared with what the same answers led to before.

use std::collections::HashMap;

use super::scenario::{ActOutcome, ClientScript, run};
use userd_test_support::scheduler_proxy::{is_script, message_words};
use userd_test_support::scripted_store::{HeldStepReply, ScriptState, ScriptedStore};

/// A place in the tree of one client's histories.
pub type HistoryIndex = usize;

/// What is known of one place.
pub struct HistoryNode {
    /// What led here, and from where.
    from: Option<(HistoryIndex, HeldStepReply)>,
    /// What it does there.
    pub state: ScriptState,
    /// What its acts have come to so far.
    pub outcomes: Vec<ActOutcome>,
    /// The scripts that it has sent on its way here, each once: what may arrive again, late.
    pub sent: Vec<Vec<u8>>,
    next: HashMap<HeldStepReply, HistoryIndex>,
}

/// See the module's text.
pub struct InterleavedClient {
    client: ClientScript,
    number: usize,
    real: ScriptedStore<ActOutcome>,
    nodes: Vec<HistoryNode>,
    /// Where the real client stands.
    real_at: HistoryIndex,
}

/// Where a real client stands that has to begin anew.
const NOWHERE: HistoryIndex = usize::MAX;

/// Where every history begins.
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

    /// How much a client has been told on its way to `at`.
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

    /// The place that is known to follow, if it is.
    pub fn known(&self, at: HistoryIndex, reply: &HeldStepReply) -> Option<HistoryIndex> {
        self.nodes[at].next.get(reply).copied()
    }

    /// The place to which a client goes from `at` when it is told this.
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

    /// Where the client is, if it is where it would be without having lost an answer: that it had to ask twice
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
        assert!(same(state, &self.nodes[twin].state), "asked twice, it goes elsewhere: {state:?}");
        assert_eq!(notes, self.nodes[twin].outcomes, "asked twice, it comes to something else");
        self.nodes[at].next.insert(reply.clone(), twin);
        Some(twin)
    }

    async fn begin(&mut self) -> ScriptState {
        let client = self.client.clone();
        self.real.begin(self.number, |store, notes| run(client, store, notes)).await
    }

    /// Runs the real client anew until it stands at `at`.
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
            assert!(same(&state, &self.nodes[here].state), "the same answers lead elsewhere: {state:?}");
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

/// Whether two places are one. The not-after time of a sign-up's first step is by the clock on the wall.
fn same(one: &ScriptState, other: &ScriptState) -> bool {
    let (ScriptState::AwaitsReply(one), ScriptState::AwaitsReply(other)) = (one, other) else { return one == other };
    let number = |word: &[u8]| std::str::from_utf8(word).is_ok_and(|text| text.parse::<u64>().is_ok());
    let differing: Vec<_> = message_words(one).zip(message_words(other)).filter(|(one, other)| one != other).collect();
    message_words(one).count() == message_words(other).count()
        && differing.len() <= 1
        && differing.iter().all(|(one, other)| number(one) && number(other))
}
