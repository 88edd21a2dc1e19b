//! A doctor that is killed at any step of a repair, or whose step's answer is lost, leaves nothing worse.

use std::sync::Arc;

use tokio::sync::Notify;
use userd_core::User;
use userd_store::{Examine, Place, Portion, StoreError, Treatment};

use userd_test_support::proxy::{Fate, Proxy};
use userd_test_support::recovery::patient_store;
use userd_test_support::redis_audit::audit;
use userd_test_support::ward::{Ward, kinds};

const EMAILS: [&str; 4] = ["a@example.org", "b@example.org", "c@example.org", "d@example.org"];

/// More steps than the repairs below take.
const STEPS_MAX: usize = 40;

/// The steps of connecting: self-test and namespace.
const CONNECTING: usize = 2;

/// Users with a damage each, so that every repair has something to do.
async fn damaged() -> (Ward, Vec<User>) {
    let ward = Ward::open().await;
    let mut users = Vec::new();
    for email in EMAILS {
        users.push(ward.signed_up(email).await);
    }
    let till = (ward.now_ms() - 1).to_string();
    let free = |number| format!("free-{number}@example.org");
    ward.plant(&["DEL", &ward.claim(EMAILS[0])]);
    ward.plant(&["HSET", &ward.record(&users[1]), "ver", "2", "chg", &format!("2 {}", free(1)), "till", &till]);
    ward.plant(&["SET", &ward.claim(&free(1)), &format!("{}:2", users[1].id)]);
    ward.plant(&["HSET", &ward.record(&users[2]), "ver", "2", "rel", &format!("2 {}\n", free(2))]);
    ward.plant(&["SET", &ward.claim(&free(2)), &format!("{}:2", users[2].id)]);
    ward.plant(&["DEL", &ward.users(&users[3])]);
    ward.plant(&["ZADD", &ward.emails(&users[3]), "0", &format!("{}\0{}", free(3), users[3].id)]);
    ward.plant(&["SET", &ward.claim(&free(4)), &format!("{}:9", users[3].id)]);
    (ward, users)
}

async fn repair(ward: &Ward, store: &impl Examine) -> Result<(), StoreError> {
    let mut portion = Portion { from: Place::start(), size: 100, treatment: Treatment::Repair };
    while let Some(next) = store.examine(&portion, userd_core::clock::Clock::now(&*ward.clock)).await?.next {
        portion.from = next;
    }
    Ok(())
}

async fn assert_whole_after_another_pass(ward: &Ward, users: &[User], what: &str) {
    ward.pass(Treatment::Repair).await;
    let report = ward.pass(Treatment::Report).await;
    assert_eq!((kinds(&report), report.users), (vec![], 4), "{what}: {report:?}");
    assert_eq!(audit(&ward.server, "userd:").all(), Vec::<String>::new(), "{what}");
    for (user, email) in users.iter().zip(EMAILS) {
        assert_eq!(ward.by_email(email).await.map(|found| found.id), Some(user.id), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_killed_before_or_after_any_step_leaves_nothing_worse() {
    for after in [false, true] {
        for at in 0..=STEPS_MAX {
            assert!(at < STEPS_MAX, "the repair never runs through");
            let (ward, users) = damaged().await;
            let arrived = Arc::new(Notify::new());
            let fate = if after { Fate::StopAfter } else { Fate::StopBefore }(Arc::clone(&arrived));
            let decide = move |step| if step == CONNECTING + at { fate.clone() } else { Fate::Pass };
            let proxy = Proxy::start(ward.server.port(), decide).await;
            let store = patient_store(proxy.settings()).await;
            let ran_through = tokio::select! {
                done = repair(&ward, &store) => done.map(|()| true).expect("served"),
                () = arrived.notified() => false,
            };
            drop(store);
            assert_whole_after_another_pass(&ward, &users, &format!("step {at}, after it: {after}")).await;
            if ran_through {
                assert!(at >= 6, "the repairs have steps: {at}");
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_or_a_repeat_of_any_step_is_no_harm() {
    for fate in [Fate::CutBefore, Fate::CutAfter, Fate::Twice] {
        for at in 0..STEPS_MAX {
            let (ward, users) = damaged().await;
            let fate = fate.clone();
            let decide = move |step| if step == CONNECTING + at { fate.clone() } else { Fate::Pass };
            let proxy = Proxy::start(ward.server.port(), decide).await;
            repair(&ward, &patient_store(proxy.settings()).await).await.expect("served");
            let report = ward.pass(Treatment::Report).await;
            assert_eq!(kinds(&report), [], "disturbed at step {at}: {report:?}");
            assert_whole_after_another_pass(&ward, &users, &format!("disturbed at step {at}")).await;
            if proxy.steps() <= CONNECTING + at {
                break;
            }
        }
    }
}
