//! Every schedule of a scenario, on the real store and a real Redis, cut where a state is met again.
//!
//! A state is the whole database, every client's history, and how many faults a run may still have. From it lead
//! all choices: a client's next step runs and it gets the answer; the step runs and its answer is lost, so the
//! store sends it again; an old message of anybody arrives once more and its answer is dropped. A crash needs no
//! choice of its own: a client that crashed, before its step or after it, is one that is never chosen again, and
//! every state is judged as one in which any of them may have crashed.
//!
//! Each distinct message on each distinct database runs once on the real server, and each history of a client is
//! found out once from the real store (see `actor`); schedules are put together from these. That this is the same as
//! running them whole is tested by `walk`, which does so.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;

use super::actor::{Actor, At, START};
use super::invariants::{owner, steps_back, violations};
use super::scenario::{AFTERWARDS_MS, Act, Client, Outcome, RIVAL, Scenario, id_of};
use super::walk::Stage;
use userd_test_support::image::{Image, record_of};
use userd_test_support::key_space::KeySpace;
use userd_test_support::stepped::{Place, Told};

/// What can be done in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The client's step runs, and it gets the answer.
    Step(usize),
    /// The client's step runs, and its answer is lost.
    Lose(usize),
    /// An old message of the client arrives once more.
    Again(usize, usize),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    image: usize,
    at: Vec<At>,
    faults_left: u8,
}

/// In which order states are taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As they were met: the first violation is one with the fewest choices before it.
    NearestFirst,
    /// The last one first: a client mostly goes on from where it stands, and is seldom run anew.
    OnwardFirst,
}

/// Where a state was first met from, and what led on from it.
struct Met {
    from: Option<(usize, Choice)>,
    /// Where next steps without any fault lead.
    plainly_to: Vec<usize>,
}

/// A search through one scenario.
pub struct Search {
    scenario: Scenario,
    actors: Vec<Actor>,
    key_space: KeySpace,
    images: Vec<Image>,
    image_numbers: HashMap<Image, usize>,
    /// What lies on the server now.
    lies_there: Option<usize>,
    ran: HashMap<(usize, Vec<u8>), (usize, Vec<u8>)>,
    states: Vec<State>,
    state_numbers: HashMap<State, usize>,
    met: Vec<Met>,
    choices_made: usize,
    /// Databases and outcomes that were found right.
    judged: HashSet<(usize, Vec<Vec<Outcome>>)>,
    /// From which database to which steps have led, and none went back.
    onward: HashSet<(usize, usize)>,
    tried: HashMap<(&'static str, Option<String>, Option<String>), Outcome>,
    rival: Vec<(&'static str, Actor)>,
}

/// How much was explored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Explored {
    pub states: usize,
    pub choices: usize,
    pub databases: usize,
    pub histories: usize,
    pub runs: usize,
    /// Of those without a fault and without a crash, each a whole run.
    pub schedules: u128,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} schedules without a fault; with all: {} states, {} choices, {} databases, {} client histories, {} runs of a message",
            self.schedules, self.states, self.choices, self.databases, self.histories, self.runs
        )
    }
}

impl Explored {
    pub fn add(&mut self, other: Self) {
        self.states += other.states;
        self.choices += other.choices;
        self.databases += other.databases;
        self.histories += other.histories;
        self.runs += other.runs;
        self.schedules += other.schedules;
    }
}

impl Search {
    /// A search on the server at `port`, which nobody else uses.
    pub async fn of(scenario: Scenario, port: u16, mut key_space: KeySpace) -> Self {
        let mut actors = Vec::new();
        for (number, client) in scenario.clients.iter().enumerate() {
            actors.push(Actor::of(client.clone(), number, port).await);
        }
        let mut rival = Vec::new();
        for email in scenario.emails() {
            let client = Client { acts: vec![Act::SignUp(RIVAL, email)], ahead_ms: AFTERWARDS_MS };
            rival.push((email, Actor::of(client, actors.len(), port).await));
        }
        let start = super::beginning(&scenario, port, &mut key_space).await;
        let mut search = Self {
            scenario,
            actors,
            key_space,
            images: Vec::new(),
            image_numbers: HashMap::new(),
            lies_there: None,
            ran: HashMap::new(),
            states: Vec::new(),
            state_numbers: HashMap::new(),
            met: Vec::new(),
            choices_made: 0,
            judged: HashSet::new(),
            onward: HashSet::new(),
            tried: HashMap::new(),
            rival,
        };
        let image = search.number_of(start);
        let at = vec![START; search.actors.len()];
        let faults_left = search.scenario.faults;
        search.meet(State { image, at, faults_left }, None);
        search
    }

    /// Explores everything.
    ///
    /// # Errors
    /// The first violation that was met, with a schedule that leads to it.
    pub async fn run(&mut self, order: Order) -> Result<Explored, String> {
        let mut open = vec![VecDeque::new(); usize::from(self.scenario.faults) + 1];
        open[usize::from(self.scenario.faults)].push_back(0);
        // Those with more faults left come first, since they stand for those with fewer: see `meet`.
        while let Some(next) = open.iter_mut().rev().find(|next| !next.is_empty()) {
            let here = match order {
                Order::NearestFirst => next.pop_front(),
                Order::OnwardFirst => next.pop_back(),
            };
            let here = here.expect("it is not empty");
            self.judge(here).await?;
            for choice in self.choices(here) {
                let state = self.follow(here, &choice).await;
                let (before, after) = (self.states[here].image, state.image);
                let (known, left) = (self.states.len(), usize::from(state.faults_left));
                let is_plain = matches!(choice, Choice::Step(_)) && state.faults_left == self.scenario.faults;
                let there = self.meet(state, Some((here, choice)));
                self.choices_made += 1;
                if is_plain {
                    self.met[here].plainly_to.push(there);
                }
                if there == known {
                    open[left].push_back(there);
                }
                if self.onward.insert((before, after)) {
                    let back = steps_back(&self.images[before], &self.images[after]);
                    if !back.is_empty() {
                        return Err(self.told(there, &back));
                    }
                }
            }
        }
        Ok(self.explored())
    }

    /// The database on which the scenario begins.
    pub fn start(&self) -> &Image {
        &self.images[self.states[0].image]
    }

    /// Whether the search has met what a whole run came to.
    pub fn has_met(&self, stage: &Stage<'_>) -> bool {
        let Some(&image) = self.image_numbers.get(stage.image) else { return false };
        let at: Option<Vec<At>> = (self.actors.iter().zip(stage.told))
            .map(|(actor, told)| told.iter().try_fold(START, |at, told| actor.known(at, told)))
            .collect();
        at.is_some_and(|at| self.met_before(&mut State { image, at, faults_left: stage.faults_left }).is_some())
    }

    /// How often a broken script has run.
    pub fn times_broken(&self) -> usize {
        self.key_space.times_broken()
    }

    fn choices(&self, here: usize) -> Vec<Choice> {
        let state = &self.states[here];
        let (mut old, mut lost, mut next) = (Vec::new(), Vec::new(), Vec::new());
        for (client, &at) in state.at.iter().enumerate() {
            let node = self.actors[client].node(at);
            old.extend((0..node.sent.len()).map(|message| Choice::Again(client, message)));
            if matches!(node.place, Place::Asks(_)) {
                if self.scenario.lost_answers {
                    lost.push(Choice::Lose(client));
                }
                next.push(Choice::Step(client));
            }
        }
        if state.faults_left == 0 {
            return next;
        }
        // The plain next step comes last, for `Order::OnwardFirst`.
        old.into_iter().chain(lost).chain(next).collect()
    }

    async fn follow(&mut self, here: usize, choice: &Choice) -> State {
        let mut state = self.states[here].clone();
        let (client, request) = match *choice {
            Choice::Step(client) | Choice::Lose(client) => match &self.actors[client].node(state.at[client]).place {
                Place::Asks(request) => (client, request.clone()),
                Place::Finished => panic!("a finished client has no step"),
            },
            Choice::Again(client, message) => {
                (client, self.actors[client].node(state.at[client]).sent[message].clone())
            }
        };
        let (image, answer) = self.step(state.image, request).await;
        state.image = image;
        let told = match choice {
            Choice::Step(_) => Some(Told::Answer(answer)),
            Choice::Lose(_) => Some(Told::Lost),
            Choice::Again(..) => None,
        };
        if !matches!(choice, Choice::Step(_)) {
            state.faults_left -= 1;
        }
        if let Some(told) = told {
            state.at[client] = self.go_on(client, state.at[client], told).await;
        }
        state
    }

    /// Goes on with a client that was told this. Being told again and again that the holder of an e-mail is busy
    /// changes nothing but the client's patience, and a client that asks later is one that was not chosen yet: so
    /// whoever is told so is told so until its patience is over.
    async fn go_on(&mut self, client: usize, at: At, told: Told) -> At {
        let actor = &mut self.actors[client];
        let mut after = actor.after(at, told.clone()).await;
        while told.is_busy() && actor.node(after).place == actor.node(at).place {
            after = actor.after(after, told.clone()).await;
        }
        after
    }

    /// Runs one message on one database, once.
    async fn step(&mut self, before: usize, request: Vec<u8>) -> (usize, Vec<u8>) {
        let case = (before, request);
        if let Some(known) = self.ran.get(&case) {
            return known.clone();
        }
        let wanted = (self.lies_there != Some(before)).then_some(&self.images[before]);
        let (answer, after) = self.key_space.step(wanted, &case.1).await;
        let after = self.number_of(after);
        self.lies_there = Some(after);
        self.ran.insert(case, (after, answer.clone()));
        (after, answer)
    }

    fn number_of(&mut self, image: Image) -> usize {
        let next = self.images.len();
        let number = *self.image_numbers.entry(image.clone()).or_insert(next);
        if number == next {
            self.images.push(image);
        }
        number
    }

    /// The number of a state. One that could have more faults still, and is the same otherwise, leads to all that
    /// this one leads to, and stands for it.
    fn meet(&mut self, mut state: State, from: Option<(usize, Choice)>) -> usize {
        if let Some(known) = self.met_before(&mut state) {
            return known;
        }
        let next = self.states.len();
        self.state_numbers.insert(state.clone(), next);
        self.states.push(state);
        self.met.push(Met { from, plainly_to: Vec::new() });
        next
    }

    fn met_before(&self, state: &mut State) -> Option<usize> {
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

    /// Judges a state; what was judged before is remembered.
    async fn judge(&mut self, here: usize) -> Result<(), String> {
        let State { image, at, .. } = &self.states[here];
        let image = *image;
        let outcomes: Vec<Vec<Outcome>> =
            (self.actors.iter().zip(at)).map(|(actor, &at)| actor.node(at).outcomes.clone()).collect();
        if self.judged.contains(&(image, outcomes.clone())) {
            return Ok(());
        }
        let listed: Vec<&[Outcome]> = outcomes.iter().map(Vec::as_slice).collect();
        let mut found = violations(&self.scenario, &self.images[image], &listed);
        for place in 0..self.rival.len() {
            let outcome = self.newcomer(image, place).await;
            let email = self.rival[place].0;
            let taken = owner(&self.images[image], email).is_some();
            if outcome != (if taken { Outcome::Taken } else { Outcome::Done }) {
                found
                    .push(format!("I4: everybody crashed; {email} is taken: {taken}; a newcomer was told {outcome:?}"));
            }
        }
        if !found.is_empty() {
            return Err(self.told(here, &found));
        }
        self.judged.insert((image, outcomes));
        Ok(())
    }

    /// I4: everybody has crashed, every deadline has passed; what comes of a newcomer's sign-up? It looks at the
    /// claim on the e-mail and at the record of whoever holds it, and at nothing else: so it is tried once for each
    /// two of them, and the database that it leaves is looked at, too.
    async fn newcomer(&mut self, image: usize, place: usize) -> Outcome {
        let email = self.rival[place].0;
        let ending = format!(":claim:{email}");
        let lies = &self.images[image];
        let claim = lies.iter().find(|(key, _)| key.ends_with(&ending)).map(|(_, content)| format!("{content:?}"));
        let holder = claim.as_ref().and_then(|claim| {
            let id = claim.trim_start_matches("Text(\"").split(':').next().unwrap_or_default();
            record_of(lies, id).map(|record| format!("{record:?}"))
        });
        let case = (email, claim, holder);
        if let Some(known) = self.tried.get(&case) {
            return *known;
        }
        self.key_space.put(lies).await;
        self.lies_there = None;
        let actor = &mut self.rival[place].1;
        let mut at = START;
        while let Place::Asks(request) = actor.node(at).place.clone() {
            let answer = self.key_space.run(&request).await;
            at = actor.after(at, Told::Answer(answer)).await;
        }
        let outcome = actor.node(at).outcomes[0];
        let left = self.key_space.image().await;
        let mine = owner(&left, email) == Some(id_of(RIVAL));
        let sound = userd_test_support::redis_audit::compare(&left, "userd:").contradictions
            == userd_test_support::redis_audit::compare(lies, "userd:").contradictions;
        let outcome = if sound && mine == (outcome == Outcome::Done) { outcome } else { Outcome::Unknown };
        self.tried.insert(case, outcome);
        outcome
    }

    fn told(&self, mut here: usize, what: &[String]) -> String {
        let image = &self.images[self.states[here].image];
        let mut lines = vec![format!("{what:#?}"), format!("database: {image:#?}")];
        while let Some((before, choice)) = &self.met[here].from {
            let request = match *choice {
                Choice::Step(client) | Choice::Lose(client) => {
                    match &self.actors[client].node(self.states[*before].at[client]).place {
                        Place::Asks(request) => request.clone(),
                        Place::Finished => Vec::new(),
                    }
                }
                Choice::Again(client, message) => {
                    self.actors[client].node(self.states[*before].at[client]).sent[message].clone()
                }
            };
            lines.push(format!("{choice:?}: {}", String::from_utf8_lossy(&request).replace("\r\n", " ")));
            here = *before;
        }
        lines.push(format!("{:#?}", self.scenario));
        lines.reverse();
        lines.join("\n")
    }

    fn explored(&self) -> Explored {
        // A step makes its client's history longer, so whatever leads to a state comes before it in this order.
        let told = |state: &usize| -> usize {
            (self.actors.iter().zip(&self.states[*state].at)).map(|(actor, &at)| actor.depth(at)).sum()
        };
        let mut order: Vec<usize> = (0..self.states.len()).collect();
        order.sort_by_cached_key(told);
        let mut ways = vec![0_u128; self.states.len()];
        ways[0] = 1;
        let mut schedules = 0;
        for here in order {
            for &there in &self.met[here].plainly_to {
                ways[there] += ways[here];
            }
            let over = |(actor, &at): (&Actor, &At)| actor.node(at).place == Place::Finished;
            if self.actors.iter().zip(&self.states[here].at).all(over) {
                schedules += ways[here];
            }
        }
        Explored {
            states: self.states.len(),
            choices: self.choices_made,
            databases: self.images.len(),
            histories: self.actors.iter().map(Actor::histories).sum(),
            runs: self.ran.len(),
            schedules,
        }
    }
}
