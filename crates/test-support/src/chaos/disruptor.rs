//! Kills, freezes and restarts processes, one after the other, as a seed decides. The choice is repeatable; which step
//! of which request it hits is not.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use userd_core::random::SeededRandom;

use super::disruptions::Disruption;
use super::fleet::UserdFleet;
use super::target::ChaosTarget;
use crate::random_numbers::{random_below, random_index};
use crate::redis_server::pause;

/// How much longer than an intent's lifetime the longest freeze of a userd is.
const PAST_THE_DEADLINE: Duration = Duration::from_secs(38);

/// The disruptions that were made, by name.
pub type DisruptionCounts = BTreeMap<&'static str, usize>;

/// How long and how hard.
#[derive(Debug, Clone, Copy)]
pub struct ChaosPlan {
    pub duration: Duration,
    pub seed: u64,
    /// With longer pauses and freezes, some longer than an intent's lifetime.
    pub long: bool,
}

struct Disruptor {
    random: SeededRandom,
    plan: ChaosPlan,
    until: Instant,
    /// Which processes are frozen, and until when.
    thaws: Vec<(Instant, usize)>,
    tally: DisruptionCounts,
}

/// Disrupts until its time is over; then all processes run again, but may not be ready yet.
pub fn run_disruptions(plan: ChaosPlan, fleet: &mut UserdFleet, target: &mut ChaosTarget) -> DisruptionCounts {
    let until = Instant::now() + plan.duration;
    let random = SeededRandom::from_seed(plan.seed);
    let mut disruptor = Disruptor { random, plan, until, thaws: Vec::new(), tally: DisruptionCounts::new() };
    while Instant::now() < until {
        let calm = if plan.long { disruptor.between(300, 2500) } else { disruptor.between(200, 700) };
        disruptor.wait(calm, fleet);
        let allowed_disruptions = target.allowed_disruptions();
        let disruptions = allowed_disruptions.disruptions;
        // Every second disruption is of the store, where it allows any.
        match random_below(&disruptor.random, 4) {
            0 | 1 if !disruptions.is_empty() => {
                let disruption = disruptions[random_index(&disruptor.random, disruptions.len())];
                disruptor.disrupt_store(disruption, fleet, target);
            }
            2 if allowed_disruptions.freezes_userd => disruptor.freeze(fleet),
            _ if allowed_disruptions.kills_userd => disruptor.kill(fleet),
            _ => {}
        }
    }
    fleet.thaw_all();
    disruptor.tally
}

impl Disruptor {
    fn between(&self, from_ms: u64, to_ms: u64) -> Duration {
        Duration::from_millis(from_ms + random_below(&self.random, to_ms - from_ms))
    }

    /// Waits, and continues frozen processes whose time is over.
    fn wait(&mut self, time: Duration, fleet: &mut UserdFleet) {
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

    fn member(&self, fleet: &UserdFleet) -> usize {
        random_index(&self.random, fleet.len())
    }

    fn kill(&mut self, fleet: &mut UserdFleet) {
        let (member, away) = (self.member(fleet), self.between(0, 400));
        fleet.kill(member);
        self.thaws.retain(|&(_, frozen)| frozen != member);
        self.wait(away, fleet);
        fleet.start_again(member);
        self.count("userd killed");
    }

    fn freeze(&mut self, fleet: &mut UserdFleet) {
        let (member, is_long) = (self.member(fleet), self.plan.long && random_below(&self.random, 6) == 0);
        let time = if is_long { PAST_THE_DEADLINE } else { self.between(100, 1800) };
        // One always serves, and all run at the end.
        if fleet.is_frozen(member) || fleet.frozen() + 1 >= fleet.len() || Instant::now() + time > self.until {
            return;
        }
        fleet.freeze(member);
        self.thaws.push((Instant::now() + time, member));
        self.count(if is_long { "userd frozen past the deadline" } else { "userd frozen" });
    }

    fn disrupt_store(&mut self, disruption: Disruption, fleet: &mut UserdFleet, target: &mut ChaosTarget) {
        let longest = if self.plan.long || target.fails_over() { 4000 } else { 1200 };
        let time = self.between(50, longest);
        target.disrupt(disruption, &self.random);
        self.wait(time, fleet);
        target.recover(disruption);
        self.count(disruption.name());
    }
}
