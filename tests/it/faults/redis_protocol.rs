//! The claim protocol on a real Redis, disturbed at every one of its steps: crashes, lost answers, late
//! repeats, pauses longer than any deadline. (Rows 3, 4 and 5 of the fault table.)

use std::sync::Arc;

use tokio::sync::Notify;
use userd_core::clock::{Clock, ManualClock};
use userd_core::{Client, User};
use userd_store::{Insert, Remove, Store, StoreError, Update};
use userd_store_redis::{INTENT_MS, RedisStore};

use userd_test_support::people::{NOW, person, profile};
use userd_test_support::proxy::{Fate, Proxy};
use userd_test_support::recovery::{self, patient_store};
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_server::RedisServer;

const OLD: &str = "old@example.org";
const NEW: &str = "new@example.org";

/// More steps than any operation has; a loop that gets here would never end.
const STEPS_MAX: usize = 20;

/// The three operations that go through the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    SignUp,
    ChangeEmail,
    Remove,
}

const OPERATIONS: [Operation; 3] = [Operation::SignUp, Operation::ChangeEmail, Operation::Remove];

impl Operation {
    /// The e-mail that the user has in the end, if it succeeds.
    fn ends_with(self) -> Option<&'static str> {
        match self {
            Self::SignUp => Some(OLD),
            Self::ChangeEmail => Some(NEW),
            Self::Remove => None,
        }
    }

    /// Does it; true if it was acknowledged as done.
    async fn run(self, store: &RedisStore, clock: &ManualClock, user: &User) -> Result<bool, StoreError> {
        Ok(match self {
            Self::SignUp => store.insert_user(user, Client::nobody()).await? == Insert::Inserted,
            Self::ChangeEmail => {
                let answer = store
                    .replace_profile(user.id, user.version, &profile("Ada", NEW), Client::nobody(), clock.now())
                    .await?;
                matches!(answer, Update::Updated(_))
            }
            Self::Remove => {
                store.remove_user(user.id, user.version, Client::nobody(), clock.now()).await? == Remove::Removed
            }
        })
    }
}

/// One server, a user on it where the operation needs one, and a store that is disturbed at one step.
struct Scene {
    server: RedisServer,
    clock: Arc<ManualClock>,
    user: User,
}

impl Scene {
    async fn set(operation: Operation) -> Self {
        let scene = Self::empty();
        if operation != Operation::SignUp {
            assert_eq!(
                patient_store(scene.server.settings())
                    .await
                    .insert_user(&scene.user, Client::nobody())
                    .await
                    .expect("served"),
                Insert::Inserted
            );
        }
        scene
    }

    fn empty() -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let user = person(&clock, OLD);
        Self { server: RedisServer::start(), clock, user }
    }

    /// A store through a proxy that lets the operation's `at`-th step meet `fate` and all others pass. The
    /// steps of connecting (self-test, namespace) are not counted.
    async fn disturbed(&self, at: usize, fate: Fate) -> (RedisStore, Proxy) {
        let connecting = 2;
        let decide = move |step| if step == connecting + at { fate.clone() } else { Fate::Pass };
        let proxy = Proxy::start(self.server.port(), decide).await;
        let store = patient_store(proxy.settings()).await;
        assert_eq!(proxy.steps(), connecting, "connecting takes as many steps as the test believes");
        (store, proxy)
    }

    /// See [`recovery::assert_recovers`].
    async fn assert_recovers(&self, operation: Operation, acknowledged: bool, what: &str) {
        let outcome = [OLD, NEW].map(|email| (email, (operation.ends_with() == Some(email)).then_some(self.user.id)));
        let outcome: &[_] = if acknowledged { &outcome } else { &[] };
        recovery::assert_recovers(&self.server, &self.clock, outcome, &[OLD, NEW], what).await;
    }
}

/// Runs every operation once for each of its steps and each fate, until one runs through undisturbed.
async fn for_every_step(fates: impl Fn(Arc<Notify>) -> Vec<Fate>) {
    for operation in OPERATIONS {
        for fate_number in 0..fates(Arc::default()).len() {
            for at in 0..=STEPS_MAX {
                assert!(at < STEPS_MAX, "{operation:?} never runs through");
                let scene = Scene::set(operation).await;
                let arrived = Arc::new(Notify::new());
                let (store, _proxy) = scene.disturbed(at, fates(Arc::clone(&arrived))[fate_number].clone()).await;
                let outcome = tokio::select! {
                    outcome = operation.run(&store, &scene.clock, &scene.user) => Some(outcome.expect("served")),
                    () = arrived.notified() => None,
                };
                drop(store);
                let what = format!("{operation:?}, fate {fate_number} at step {at}");
                scene.assert_recovers(operation, outcome == Some(true), &what).await;
                if outcome.is_some() {
                    assert_eq!(outcome, Some(true), "{what}");
                    break;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_or_after_any_step_leaves_no_contradiction_and_blocks_nothing() {
    for_every_step(|arrived| vec![Fate::StopBefore(Arc::clone(&arrived)), Fate::StopAfter(arrived)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_or_a_repeat_of_any_step_changes_nothing() {
    for operation in OPERATIONS {
        for fate in [Fate::CutBefore, Fate::CutAfter, Fate::Twice] {
            for at in 0..STEPS_MAX {
                let scene = Scene::set(operation).await;
                let (store, proxy) = scene.disturbed(at, fate.clone()).await;
                let done = operation.run(&store, &scene.clock, &scene.user).await.expect("served");
                assert!(done, "{operation:?} is done although step {at} was disturbed");
                assert_eq!(audit(&scene.server, "userd:").all(), Vec::<String>::new(), "{operation:?} at step {at}");
                if proxy.steps() <= 2 + at {
                    break;
                }
            }
        }
    }
}

/// Somebody is paused inside any step, for longer than the deadline of intents; a rival takes the e-mail
/// meanwhile; then the paused one goes on.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_paused_past_the_deadline_can_not_commit_any_more() {
    for operation in [Operation::SignUp, Operation::ChangeEmail] {
        let wanted = operation.ends_with().expect("an e-mail");
        for at in 0..=STEPS_MAX {
            assert!(at < STEPS_MAX, "{operation:?} never runs through");
            let scene = Scene::set(operation).await;
            let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let (store, _proxy) = scene.disturbed(at, Fate::Hold(Arc::clone(&arrived), Arc::clone(&go_on))).await;
            let paused_clock = ManualClock::at(scene.clock.now());
            let paused = operation.run(&store, &paused_clock, &scene.user);
            tokio::pin!(paused);
            let ran_through = tokio::select! {
                outcome = &mut paused => Some(outcome),
                () = arrived.notified() => None,
            };
            if let Some(outcome) = ran_through {
                assert!(outcome.expect("served"));
                break;
            }
            scene.clock.advance_ms(2 * INTENT_MS);
            let rival_store = patient_store(scene.server.settings()).await;
            let rival = person(&scene.clock, wanted);
            let rival_won =
                rival_store.insert_user(&rival, Client::nobody()).await.expect("served") == Insert::Inserted;
            go_on.notify_one();
            let paused_won = paused.await.unwrap_or(false);
            assert!(!(rival_won && paused_won), "{operation:?}, paused at step {at}: both have {wanted}");
            let expected = if rival_won { Some(rival.id) } else { Some(scene.user.id) };
            let what = format!("{operation:?}, paused at step {at}");
            assert_eq!(recovery::owner(&rival_store, wanted).await, expected, "{what}");
            recovery::assert_no_contradictions(&scene.server, &what);
        }
    }
}

/// 50 rounds of many sign-ups for one e-mail over three stores (row 1, in short form).
#[tokio::test(flavor = "multi_thread")]
async fn of_many_sign_ups_over_three_stores_exactly_one_wins_each_round() {
    let scene = Scene::empty();
    let mut stores = Vec::new();
    for _ in 0..3 {
        stores.push(Arc::new(patient_store(scene.server.settings()).await));
    }
    for round in 0..50 {
        let email = format!("round-{round}@example.org");
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..60 {
            let (store, user) = (Arc::clone(&stores[n % stores.len()]), person(&scene.clock, &email));
            tasks.spawn(async move { store.insert_user(&user, Client::nobody()).await.expect("served") });
        }
        let outcomes = tasks.join_all().await;
        assert_eq!(outcomes.iter().filter(|&&outcome| outcome == Insert::Inserted).count(), 1, "round {round}");
    }
    assert_eq!(stores[0].users_count().await.expect("served"), 50);
    assert_eq!(audit(&scene.server, "userd:").all(), Vec::<String>::new());
}
