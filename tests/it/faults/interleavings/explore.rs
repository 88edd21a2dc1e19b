//! Every schedule of a scenario, on the real store and a real Redis, cut where a state was visited before.
//!
//! A state is the whole database, every client's history, and how many faults a run may still have. The choices in a
//! state: a client's next step runs and it gets the answer; the step runs and its answer is lost, so the store sends it
//! again; an old message of any client arrives once more and its answer is dropped. A crash needs no choice of its own:
//! a client that crashed, before its step or after it, is one that is never chosen again, and every state is checked as
//! one in which any of them may have crashed.
//!
//! Each distinct message on each distinct database runs once on the real server, and each history of a client comes
//! once from the real store (see `client`); schedules are composed from these. `random_walk` runs schedules from start
//! to end and tests that the result is the same.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;

use super::client::{HistoryIndex, InterleavedClient, START};
use super::invariants::{fence_regressions, owner, violations};
use super::random_walk::WalkStage;
use super::scenario::{AFTERWARDS_MS, ActOutcome, ClientScript, NEWCOMER, Scenario, ScenarioAct, id_of};
use userd_test_support::database_image::{DatabaseImage, record_of};
use userd_test_support::key_space::KeySpace;
use userd_test_support::scripted_store::{HeldStepReply, ScriptState};

/// A choice in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleChoice {
    /// The client's step runs, and it gets the answer.
    Step(usize),
    /// The client's step runs, and its answer is lost.
    Lose(usize),
    /// An old message of the client arrives once more.
    Again(usize, usize),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct SearchState {
    image: usize,
    at: Vec<HistoryIndex>,
    faults_left: u8,
}

/// The order in which states are explored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchOrder {
    /// Breadth first: the first violation is one with the fewest choices before it.
    NearestFirst,
    /// Depth first: a client mostly continues from its present step, and is rarely run again from the start.
    OnwardFirst,
}

/// Where a state was first reached from, and what leads on from it.
struct VisitedState {
    from: Option<(usize, ScheduleChoice)>,
    /// The states after next steps without any fault.
    plainly_to: Vec<usize>,
}

/// A search through one scenario.
pub struct InterleavingSearch {
    scenario: Scenario,
    client_trees: Vec<InterleavedClient>,
    key_space: KeySpace,
    images: Vec<DatabaseImage>,
    image_numbers: HashMap<DatabaseImage, usize>,
    /// The database that is on the server now.
    loaded: Option<usize>,
    ran: HashMap<(usize, Vec<u8>), (usize, Vec<u8>)>,
    states: Vec<SearchState>,
    state_numbers: HashMap<SearchState, usize>,
    visited: Vec<VisitedState>,
    choices_made: usize,
    /// Databases and outcomes that satisfy the invariants.
    judged: HashSet<(usize, Vec<Vec<ActOutcome>>)>,
    /// Transitions between databases that satisfy I5.
    onward: HashSet<(usize, usize)>,
    tried: HashMap<(&'static str, Option<String>, Option<String>), ActOutcome>,
    rival: Vec<(&'static str, InterleavedClient)>,
}

/// The size of what was explored.
#[derive(Debug, Clone, Copy, Default)]
pub struct SearchSummary {
    pub states: usize,
    pub choices: usize,
    pub databases: usize,
    pub histories: usize,
    pub runs: usize,
    /// Of those without a fault and without a crash, each a whole run.
    pub schedules: u128,
}

impl fmt::Display for SearchSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} schedules without a fault; with all: {} states, {} choices, {} databases, {} client histories, {} runs of a message",
            self.schedules, self.states, self.choices, self.databases, self.histories, self.runs
        )
    }
}

impl SearchSummary {
    pub fn add(&mut self, other: Self) {
        self.states += other.states;
        self.choices += other.choices;
        self.databases += other.databases;
        self.histories += other.histories;
        self.runs += other.runs;
        self.schedules += other.schedules;
    }
}

impl InterleavingSearch {
    /// A search on the server at `port`, which has no other users.
    pub async fn of(scenario: Scenario, port: u16, mut key_space: KeySpace) -> Self {
        let mut client_trees = Vec::new();
        for (number, client) in scenario.clients.iter().enumerate() {
            client_trees.push(InterleavedClient::of(client.clone(), number, port).await);
        }
        let mut rival = Vec::new();
        for email in scenario.emails() {
            let client = ClientScript { acts: vec![ScenarioAct::SignUp(NEWCOMER, email)], ahead_ms: AFTERWARDS_MS };
            rival.push((email, InterleavedClient::of(client, client_trees.len(), port).await));
        }
        let start = super::beginning(&scenario, port, &mut key_space).await;
        let mut search = Self {
            scenario,
            client_trees,
            key_space,
            images: Vec::new(),
            image_numbers: HashMap::new(),
            loaded: None,
            ran: HashMap::new(),
            states: Vec::new(),
            state_numbers: HashMap::new(),
            visited: Vec::new(),
            choices_made: 0,
            judged: HashSet::new(),
            onward: HashSet::new(),
            tried: HashMap::new(),
            rival,
        };
        let image = search.number_of(start);
        let at = vec![START; search.client_trees.len()];
        let faults_left = search.scenario.faults;
        search.visit(SearchState { image, at, faults_left }, None);
        search
    }

    /// Explores everything.
    ///
    /// # Errors
    /// The first violation, with a schedule that leads to it.
    pub async fn run(&mut self, order: SearchOrder) -> Result<SearchSummary, String> {
        let mut open = vec![VecDeque::new(); usize::from(self.scenario.faults) + 1];
        open[usize::from(self.scenario.faults)].push_back(0);
        // Those with more faults left come first, since they stand for those with fewer: see `visit`.
        while let Some(next) = open.iter_mut().rev().find(|next| !next.is_empty()) {
            let here = match order {
                SearchOrder::NearestFirst => next.pop_front(),
                SearchOrder::OnwardFirst => next.pop_back(),
            };
            let here = here.expect("it is not empty");
            self.check_state(here).await?;
            for choice in self.choices(here) {
                let state = self.follow(here, &choice).await;
                let (before, after) = (self.states[here].image, state.image);
                let (known, left) = (self.states.len(), usize::from(state.faults_left));
                let is_plain = matches!(choice, ScheduleChoice::Step(_)) && state.faults_left == self.scenario.faults;
                let there = self.visit(state, Some((here, choice)));
                self.choices_made += 1;
                if is_plain {
                    self.visited[here].plainly_to.push(there);
                }
                if there == known {
                    open[left].push_back(there);
                }
                if self.onward.insert((before, after)) {
                    let back = fence_regressions(&self.images[before], &self.images[after]);
                    if !back.is_empty() {
                        return Err(self.describe_violation(there, &back));
                    }
                }
            }
        }
        Ok(self.explored())
    }

    /// The database on which the scenario begins.
    pub fn start(&self) -> &DatabaseImage {
        &self.images[self.states[0].image]
    }

    /// Whether the search has visited the state that a whole run reached.
    pub fn has_visited(&self, stage: &WalkStage<'_>) -> bool {
        let Some(&image) = self.image_numbers.get(stage.image) else { return false };
        let at: Option<Vec<HistoryIndex>> = (self.client_trees.iter().zip(stage.reply))
            .map(|(client_tree, reply)| reply.iter().try_fold(START, |at, reply| client_tree.known(at, reply)))
            .collect();
        at.is_some_and(|at| self.find_visited(&mut SearchState { image, at, faults_left: stage.faults_left }).is_some())
    }

    /// How often a broken script has run.
    pub fn replaced_runs(&self) -> usize {
        self.key_space.replaced_runs()
    }

    fn choices(&self, here: usize) -> Vec<ScheduleChoice> {
        let state = &self.states[here];
        let (mut old, mut lost, mut next) = (Vec::new(), Vec::new(), Vec::new());
        for (client, &at) in state.at.iter().enumerate() {
            let node = self.client_trees[client].node(at);
            old.extend((0..node.sent.len()).map(|message| ScheduleChoice::Again(client, message)));
            if matches!(node.state, ScriptState::AwaitsReply(_)) {
                if self.scenario.lost_answers {
                    lost.push(ScheduleChoice::Lose(client));
                }
                next.push(ScheduleChoice::Step(client));
            }
        }
        if state.faults_left == 0 {
            return next;
        }
        // The plain next step comes last, for `SearchOrder::OnwardFirst`.
        old.into_iter().chain(lost).chain(next).collect()
    }

    async fn follow(&mut self, here: usize, choice: &ScheduleChoice) -> SearchState {
        let mut state = self.states[here].clone();
        let (client, request) = match *choice {
            ScheduleChoice::Step(client) | ScheduleChoice::Lose(client) => {
                match &self.client_trees[client].node(state.at[client]).state {
                    ScriptState::AwaitsReply(request) => (client, request.clone()),
                    ScriptState::Finished => panic!("a finished client has no step"),
                }
            }
            ScheduleChoice::Again(client, message) => {
                (client, self.client_trees[client].node(state.at[client]).sent[message].clone())
            }
        };
        let (image, answer) = self.step(state.image, request).await;
        state.image = image;
        let reply = match choice {
            ScheduleChoice::Step(_) => Some(HeldStepReply::Answer(answer)),
            ScheduleChoice::Lose(_) => Some(HeldStepReply::Lost),
            ScheduleChoice::Again(..) => None,
        };
        if !matches!(choice, ScheduleChoice::Step(_)) {
            state.faults_left -= 1;
        }
        if let Some(reply) = reply {
            state.at[client] = self.resume(client, state.at[client], reply).await;
        }
        state
    }

    /// Continues a client with this reply. Repeated replies that the holder of an e-mail is busy change only the number
    /// of retries that are left, and a client that retries later is one that was not chosen yet: so a busy reply is
    /// repeated until the client gives up.
    async fn resume(&mut self, client: usize, at: HistoryIndex, reply: HeldStepReply) -> HistoryIndex {
        let client_tree = &mut self.client_trees[client];
        let mut after = client_tree.after(at, reply.clone()).await;
        while reply.is_busy() && client_tree.node(after).state == client_tree.node(at).state {
            after = client_tree.after(after, reply.clone()).await;
        }
        after
    }

    /// Runs one message on one database, once.
    async fn step(&mut self, before: usize, request: Vec<u8>) -> (usize, Vec<u8>) {
        let case = (before, request);
        if let Some(known) = self.ran.get(&case) {
            return known.clone();
        }
        let wanted = (self.loaded != Some(before)).then_some(&self.images[before]);
        let (answer, after) = self.key_space.step(wanted, &case.1).await;
        let after = self.number_of(after);
        self.loaded = Some(after);
        self.ran.insert(case, (after, answer.clone()));
        (after, answer)
    }

    fn number_of(&mut self, image: DatabaseImage) -> usize {
        let next = self.images.len();
        let number = *self.image_numbers.entry(image.clone()).or_insert(next);
        if number == next {
            self.images.push(image);
        }
        number
    }

    /// The number of a state. An equal state with more faults left leads to all that this one leads to, and replaces
    /// it.
    fn visit(&mut self, mut state: SearchState, from: Option<(usize, ScheduleChoice)>) -> usize {
        if let Some(known) = self.find_visited(&mut state) {
            return known;
        }
        let next = self.states.len();
        self.state_numbers.insert(state.clone(), next);
        self.states.push(state);
        self.visited.push(VisitedState { from, plainly_to: Vec::new() });
        next
    }

    fn find_visited(&self, state: &mut SearchState) -> Option<usize> {
        let left = state.faults_left;
        for more in left..=self.scenario.faults {
            state.faults_left = more;
            if let Some(&known) = self.state_numbers.get(state) {
                return Some(known);
            }
        }
        state.faults_left = left;
        None
    }

    /// Checks a state; results are memoised.
    async fn check_state(&mut self, here: usize) -> Result<(), String> {
        let SearchState { image, at, .. } = &self.states[here];
        let image = *image;
        let outcomes: Vec<Vec<ActOutcome>> = (self.client_trees.iter().zip(at))
            .map(|(client_tree, &at)| client_tree.node(at).outcomes.clone())
            .collect();
        if self.judged.contains(&(image, outcomes.clone())) {
            return Ok(());
        }
        let listed: Vec<&[ActOutcome]> = outcomes.iter().map(Vec::as_slice).collect();
        let mut found = violations(&self.scenario, &self.images[image], &listed);
        for place in 0..self.rival.len() {
            let outcome = self.try_newcomer(image, place).await;
            let email = self.rival[place].0;
            let taken = owner(&self.images[image], email).is_some();
            if outcome != (if taken { ActOutcome::Taken } else { ActOutcome::Done }) {
                found.push(format!(
                    "I4: all clients crashed; {email} is taken: {taken}; the outcome for a new user was {outcome:?}"
                ));
            }
        }
        if !found.is_empty() {
            return Err(self.describe_violation(here, &found));
        }
        self.judged.insert((image, outcomes));
        Ok(())
    }

    /// I4: all clients have crashed and every deadline has passed; what is the outcome of a new user's sign-up? It
    /// depends only on the claim on the e-mail and on the record of its holder: so it is tried once for each pair of
    /// them, and the database that it leaves is checked, too.
    async fn try_newcomer(&mut self, image: usize, place: usize) -> ActOutcome {
        let email = self.rival[place].0;
        let ending = format!(":claim:{email}");
        let before = &self.images[image];
        let claim = before.iter().find(|(key, _)| key.ends_with(&ending)).map(|(_, content)| format!("{content:?}"));
        let holder = claim.as_ref().and_then(|claim| {
            let id = claim.trim_start_matches("Text(\"").split(':').next().unwrap_or_default();
            record_of(before, id).map(|record| format!("{record:?}"))
        });
        let case = (email, claim, holder);
        if let Some(known) = self.tried.get(&case) {
            return *known;
        }
        self.key_space.restore(before).await;
        self.loaded = None;
        let client_tree = &mut self.rival[place].1;
        let mut at = START;
        while let ScriptState::AwaitsReply(request) = client_tree.node(at).state.clone() {
            let answer = self.key_space.run(&request).await;
            at = client_tree.after(at, HeldStepReply::Answer(answer)).await;
        }
        let outcome = client_tree.node(at).outcomes[0];
        let left = self.key_space.image().await;
        let mine = owner(&left, email) == Some(id_of(NEWCOMER));
        let sound = userd_test_support::redis_audit::audit_image(&left, "userd:").contradictions
            == userd_test_support::redis_audit::audit_image(before, "userd:").contradictions;
        let outcome = if sound && mine == (outcome == ActOutcome::Done) { outcome } else { ActOutcome::Unknown };
        self.tried.insert(case, outcome);
        outcome
    }

    fn describe_violation(&self, mut here: usize, what: &[String]) -> String {
        let image = &self.images[self.states[here].image];
        let mut lines = vec![format!("{what:#?}"), format!("database: {image:#?}")];
        while let Some((before, choice)) = &self.visited[here].from {
            let request = match *choice {
                ScheduleChoice::Step(client) | ScheduleChoice::Lose(client) => {
                    match &self.client_trees[client].node(self.states[*before].at[client]).state {
                        ScriptState::AwaitsReply(request) => request.clone(),
                        ScriptState::Finished => Vec::new(),
                    }
                }
                ScheduleChoice::Again(client, message) => {
                    self.client_trees[client].node(self.states[*before].at[client]).sent[message].clone()
                }
            };
            lines.push(format!("{choice:?}: {}", String::from_utf8_lossy(&request).replace("\r\n", " ")));
            here = *before;
        }
        lines.push(format!("{:#?}", self.scenario));
        lines.reverse();
        lines.join("\n")
    }

    fn explored(&self) -> SearchSummary {
        // A step makes its client's history longer, so every predecessor of a state comes before it in this order.
        let reply = |state: &usize| -> usize {
            (self.client_trees.iter().zip(&self.states[*state].at))
                .map(|(client_tree, &at)| client_tree.depth(at))
                .sum()
        };
        let mut order: Vec<usize> = (0..self.states.len()).collect();
        order.sort_by_cached_key(reply);
        let mut ways = vec![0_u128; self.states.len()];
        ways[0] = 1;
        let mut schedules = 0;
        for here in order {
            for &there in &self.visited[here].plainly_to {
                ways[there] += ways[here];
            }
            let over = |(client_tree, &at): (&InterleavedClient, &HistoryIndex)| {
                client_tree.node(at).state == ScriptState::Finished
            };
            if self.client_trees.iter().zip(&self.states[here].at).all(over) {
                schedules += ways[here];
            }
        }
        SearchSummary {
            states: self.states.len(),
            choices: self.choices_made,
            databases: self.images.len(),
            histories: self.client_trees.iter().map(InterleavedClient::histories).sum(),
            runs: self.ran.len(),
            schedules,
        }
    }
}
