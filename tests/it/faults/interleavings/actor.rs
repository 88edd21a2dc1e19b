//! What a real client does next, after any answers: asked once each, remembered in a tree.
//!
//! A client is fixed by its program and by the answers it has had; the tree's places are those histories. A place
//! that is not known yet is found out by the real store: its program is run, given the answers that lead there,
//! and looked at. On the way every message is compared with what the same answers led to before.

use std::collections::HashMap;

use super::scenario::{Client, Outcome, run};
use userd_test_support::stepped::{Place, SteppedClient, Told};
use userd_test_support::stepper::{is_script, words};

/// A place in the tree of one client's histories.
pub type At = usize;

/// What is known of one place.
pub struct Node {
    /// What led here, and from where.
    from: Option<(At, Told)>,
    /// What it does there.
    pub place: Place,
    /// What its acts have come to so far.
    pub outcomes: Vec<Outcome>,
    /// The scripts that it has sent on its way here, each once: what may arrive again, late.
    pub sent: Vec<Vec<u8>>,
    next: HashMap<Told, At>,
}

/// See the module's text.
pub struct Actor {
    client: Client,
    number: usize,
    real: SteppedClient<Outcome>,
    nodes: Vec<Node>,
    /// Where the real client stands.
    real_at: At,
}

/// Where a real client stands that has to begin anew.
const NOWHERE: At = usize::MAX;

/// Where every history begins.
pub const START: At = 0;

impl Actor {
    /// The client of this number in a scenario, at the server at `port`.
    pub async fn of(client: Client, number: usize, port: u16) -> Self {
        let real = SteppedClient::of(port).await;
        let mut actor = Self { client, number, real, nodes: Vec::new(), real_at: START };
        let place = actor.begin().await;
        actor.add(None, place, Vec::new());
        actor
    }

    pub fn node(&self, at: At) -> &Node {
        &self.nodes[at]
    }

    /// How much a client has been told on its way to `at`.
    pub fn depth(&self, mut at: At) -> usize {
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
    pub fn known(&self, at: At, told: &Told) -> Option<At> {
        self.nodes[at].next.get(told).copied()
    }

    /// The place to which a client goes from `at` when it is told this.
    pub async fn after(&mut self, at: At, told: Told) -> At {
        if let Some(known) = self.known(at, &told) {
            return known;
        }
        self.bring_to(at).await;
        let place = self.real.go_on(&told).await;
        if let Some(twin) = self.twin(at, &told, &place).await {
            return twin;
        }
        let mut sent = self.nodes[at].sent.clone();
        if let Place::Asks(request) = &self.nodes[at].place
            && is_script(request)
            && !sent.contains(request)
        {
            sent.push(request.clone());
        }
        let new = self.add(Some((at, told)), place, sent);
        self.real_at = new;
        new
    }

    /// Where the client is, if it is where it would be without having lost an answer: that it had to ask twice
    /// matters to it only where it is refused.
    async fn twin(&mut self, at: At, told: &Told, place: &Place) -> Option<At> {
        let (before, _) = self.nodes[at].from.clone().filter(|(_, led)| *led == Told::Lost)?;
        let Place::Asks(request) = &self.nodes[at].place else { return None };
        if is_script(request) && !told.is_ok() {
            return None;
        }
        let notes = self.real.notes();
        self.real_at = NOWHERE;
        let twin = Box::pin(self.after(before, told.clone())).await;
        assert!(same(place, &self.nodes[twin].place), "asked twice, it goes elsewhere: {place:?}");
        assert_eq!(notes, self.nodes[twin].outcomes, "asked twice, it comes to something else");
        self.nodes[at].next.insert(told.clone(), twin);
        Some(twin)
    }

    async fn begin(&mut self) -> Place {
        let client = self.client.clone();
        self.real.begin(self.number, |store, notes| run(client, store, notes)).await
    }

    /// Runs the real client anew until it stands at `at`.
    async fn bring_to(&mut self, at: At) {
        if self.real_at == at {
            return;
        }
        let (mut path, mut here) = (vec![at], at);
        while let Some((before, _)) = &self.nodes[here].from {
            here = *before;
            path.push(here);
        }
        let mut place = self.begin().await;
        while let Some(here) = path.pop() {
            if let Some((_, told)) = &self.nodes[here].from {
                place = self.real.go_on(told).await;
            }
            assert!(same(&place, &self.nodes[here].place), "the same answers lead elsewhere: {place:?}");
        }
        self.real_at = at;
    }

    fn add(&mut self, from: Option<(At, Told)>, place: Place, sent: Vec<Vec<u8>>) -> At {
        let at = self.nodes.len();
        if let Some((before, told)) = &from {
            self.nodes[*before].next.insert(told.clone(), at);
        }
        self.nodes.push(Node { from, place, outcomes: self.real.notes(), sent, next: HashMap::new() });
        at
    }
}

/// Whether two places are one. The not-after time of a sign-up's first step is by the clock on the wall.
fn same(one: &Place, other: &Place) -> bool {
    let (Place::Asks(one), Place::Asks(other)) = (one, other) else { return one == other };
    let number = |word: &[u8]| std::str::from_utf8(word).is_ok_and(|text| text.parse::<u64>().is_ok());
    let differing: Vec<_> = words(one).zip(words(other)).filter(|(one, other)| one != other).collect();
    words(one).count() == words(other).count()
        && differing.len() <= 1
        && differing.iter().all(|(one, other)| number(one) && number(other))
}
