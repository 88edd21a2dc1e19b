//! Three clients: random schedules by seed, each run from start to end. The ordinary suite runs a fixed number; with
//! `USERD_FAULTS_SECONDS` as many run as fit into that time.

use std::time::{Duration, Instant};

use userd_core::random::{Random, SeededRandom};

use super::random_walk::{RandomWalk, WalkSummary};
use super::scenario::{A, B, C, CLOCKS, ClientScript, Scenario, ScenarioAct};
use userd_test_support::key_space::KeySpace;
use userd_test_support::redis_server::RedisServer;

/// The least number of walks.
const WALKS: u64 = 200;

/// A scenario by seed: two users, and three clients with one or two acts each, about three e-mails.
fn scenario(seed: u64) -> Scenario {
    let dice = SeededRandom::from_seed(seed);
    let roll = |sides: usize| {
        let mut bytes = [0; 8];
        dice.fill(&mut bytes);
        usize::from_le_bytes(bytes) % sides
    };
    let act = |newcomer: u64| {
        let (who, email) = (1 + u64::from(roll(2) == 1), [A, B, C][roll(3)]);
        match roll(7) {
            0 | 1 => ScenarioAct::SignUp(newcomer, email),
            2..=4 => ScenarioAct::Move(who, email),
            5 => ScenarioAct::NewPassword(who),
            _ => ScenarioAct::Remove(who),
        }
    };
    let client = |number: u64| {
        let acts = (0..=u64::from(roll(3) == 0)).map(|place| act(10 + 2 * number + place)).collect();
        ClientScript { acts, ahead_ms: CLOCKS.as_flattened()[roll(8)] }
    };
    Scenario { users: vec![(1, A), (2, B)], clients: (0..3).map(client).collect(), faults: 3, lost_answers: true }
}

#[tokio::test]
async fn three_clients_by_seed() {
    let first = super::setting("USERD_FAULTS_SEED").unwrap_or(1);
    let time = super::setting("USERD_FAULTS_SECONDS").map(Duration::from_secs);
    let server = RedisServer::start();
    let mut walk = RandomWalk::of(3, server.port()).await;
    let start = super::beginning(&scenario(0), server.port(), &mut KeySpace::of(server.port()).await).await;
    let (begun, mut walks, mut all) = (Instant::now(), 0, WalkSummary::default());
    while walks < WALKS || time.is_some_and(|time| begun.elapsed() < time) {
        let seed = first + walks;
        match walk.run(&scenario(seed), &start, seed, |_| ()).await {
            Ok(walked) => all.add(walked),
            Err(course) => panic!("{course}"),
        }
        walks += 1;
    }
    eprintln!("interleavings | three clients, {walks} walks from seed {first} | {all:?}");
    let walks = usize::try_from(walks).expect("a number of walks");
    assert!(all.steps > 10 * walks && all.done > walks, "they did little: {all:?}");
    assert!(all.crashes > walks / 10 && all.lost_answers > walks / 10 && all.late_repeats > walks / 10, "{all:?}");
}
