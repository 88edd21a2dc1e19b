//! A doctor that is killed at any step of a repair, or loses the step's answer, leaves nothing worse.

use std::sync::Arc;

use tokio::sync::Notify;
use userd_core::User;
use userd_store::{CheckBatch, CheckCursor, CheckMode, ConsistencyCheck, StoreError};

use userd_test_support::damage_kit::{DamageKit, finding_kinds};
use userd_test_support::fault_proxy::{FaultProxy, ProxyAction};
use userd_test_support::recovery::store_with_long_timeout;
use userd_test_support::redis_audit::audit;

const EMAILS: [&str; 4] = ["a@example.org", "b@example.org", "c@example.org", "d@example.org"];

/// More steps than the repairs below take.
const STEPS_MAX: usize = 40;

/// The steps of connecting: self-test and namespace.
const CONNECTING: usize = 2;

/// Users with one damage each, so that every repair runs.
async fn damaged() -> (DamageKit, Vec<User>) {
    let kit = DamageKit::open().await;
    let mut users = Vec::new();
    for email in EMAILS {
        users.push(kit.signed_up(email).await);
    }
    let till = (kit.now_ms() - 1).to_string();
    let free = |number| format!("free-{number}@example.org");
    kit.plant(&["DEL", &kit.claim(EMAILS[0])]);
    kit.plant(&["HSET", &kit.record(&users[1]), "ver", "2", "chg", &format!("2 {}", free(1)), "till", &till]);
    kit.plant(&["SET", &kit.claim(&free(1)), &format!("{}:2", users[1].id)]);
    kit.plant(&["HSET", &kit.record(&users[2]), "ver", "2", "rel", &format!("2 {}\n", free(2))]);
    kit.plant(&["SET", &kit.claim(&free(2)), &format!("{}:2", users[2].id)]);
    kit.plant(&["DEL", &kit.users(&users[3])]);
    kit.plant(&["ZADD", &kit.emails(&users[3]), "0", &format!("{}\0{}", free(3), users[3].id)]);
    kit.plant(&["SET", &kit.claim(&free(4)), &format!("{}:9", users[3].id)]);
    (kit, users)
}

async fn repair(kit: &DamageKit, store: &impl ConsistencyCheck) -> Result<(), StoreError> {
    let mut portion = CheckBatch { from: CheckCursor::start(), size: 100, mode: CheckMode::Repair };
    while let Some(next) = store.check_batch(&portion, userd_core::clock::Clock::now(&*kit.clock)).await?.next {
        portion.from = next;
    }
    Ok(())
}

async fn assert_consistent_after_another_check(kit: &DamageKit, users: &[User], what: &str) {
    kit.run_check(CheckMode::Repair).await;
    let report = kit.run_check(CheckMode::Report).await;
    assert_eq!((finding_kinds(&report), report.users), (vec![], 4), "{what}: {report:?}");
    assert_eq!(audit(&kit.server, "userd:").all(), Vec::<String>::new(), "{what}");
    for (user, email) in users.iter().zip(EMAILS) {
        assert_eq!(kit.by_email(email).await.map(|found| found.id), Some(user.id), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_killed_before_or_after_any_step_leaves_nothing_worse() {
    for after in [false, true] {
        for at in 0..=STEPS_MAX {
            assert!(at < STEPS_MAX, "the repair never runs through");
            let (kit, users) = damaged().await;
            let arrived = Arc::new(Notify::new());
            let fate = if after { ProxyAction::StopAfter } else { ProxyAction::StopBefore }(Arc::clone(&arrived));
            let decide = move |step| if step == CONNECTING + at { fate.clone() } else { ProxyAction::Forward };
            let proxy = FaultProxy::start(kit.server.port(), decide).await;
            let store = store_with_long_timeout(proxy.settings()).await;
            let ran_through = tokio::select! {
                done = repair(&kit, &store) => done.map(|()| true).expect("served"),
                () = arrived.notified() => false,
            };
            drop(store);
            assert_consistent_after_another_check(&kit, &users, &format!("step {at}, after it: {after}")).await;
            if ran_through {
                assert!(at >= 6, "the repairs have steps: {at}");
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_or_a_repeat_of_any_step_does_no_harm() {
    for fate in [ProxyAction::CutBefore, ProxyAction::CutAfter, ProxyAction::Twice] {
        for at in 0..STEPS_MAX {
            let (kit, users) = damaged().await;
            let fate = fate.clone();
            let decide = move |step| if step == CONNECTING + at { fate.clone() } else { ProxyAction::Forward };
            let proxy = FaultProxy::start(kit.server.port(), decide).await;
            repair(&kit, &store_with_long_timeout(proxy.settings()).await).await.expect("served");
            let report = kit.run_check(CheckMode::Report).await;
            assert_eq!(finding_kinds(&report), [], "disturbed at step {at}: {report:?}");
            assert_consistent_after_another_check(&kit, &users, &format!("disturbed at step {at}")).await;
            if proxy.steps() <= CONNECTING + at {
                break;
            }
        }
    }
}
