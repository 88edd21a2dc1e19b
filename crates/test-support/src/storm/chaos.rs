//! Kills, freezes and revives, one after the other, as a seed decides. What is drawn is repeatable; at which step of
//! which request it strikes is chance.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use userd_core::random::SeededRandom;

use super::blows::Blow;
use super::fleet::Fleet;
use super::place::{Place, below};
use crate::redis_server::pause;

/// How much longer than the life of an intent the longest freeze of a userd is.
const PAST_THE_DEADLINE: Duration = Duration::from_secs(38);

/// What was done, by name.
pub type Tally = BTreeMap<&'static str, usize>;

/// How it rages.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub lasting: Duration,
    pub seed: u64,
    /// Longer pauses and longer freezes, some longer than the life of an intent.
    pub long: bool,
}

struct Chaos {
    random: SeededRandom,
    weather: Weather,
    until: Instant,
    /// Who is frozen, and when they go on.
    thaws: Vec<(Instant, usize)>,
    tally: Tally,
}

/// Rages until its time is over; then everything is alive again, but has perhaps not come to itself.
pub fn rage(weather: Weather, fleet: &mut Fleet, place: &mut Place) -> Tally {
    let until = Instant::now() + weather.lasting;
    let random = SeededRandom::from_seed(weather.seed);
    let mut chaos = Chaos { random, weather, until, thaws: Vec::new(), tally: Tally::new() };
    while Instant::now() < until {
        let calm = if weather.long { chaos.between(300, 2500) } else { chaos.between(200, 700) };
        chaos.wait(calm, fleet);
        let threats = place.threats();
        let blows = threats.blows;
        // Every second blow is the store's, where it takes any.
        match below(&chaos.random, 4) {
            0 | 1 if !blows.is_empty() => {
                let blow = blows[usize::try_from(below(&chaos.random, blows.len() as u64)).unwrap_or_default()];
                chaos.strike_store(blow, fleet, place);
            }
            2 if threats.freezes_userd => chaos.freeze(fleet),
            _ if threats.kills_userd => chaos.kill(fleet),
            _ => {}
        }
    }
    fleet.heal();
    chaos.tally
}

impl Chaos {
    fn between(&self, from_ms: u64, to_ms: u64) -> Duration {
        Duration::from_millis(from_ms + below(&self.random, to_ms - from_ms))
    }

    /// Waits, and lets go on whose time has come.
    fn wait(&mut self, time: Duration, fleet: &mut Fleet) {
        let until = Instant::now() + time;
        loop {
            let now = Instant::now();
            self.thaws.retain(|&(at, member)| {
                let over = at <= now;
                if over && fleet.is_frozen(member) {
                    fleet.thaw(member);
                }
                !over
            });
            if now >= until {
                return;
            }
            pause();
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    fn member(&self, fleet: &Fleet) -> usize {
        usize::try_from(below(&self.random, fleet.len() as u64)).unwrap_or_default()
    }

    fn kill(&mut self, fleet: &mut Fleet) {
        let (member, away) = (self.member(fleet), self.between(0, 400));
        fleet.kill(member);
        self.thaws.retain(|&(_, frozen)| frozen != member);
        self.wait(away, fleet);
        fleet.start_again(member);
        self.count("userd killed");
    }

    fn freeze(&mut self, fleet: &mut Fleet) {
        let (member, is_long) = (self.member(fleet), self.weather.long && below(&self.random, 6) == 0);
        let time = if is_long { PAST_THE_DEADLINE } else { self.between(100, 1800) };
        // One is left to serve, and all are well again at the end.
        if fleet.is_frozen(member) || fleet.frozen() + 1 >= fleet.len() || Instant::now() + time > self.until {
            return;
        }
        fleet.freeze(member);
        self.thaws.push((Instant::now() + time, member));
        self.count(if is_long { "userd frozen past the deadline" } else { "userd frozen" });
    }

    fn strike_store(&mut self, blow: Blow, fleet: &mut Fleet, place: &mut Place) {
        let longest = if self.weather.long || place.fails_over() { 4000 } else { 1200 };
        let time = self.between(50, longest);
        place.strike(blow, &self.random);
        self.wait(time, fleet);
        place.recover(blow);
        self.count(blow.name());
    }
}
