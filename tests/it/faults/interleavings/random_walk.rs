//! One random schedule, run from start to end: real stores, each held at every step, on one real Redis. Unlike
//! `explore` it memoises nothing; tests use it to check that `explore` finds the same.

use std::sync::Arc;
use userd_core::Actor;

use userd_core::random::{Random, SeededRandom, SystemRandom};
use userd_store::{CreateUserOutcome, Store};
use userd_store_redis::RedisStore;

use super::invariants::{fence_regressions, owner, violations};
use super::scenario::{AFTERWARDS_MS, ActOutcome, NEWCOMER, Scenario, now_of, run, user};
use userd_test_support::database_image::DatabaseImage;
use userd_test_support::fixtures::parse_email;
use userd_test_support::key_space::KeySpace;
use userd_test_support::redis_audit::audit_image;
use userd_test_support::redis_settings;
use userd_test_support::scheduler_proxy::is_script;
use userd_test_support::scripted_store::{HeldStepReply, ScriptState, ScriptedStore};

/// The work that one or several walks have done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WalkSummary {
    pub steps: usize,
    pub crashes: usize,
    pub lost_answers: usize,
    pub late_repeats: usize,
    /// Operations that were acknowledged.
    pub done: usize,
}

impl WalkSummary {
    pub fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.crashes += other.crashes;
        self.lost_answers += other.lost_answers;
        self.late_repeats += other.late_repeats;
        self.done += other.done;
    }
}

/// The state of a walk after a step, for comparison with a search.
pub struct WalkStage<'a> {
    pub image: &'a DatabaseImage,
    /// The replies that each client has received.
    pub reply: &'a [Vec<HeldStepReply>],
    pub faults_left: u8,
}

/// Clients, a server and a random generator.
pub struct RandomWalk {
    clients: Vec<ScriptedStore<ActOutcome>>,
    key_space: KeySpace,
    newcomers: RedisStore,
}

/// The state of a running walk.
struct WalkState<'a> {
    scenario: &'a Scenario,
    dice: SeededRandom,
    /// What each client waits for; `None` once it has finished or crashed.
    waits: Vec<Option<Vec<u8>>>,
    reply: Vec<Vec<HeldStepReply>>,
    sent: Vec<Vec<u8>>,
    image: DatabaseImage,
    faults_left: u8,
    walked: WalkSummary,
    lines: Vec<String>,
}

impl RandomWalk {
    /// Walks of `clients` clients on the server at `port`, which has no other users.
    pub async fn of(clients: usize, port: u16) -> Self {
        let mut all = Vec::new();
        for _ in 0..clients {
            all.push(ScriptedStore::of(port).await);
        }
        let settings = redis_settings::at(port);
        let newcomers = RedisStore::start(settings, Arc::new(SystemRandom)).await.expect("a store");
        Self { clients: all, key_space: KeySpace::of(port).await, newcomers }
    }

    /// One walk by `seed` from `start`; at most one client crashes. `watch` sees every stage.
    ///
    /// # Errors
    /// The first violation, with the steps that led to it.
    pub async fn run(
        &mut self,
        scenario: &Scenario,
        start: &DatabaseImage,
        seed: u64,
        mut watch: impl FnMut(&WalkStage<'_>),
    ) -> Result<WalkSummary, String> {
        self.key_space.restore(start).await;
        let mut walk_state = WalkState {
            scenario,
            dice: SeededRandom::from_seed(seed),
            waits: Vec::new(),
            reply: vec![Vec::new(); self.clients.len()],
            sent: Vec::new(),
            image: start.clone(),
            faults_left: scenario.faults,
            walked: WalkSummary::default(),
            lines: vec![format!("seed {seed}: {scenario:#?}")],
        };
        for (number, client) in scenario.clients.iter().enumerate() {
            let program = client.clone();
            let place = self.clients[number].begin(number, |store, notes| run(program, store, notes)).await;
            walk_state.waits.push(awaited_request(place));
        }
        while walk_state.waits.iter().any(Option::is_some) {
            self.choose(&mut walk_state).await;
            self.check_state(&mut walk_state).await?;
            let WalkState { image, reply, faults_left, .. } = &walk_state;
            watch(&WalkStage { image, reply, faults_left: *faults_left });
        }
        walk_state.walked.done =
            self.outcomes().iter().flatten().filter(|&&outcome| outcome == ActOutcome::Done).count();
        self.newcomers_find_nothing_blocked(&mut walk_state).await?;
        for client in &mut self.clients {
            client.crash().await;
        }
        Ok(walk_state.walked)
    }

    async fn choose(&mut self, walk_state: &mut WalkState<'_>) {
        let waiting: Vec<usize> =
            (0..walk_state.waits.len()).filter(|&client| walk_state.waits[client].is_some()).collect();
        let client = waiting[walk_state.roll(waiting.len())];
        let request = walk_state.waits[client].clone().expect("it waits");
        let fault = if walk_state.faults_left > 0 { walk_state.roll(10) } else { 9 };
        if fault == 0 && !walk_state.sent.is_empty() {
            let old = walk_state.roll(walk_state.sent.len());
            let old = walk_state.sent[old].clone();
            walk_state.faults_left -= 1;
            walk_state.walked.late_repeats += 1;
            walk_state.note("late again", &old);
            self.key_space.run(&old).await;
            return;
        }
        if walk_state.walked.crashes == 0 && walk_state.roll(30) == 0 {
            walk_state.walked.crashes += 1;
            if walk_state.roll(2) == 0 {
                walk_state.note(&format!("client {client} crashes after"), &request);
                let answer = HeldStepReply::Answer(self.key_space.run(&request).await);
                walk_state.has_sent(&request);
                // The client does not receive it any more; for a search that is the same as a client that does not go
                // on.
                if !answer.is_busy() {
                    walk_state.reply[client].push(answer);
                }
            } else {
                walk_state.note(&format!("client {client} crashes before"), &request);
            }
            self.clients[client].crash().await;
            walk_state.waits[client] = None;
            return;
        }
        let loses = fault == 1 && walk_state.scenario.lost_answers;
        walk_state.note(&format!("client {client}{}", if loses { ", answer lost" } else { "" }), &request);
        let answer = self.key_space.run(&request).await;
        walk_state.has_sent(&request);
        if loses {
            walk_state.faults_left -= 1;
            walk_state.walked.lost_answers += 1;
        }
        let reply = if loses { HeldStepReply::Lost } else { HeldStepReply::Answer(answer) };
        self.deliver(walk_state, client, &request, reply).await;
    }

    /// A client whose step finds the holder busy repeats it until its retries are used up: see `explore`.
    async fn deliver(
        &mut self,
        walk_state: &mut WalkState<'_>,
        client: usize,
        request: &[u8],
        mut reply: HeldStepReply,
    ) {
        loop {
            walk_state.walked.steps += 1;
            let place = self.clients[client].resume(&reply).await;
            let busy = reply.is_busy() && place == ScriptState::AwaitsReply(request.to_vec());
            walk_state.reply[client].push(reply);
            if !busy {
                walk_state.waits[client] = awaited_request(place);
                return;
            }
            reply = HeldStepReply::Answer(self.key_space.run(request).await);
        }
    }

    async fn check_state(&mut self, walk_state: &mut WalkState<'_>) -> Result<(), String> {
        let image = self.key_space.image().await;
        let outcomes = self.outcomes();
        let outcomes: Vec<&[ActOutcome]> = outcomes.iter().map(Vec::as_slice).collect();
        let mut found = violations(walk_state.scenario, &image, &outcomes);
        found.extend(fence_regressions(&walk_state.image, &image));
        walk_state.image = image;
        walk_state.verdict(&found)
    }

    fn outcomes(&self) -> Vec<Vec<ActOutcome>> {
        self.clients.iter().map(ScriptedStore::notes).collect()
    }

    /// I4: all clients have ended and every deadline has passed. A new user gets each free e-mail and is refused each
    /// taken one, and then every message that was ever sent arrives once more.
    async fn newcomers_find_nothing_blocked(&mut self, walk_state: &mut WalkState<'_>) -> Result<(), String> {
        let mut found = Vec::new();
        for (number, email) in (NEWCOMER..).zip(walk_state.scenario.emails()) {
            let owned = owner(&walk_state.image, email).is_some();
            let newcomer = user(number, email, now_of(AFTERWARDS_MS));
            let outcome = self.newcomers.create_user(&newcomer, Actor::anonymous()).await.expect("served");
            if outcome != (if owned { CreateUserOutcome::EmailTaken } else { CreateUserOutcome::Created }) {
                found.push(format!("I4: {email} is owned: {owned}; the outcome for a new user was {outcome:?}"));
            }
            let by_email = self.newcomers.user_by_email(parse_email(email).canonical()).await.expect("served");
            if by_email.is_none() {
                found.push(format!("I2: {email} leads to no user"));
            }
        }
        walk_state.verdict(&found)?;
        for old in walk_state.sent.clone() {
            self.key_space.run(&old).await;
        }
        self.check_state(walk_state).await?;
        let contradictions = audit_image(&walk_state.image, "userd:").contradictions;
        walk_state.verdict(&contradictions)
    }
}

impl WalkState<'_> {
    fn roll(&mut self, sides: usize) -> usize {
        let mut bytes = [0; 8];
        self.dice.fill(&mut bytes);
        usize::from_le_bytes(bytes) % sides
    }

    fn note(&mut self, what: &str, request: &[u8]) {
        self.lines.push(format!("{what}: {}", String::from_utf8_lossy(request).replace("\r\n", " ")));
    }

    fn has_sent(&mut self, request: &[u8]) {
        if is_script(request) && self.sent.iter().all(|sent| sent != request) {
            self.sent.push(request.to_vec());
        }
    }

    fn verdict(&self, found: &[String]) -> Result<(), String> {
        if found.is_empty() {
            return Ok(());
        }
        Err(format!("{}\ndatabase: {:#?}\n{found:#?}", self.lines.join("\n"), self.image))
    }
}

fn awaited_request(place: ScriptState) -> Option<Vec<u8>> {
    match place {
        ScriptState::AwaitsReply(request) => Some(request),
        ScriptState::Finished => None,
    }
}
