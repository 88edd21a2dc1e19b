//! Doctors that repair while several userd sign people up, change, swap and delete: they find nothing but what is
//! on its way, and harm nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;
use userd_core::clock::Clock;
use userd_core::{Client, User};
use userd_store::{Finding, FindingKind, Insert, Remove, Store, Treatment, Update};
use userd_store_redis::RedisStore;

use userd_test_support::people::{person, profile};
use userd_test_support::recovery::patient_store;
use userd_test_support::redis_audit::audit;
use userd_test_support::ward::{Ward, kinds, pass};

const STORES: usize = 3;
const WORKERS: usize = 9;
const ROUNDS: usize = 40;

/// E-mails that everybody wants.
const WANTED: usize = 4;

/// What a worker leaves: users whose last acknowledged state is this, and ids that were deleted.
#[derive(Default)]
struct Left {
    users: Vec<User>,
    deleted: Vec<User>,
}

async fn work(store: Arc<RedisStore>, ward: Arc<Ward>, worker: usize) -> Left {
    let mut left = Left::default();
    for round in 0..ROUNDS {
        let own = person(&ward.clock, &format!("own-{worker}-{round}@example.org"));
        assert_eq!(store.insert_user(&own, Client::nobody()).await.expect("served"), Insert::Inserted);
        let wanted = format!("wanted-{}@example.org", (worker + round) % WANTED);
        let now = ward.clock.now();
        // To an e-mail that others want too, away from it again, and every other one is deleted.
        let answer =
            store.replace_profile(own.id, own.version, &profile("Wanting", &wanted), Client::nobody(), now).await;
        let user = match answer.expect("served") {
            Update::Updated(user) => *user,
            Update::Taken => own,
            other => panic!("{other:?}"),
        };
        let _ = store.insert_user(&person(&ward.clock, &wanted), Client::nobody()).await.expect("served");
        let own_again = profile("Content", &format!("again-{worker}-{round}@example.org"));
        let Update::Updated(user) =
            store.replace_profile(user.id, user.version, &own_again, Client::nobody(), now).await.expect("served")
        else {
            panic!("nobody else wants it")
        };
        if round % 2 == 0 {
            assert_eq!(
                store.remove_user(user.id, user.version, Client::nobody(), now).await.expect("served"),
                Remove::Removed
            );
            left.deleted.push(*user);
        } else {
            left.users.push(*user);
        }
    }
    left
}

async fn look_until(over: Arc<AtomicBool>, store: Arc<RedisStore>, ward: Arc<Ward>) -> (usize, Vec<Finding>) {
    let (mut passes, mut found) = (0, Vec::new());
    while !over.load(Ordering::SeqCst) {
        found.extend(pass(&store, &ward.clock, Treatment::Repair).await.findings);
        passes += 1;
    }
    (passes, found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctors_that_repair_under_heavy_load_find_no_damage_and_harm_nobody() {
    let ward = Arc::new(Ward::open().await);
    let over = Arc::new(AtomicBool::new(false));
    let mut stores = Vec::new();
    for _ in 0..STORES {
        stores.push(Arc::new(patient_store(ward.server.settings()).await));
    }
    let mut doctors = JoinSet::new();
    for store in &stores[..2] {
        doctors.spawn(look_until(Arc::clone(&over), Arc::clone(store), Arc::clone(&ward)));
    }
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        workers.spawn(work(Arc::clone(&stores[worker % STORES]), Arc::clone(&ward), worker));
    }
    let left = workers.join_all().await;
    over.store(true, Ordering::SeqCst);
    for (passes, found) in doctors.join_all().await {
        assert!(passes > 0);
        // On a busy machine a worker can be kept from its next step for longer than the doctor looks.
        let on_its_way = [FindingKind::ClaimsOwed, FindingKind::ClaimStray];
        let damage: Vec<_> = found.iter().filter(|finding| !on_its_way.contains(&finding.kind)).collect();
        assert!(damage.is_empty(), "{damage:?}");
    }
    assert_eq!(audit(&ward.server, "userd:").contradictions, Vec::<String>::new());
    for Left { users, deleted } in left {
        for user in users {
            assert_eq!(ward.store.user(user.id).await.expect("served").as_ref(), Some(&user));
            assert_eq!(ward.by_email(user.email.as_written()).await, Some(user));
        }
        for user in deleted {
            assert_eq!(ward.store.user(user.id).await.expect("served"), None);
        }
    }
    ward.pass(Treatment::Repair).await;
    assert_eq!(kinds(&ward.pass(Treatment::Report).await), []);
    assert_eq!(audit(&ward.server, "userd:").all(), Vec::<String>::new());
}
