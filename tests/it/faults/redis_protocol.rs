//! The claim protocol on a real Redis, disturbed at every one of its steps: crashes, lost answers, late
//! repeats, pauses longer than any deadline. (Rows 3, 4 and 5 of the fault table.)

use std::sync::Arc;

use tokio::sync::Notify;
use userd_core::clock::{Clock, ManualClock};
use userd_core::{Actor, User};
use userd_store::{CreateUserOutcome, DeleteUserOutcome, Store, StoreError, UpdateUserOutcome};
use userd_store_redis::{INTENT_MS, RedisStore};

use userd_test_support::fault_proxy::{FaultProxy, ProxyAction};
use userd_test_support::fixtures::{NOW, new_profile, new_user};
use userd_test_support::recovery::{self, store_with_long_timeout};
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_server::RedisServer;

const OLD: &str = "old@example.org";
const NEW: &str = "new@example.org";

/// More steps than any operation has; a loop that gets here does not end.
const STEPS_MAX: usize = 20;

/// The three operations that go through the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoreOperation {
    SignUp,
    ChangeEmail,
    Remove,
}

const OPERATIONS: [StoreOperation; 3] = [StoreOperation::SignUp, StoreOperation::ChangeEmail, StoreOperation::Remove];

impl StoreOperation {
    /// The e-mail that the user has in the end, if it succeeds.
    fn final_email(self) -> Option<&'static str> {
        match self {
            Self::SignUp => Some(OLD),
            Self::ChangeEmail => Some(NEW),
            Self::Remove => None,
        }
    }

    /// Runs it; true if it was acknowledged.
    async fn run(self, store: &RedisStore, clock: &ManualClock, user: &User) -> Result<bool, StoreError> {
        Ok(match self {
            Self::SignUp => store.create_user(user, Actor::anonymous()).await? == CreateUserOutcome::Created,
            Self::ChangeEmail => {
                let answer = store
                    .update_profile(user.id, user.version, &new_profile("Ada", NEW), Actor::anonymous(), clock.now())
                    .await?;
                matches!(answer, UpdateUserOutcome::Updated(_))
            }
            Self::Remove => {
                store.delete_user(user.id, user.version, Actor::anonymous(), clock.now()).await?
                    == DeleteUserOutcome::Deleted
            }
        })
    }
}

/// One server, a user on it where the operation needs one, and a store that is disturbed at one step.
struct ProtocolSetup {
    server: RedisServer,
    clock: Arc<ManualClock>,
    user: User,
}

impl ProtocolSetup {
    async fn start(operation: StoreOperation) -> Self {
        let setup = Self::empty();
        if operation != StoreOperation::SignUp {
            assert_eq!(
                store_with_long_timeout(setup.server.settings())
                    .await
                    .create_user(&setup.user, Actor::anonymous())
                    .await
                    .expect("served"),
                CreateUserOutcome::Created
            );
        }
        setup
    }

    fn empty() -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let user = new_user(&clock, OLD);
        Self { server: RedisServer::start(), clock, user }
    }

    /// A store through a proxy that lets the operation's `at`-th step meet `fate` and all others pass. The
    /// steps of connecting (self-test, namespace) are not counted.
    async fn store_with_fault(&self, at: usize, fate: ProxyAction) -> (RedisStore, FaultProxy) {
        let connecting = 2;
        let decide = move |step| if step == connecting + at { fate.clone() } else { ProxyAction::Forward };
        let proxy = FaultProxy::start(self.server.port(), decide).await;
        let store = store_with_long_timeout(proxy.settings()).await;
        assert_eq!(proxy.steps(), connecting, "connecting takes as many steps as the test believes");
        (store, proxy)
    }

    /// See [`recovery::assert_recovers`].
    async fn assert_recovers(&self, operation: StoreOperation, acknowledged: bool, what: &str) {
        let outcome = [OLD, NEW].map(|email| (email, (operation.final_email() == Some(email)).then_some(self.user.id)));
        let outcome: &[_] = if acknowledged { &outcome } else { &[] };
        recovery::assert_recovers(&self.server, &self.clock, outcome, &[OLD, NEW], what).await;
    }
}

/// Runs every operation once for each of its steps and each fate, until one runs through undisturbed.
async fn for_every_step(fates: impl Fn(Arc<Notify>) -> Vec<ProxyAction>) {
    for operation in OPERATIONS {
        for fate_number in 0..fates(Arc::default()).len() {
            for at in 0..=STEPS_MAX {
                assert!(at < STEPS_MAX, "{operation:?} never runs through");
                let setup = ProtocolSetup::start(operation).await;
                let arrived = Arc::new(Notify::new());
                let (store, _proxy) =
                    setup.store_with_fault(at, fates(Arc::clone(&arrived))[fate_number].clone()).await;
                let outcome = tokio::select! {
                    outcome = operation.run(&store, &setup.clock, &setup.user) => Some(outcome.expect("served")),
                    () = arrived.notified() => None,
                };
                drop(store);
                let what = format!("{operation:?}, fate {fate_number} at step {at}");
                setup.assert_recovers(operation, outcome == Some(true), &what).await;
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
    for_every_step(|arrived| vec![ProxyAction::StopBefore(Arc::clone(&arrived)), ProxyAction::StopAfter(arrived)])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_or_a_repeat_of_any_step_changes_nothing() {
    for operation in OPERATIONS {
        for fate in [ProxyAction::CutBefore, ProxyAction::CutAfter, ProxyAction::Twice] {
            for at in 0..STEPS_MAX {
                let setup = ProtocolSetup::start(operation).await;
                let (store, proxy) = setup.store_with_fault(at, fate.clone()).await;
                let done = operation.run(&store, &setup.clock, &setup.user).await.expect("served");
                assert!(done, "{operation:?} is done although step {at} was disturbed");
                assert_eq!(audit(&setup.server, "userd:").all(), Vec::<String>::new(), "{operation:?} at step {at}");
                if proxy.steps() <= 2 + at {
                    break;
                }
            }
        }
    }
}

/// An operation is paused inside any step, for longer than the deadline of intents; another user takes the e-mail
/// meanwhile; then the paused operation continues.
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_paused_past_its_deadline_can_not_commit() {
    for operation in [StoreOperation::SignUp, StoreOperation::ChangeEmail] {
        let wanted = operation.final_email().expect("an e-mail");
        for at in 0..=STEPS_MAX {
            assert!(at < STEPS_MAX, "{operation:?} never runs through");
            let setup = ProtocolSetup::start(operation).await;
            let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let (store, _proxy) =
                setup.store_with_fault(at, ProxyAction::Hold(Arc::clone(&arrived), Arc::clone(&go_on))).await;
            let paused_clock = ManualClock::at(setup.clock.now());
            let paused = operation.run(&store, &paused_clock, &setup.user);
            tokio::pin!(paused);
            let ran_through = tokio::select! {
                outcome = &mut paused => Some(outcome),
                () = arrived.notified() => None,
            };
            if let Some(outcome) = ran_through {
                assert!(outcome.expect("served"));
                break;
            }
            setup.clock.advance_ms(2 * INTENT_MS);
            let rival_store = store_with_long_timeout(setup.server.settings()).await;
            let rival = new_user(&setup.clock, wanted);
            let rival_won = rival_store.create_user(&rival, Actor::anonymous()).await.expect("served")
                == CreateUserOutcome::Created;
            go_on.notify_one();
            let paused_won = paused.await.unwrap_or(false);
            assert!(!(rival_won && paused_won), "{operation:?}, paused at step {at}: both have {wanted}");
            let expected = if rival_won { Some(rival.id) } else { Some(setup.user.id) };
            let what = format!("{operation:?}, paused at step {at}");
            assert_eq!(recovery::owner(&rival_store, wanted).await, expected, "{what}");
            recovery::assert_no_contradictions(&setup.server, &what);
        }
    }
}

/// 50 rounds of many sign-ups for one e-mail over three stores (row 1, in short form).
#[tokio::test(flavor = "multi_thread")]
async fn of_many_sign_ups_over_three_stores_exactly_one_wins_each_round() {
    let setup = ProtocolSetup::empty();
    let mut stores = Vec::new();
    for _ in 0..3 {
        stores.push(Arc::new(store_with_long_timeout(setup.server.settings()).await));
    }
    for round in 0..50 {
        let email = format!("round-{round}@example.org");
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..60 {
            let (store, user) = (Arc::clone(&stores[n % stores.len()]), new_user(&setup.clock, &email));
            tasks.spawn(async move { store.create_user(&user, Actor::anonymous()).await.expect("served") });
        }
        let outcomes = tasks.join_all().await;
        assert_eq!(
            outcomes.iter().filter(|&&outcome| outcome == CreateUserOutcome::Created).count(),
            1,
            "round {round}"
        );
    }
    assert_eq!(stores[0].users_count().await.expect("served"), 50);
    assert_eq!(audit(&setup.server, "userd:").all(), Vec::<String>::new());
}
