//! Repairing doctors while several userd serve sign-ups, changes, swaps and deletions: they find only operations in
//! flight, and harm no user.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;
use userd_core::clock::Clock;
use userd_core::{Actor, User};
use userd_store::{CheckMode, CreateUserOutcome, DeleteUserOutcome, Finding, FindingKind, Store, UpdateUserOutcome};
use userd_store_redis::RedisStore;

use userd_test_support::damage_kit::{DamageKit, check_store, finding_kinds};
use userd_test_support::fixtures::{new_profile, new_user};
use userd_test_support::recovery::store_with_long_timeout;
use userd_test_support::redis_audit::audit;

const STORES: usize = 3;
const WORKERS: usize = 9;
const ROUNDS: usize = 40;

/// E-mail addresses that all workers contend for.
const WANTED: usize = 4;

/// What a worker leaves: users with their last acknowledged state, and deleted ids.
#[derive(Default)]
struct WorkerResult {
    users: Vec<User>,
    deleted: Vec<User>,
}

async fn run_worker(store: Arc<RedisStore>, kit: Arc<DamageKit>, worker: usize) -> WorkerResult {
    let mut left = WorkerResult::default();
    for round in 0..ROUNDS {
        let own = new_user(&kit.clock, &format!("own-{worker}-{round}@example.org"));
        assert_eq!(store.create_user(&own, Actor::anonymous()).await.expect("served"), CreateUserOutcome::Created);
        let wanted = format!("wanted-{}@example.org", (worker + round) % WANTED);
        let now = kit.clock.now();
        // To a contended e-mail address, away from it again, and every other user is deleted.
        let answer =
            store.update_profile(own.id, own.version, &new_profile("Wanting", &wanted), Actor::anonymous(), now).await;
        let user = match answer.expect("served") {
            UpdateUserOutcome::Updated(user) => *user,
            UpdateUserOutcome::EmailTaken => own,
            other => panic!("{other:?}"),
        };
        let _ = store.create_user(&new_user(&kit.clock, &wanted), Actor::anonymous()).await.expect("served");
        let own_again = new_profile("Content", &format!("again-{worker}-{round}@example.org"));
        let UpdateUserOutcome::Updated(user) =
            store.update_profile(user.id, user.version, &own_again, Actor::anonymous(), now).await.expect("served")
        else {
            panic!("no other worker wants it")
        };
        if round % 2 == 0 {
            assert_eq!(
                store.delete_user(user.id, user.version, Actor::anonymous(), now).await.expect("served"),
                DeleteUserOutcome::Deleted
            );
            left.deleted.push(*user);
        } else {
            left.users.push(*user);
        }
    }
    left
}

async fn check_until(over: Arc<AtomicBool>, store: Arc<RedisStore>, kit: Arc<DamageKit>) -> (usize, Vec<Finding>) {
    let (mut passes, mut found) = (0, Vec::new());
    while !over.load(Ordering::SeqCst) {
        found.extend(check_store(&store, &kit.clock, CheckMode::Repair).await.findings);
        passes += 1;
    }
    (passes, found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctors_that_repair_under_heavy_load_find_no_damage_and_harm_no_user() {
    let kit = Arc::new(DamageKit::open().await);
    let over = Arc::new(AtomicBool::new(false));
    let mut stores = Vec::new();
    for _ in 0..STORES {
        stores.push(Arc::new(store_with_long_timeout(kit.server.settings()).await));
    }
    let mut doctors = JoinSet::new();
    for store in &stores[..2] {
        doctors.spawn(check_until(Arc::clone(&over), Arc::clone(store), Arc::clone(&kit)));
    }
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        workers.spawn(run_worker(Arc::clone(&stores[worker % STORES]), Arc::clone(&kit), worker));
    }
    let left = workers.join_all().await;
    over.store(true, Ordering::SeqCst);
    for (passes, found) in doctors.join_all().await {
        assert!(passes > 0);
        // On a busy machine a worker may be delayed before its next step for longer than the doctor's check.
        let on_its_way = [FindingKind::UnreleasedClaim, FindingKind::OrphanedClaim];
        let damage: Vec<_> = found.iter().filter(|finding| !on_its_way.contains(&finding.kind)).collect();
        assert!(damage.is_empty(), "{damage:?}");
    }
    assert_eq!(audit(&kit.server, "userd:").contradictions, Vec::<String>::new());
    for WorkerResult { users, deleted } in left {
        for user in users {
            assert_eq!(kit.store.user(user.id).await.expect("served").as_ref(), Some(&user));
            assert_eq!(kit.by_email(user.email.as_written()).await, Some(user));
        }
        for user in deleted {
            assert_eq!(kit.store.user(user.id).await.expect("served"), None);
        }
    }
    kit.run_check(CheckMode::Repair).await;
    assert_eq!(finding_kinds(&kit.run_check(CheckMode::Report).await), []);
    assert_eq!(audit(&kit.server, "userd:").all(), Vec::<String>::new());
}
