//! One schedule at random, run whole: real stores, each held at its every step, on one real Redis, from the start to
//! the end. Nothing is remembered and put together, as `explore` does; that it comes to the same is tested with this.

use std::sync::Arc;
use userd_core::Client;

use userd_core::random::{Random, SeededRandom, SystemRandom};
use userd_store::{Insert, Store};
use userd_store_redis::{RedisSettings, RedisStore};

use super::invariants::{owner, steps_back, violations};
use super::scenario::{AFTERWARDS_MS, Outcome, RIVAL, Scenario, now_of, run, user};
use userd_test_support::image::Image;
use userd_test_support::key_space::KeySpace;
use userd_test_support::people::address;
use userd_test_support::redis_audit::compare;
use userd_test_support::stepped::{Place, SteppedClient, Told};
use userd_test_support::stepper::is_script;

/// How much one walk, or several, have done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Walked {
    pub steps: usize,
    pub crashes: usize,
    pub lost_answers: usize,
    pub late_repeats: usize,
    /// Acts that were answered *done*.
    pub done: usize,
}

impl Walked {
    pub fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.crashes += other.crashes;
        self.lost_answers += other.lost_answers;
        self.late_repeats += other.late_repeats;
        self.done += other.done;
    }
}

/// What a walk has come to after a step, for comparison with a search.
pub struct Stage<'a> {
    pub image: &'a Image,
    /// What each client has been told.
    pub told: &'a [Vec<Told>],
    pub faults_left: u8,
}

/// Clients, a server and dice.
pub struct Walk {
    clients: Vec<SteppedClient<Outcome>>,
    key_space: KeySpace,
    newcomers: RedisStore,
}

/// One walk under way.
struct Course<'a> {
    scenario: &'a Scenario,
    dice: SeededRandom,
    /// What each client waits for; `None` once it has finished or crashed.
    waits: Vec<Option<Vec<u8>>>,
    told: Vec<Vec<Told>>,
    sent: Vec<Vec<u8>>,
    image: Image,
    faults_left: u8,
    walked: Walked,
    lines: Vec<String>,
}

impl Walk {
    /// Walks of `clients` clients on the server at `port`, which nobody else uses.
    pub async fn of(clients: usize, port: u16) -> Self {
        let mut all = Vec::new();
        for _ in 0..clients {
            all.push(SteppedClient::of(port).await);
        }
        let settings = RedisSettings::at("127.0.0.1", port);
        let newcomers = RedisStore::start(settings, Arc::new(SystemRandom)).await.expect("a store");
        Self { clients: all, key_space: KeySpace::of(port).await, newcomers }
    }

    /// One walk by `seed` from `start`; at most one client crashes. `watch` sees every stage.
    ///
    /// # Errors
    /// The first violation, with all that led to it.
    pub async fn run(
        &mut self,
        scenario: &Scenario,
        start: &Image,
        seed: u64,
        mut watch: impl FnMut(&Stage<'_>),
    ) -> Result<Walked, String> {
        self.key_space.put(start).await;
        let mut course = Course {
            scenario,
            dice: SeededRandom::from_seed(seed),
            waits: Vec::new(),
            told: vec![Vec::new(); self.clients.len()],
            sent: Vec::new(),
            image: start.clone(),
            faults_left: scenario.faults,
            walked: Walked::default(),
            lines: vec![format!("seed {seed}: {scenario:#?}")],
        };
        for (number, client) in scenario.clients.iter().enumerate() {
            let program = client.clone();
            let place = self.clients[number].begin(number, |store, notes| run(program, store, notes)).await;
            course.waits.push(asked(place));
        }
        while course.waits.iter().any(Option::is_some) {
            self.choose(&mut course).await;
            self.judge(&mut course).await?;
            let Course { image, told, faults_left, .. } = &course;
            watch(&Stage { image, told, faults_left: *faults_left });
        }
        course.walked.done = self.outcomes().iter().flatten().filter(|&&outcome| outcome == Outcome::Done).count();
        self.newcomers_find_nothing_blocked(&mut course).await?;
        for client in &mut self.clients {
            client.crash().await;
        }
        Ok(course.walked)
    }

    async fn choose(&mut self, course: &mut Course<'_>) {
        let waiting: Vec<usize> = (0..course.waits.len()).filter(|&client| course.waits[client].is_some()).collect();
        let client = waiting[course.roll(waiting.len())];
        let request = course.waits[client].clone().expect("it waits");
        let fault = if course.faults_left > 0 { course.roll(10) } else { 9 };
        if fault == 0 && !course.sent.is_empty() {
            let old = course.roll(course.sent.len());
            let old = course.sent[old].clone();
            course.faults_left -= 1;
            course.walked.late_repeats += 1;
            course.note("late again", &old);
            self.key_space.run(&old).await;
            return;
        }
        if course.walked.crashes == 0 && course.roll(30) == 0 {
            course.walked.crashes += 1;
            if course.roll(2) == 0 {
                course.note(&format!("client {client} crashes after"), &request);
                let answer = Told::Answer(self.key_space.run(&request).await);
                course.has_sent(&request);
                // The client does not hear it any more; a search does not tell that from one that does not go on.
                if !answer.is_busy() {
                    course.told[client].push(answer);
                }
            } else {
                course.note(&format!("client {client} crashes before"), &request);
            }
            self.clients[client].crash().await;
            course.waits[client] = None;
            return;
        }
        let loses = fault == 1 && course.scenario.lost_answers;
        course.note(&format!("client {client}{}", if loses { ", answer lost" } else { "" }), &request);
        let answer = self.key_space.run(&request).await;
        course.has_sent(&request);
        if loses {
            course.faults_left -= 1;
            course.walked.lost_answers += 1;
        }
        let told = if loses { Told::Lost } else { Told::Answer(answer) };
        self.tell(course, client, &request, told).await;
    }

    /// Whoever is told that somebody is busy asks until its patience is over: see `explore`.
    async fn tell(&mut self, course: &mut Course<'_>, client: usize, request: &[u8], mut told: Told) {
        loop {
            course.walked.steps += 1;
            let place = self.clients[client].go_on(&told).await;
            let busy = told.is_busy() && place == Place::Asks(request.to_vec());
            course.told[client].push(told);
            if !busy {
                course.waits[client] = asked(place);
                return;
            }
            told = Told::Answer(self.key_space.run(request).await);
        }
    }

    async fn judge(&mut self, course: &mut Course<'_>) -> Result<(), String> {
        let image = self.key_space.image().await;
        let outcomes = self.outcomes();
        let outcomes: Vec<&[Outcome]> = outcomes.iter().map(Vec::as_slice).collect();
        let mut found = violations(course.scenario, &image, &outcomes);
        found.extend(steps_back(&course.image, &image));
        course.image = image;
        course.verdict(&found)
    }

    fn outcomes(&self) -> Vec<Vec<Outcome>> {
        self.clients.iter().map(SteppedClient::notes).collect()
    }

    /// I4: nobody is there any more and every deadline has passed. A newcomer gets each free e-mail and is refused
    /// each taken one, and then every message that was ever sent arrives once more.
    async fn newcomers_find_nothing_blocked(&mut self, course: &mut Course<'_>) -> Result<(), String> {
        let mut found = Vec::new();
        for (number, email) in (RIVAL..).zip(course.scenario.emails()) {
            let owned = owner(&course.image, email).is_some();
            let newcomer = user(number, email, now_of(AFTERWARDS_MS));
            let outcome = self.newcomers.insert_user(&newcomer, Client::nobody()).await.expect("served");
            if outcome != (if owned { Insert::Taken } else { Insert::Inserted }) {
                found.push(format!("I4: {email} is owned: {owned}; a newcomer was told {outcome:?}"));
            }
            let by_email = self.newcomers.user_by_email(address(email).canonical()).await.expect("served");
            if by_email.is_none() {
                found.push(format!("I2: {email} leads to nobody"));
            }
        }
        course.verdict(&found)?;
        for old in course.sent.clone() {
            self.key_space.run(&old).await;
        }
        self.judge(course).await?;
        let contradictions = compare(&course.image, "userd:").contradictions;
        course.verdict(&contradictions)
    }
}

impl Course<'_> {
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

fn asked(place: Place) -> Option<Vec<u8>> {
    match place {
        Place::Asks(request) => Some(request),
        Place::Finished => None,
    }
}
