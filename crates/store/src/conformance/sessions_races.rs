//! Promises about sessions under races.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{NewSession, OpenSessionOutcome, Store, UpdateUserOutcome};
use userd_core::{EventKind, SessionLimits, User};

use super::concurrency::run_concurrently;
use super::session_fixtures::{LIMITS, actor_at, new_session, refresh_state};
use super::test_store::{TestStore, password_hash};

/// How often each race is run.
const ROUNDS: u16 = 10;

/// How many calls race.
const TASKS: u16 = 16;

/// The most reads of a reader in one round: far more than a change takes.
const READS_MAX: usize = 20_000;

pub async fn of_many_different_refreshes_exactly_one_succeeds(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    for round in 0..ROUNDS {
        let new = new_session(&ann, round);
        let new = NewSession { refresh: Some(refresh_state(&ann, &new, 1_000)), ..new };
        let OpenSessionOutcome::Opened(session) = test.open_session(&ann, &new).await else { panic!("Ann is there") };
        let nexts: Vec<_> = (0..TASKS).map(|number| refresh_state(&ann, &new, number)).collect();
        let outcomes =
            run_concurrently(
                nexts.iter().cloned().map(|next| {
                    let (store, id, session) = (Arc::clone(&test.store), ann.id, session.clone());
                    async move {
                        store.replace_refresh(id, &session, &next, session.created_at).await.expect("the store works")
                    }
                }),
            )
            .await;
        let winners: Vec<_> = nexts.iter().zip(&outcomes).filter(|(_, won)| **won).collect();
        assert_eq!(winners.len(), 1, "round {round}: {outcomes:?}");
        let kept = test.signed_in(ann.id, new.id).await.expect("it is open").session.refresh;
        assert_eq!(kept.as_ref(), Some(winners[0].0));
    }
}

pub async fn the_same_refresh_many_times_at_once_always_succeeds(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let new = new_session(&ann, 1);
    let new = NewSession { refresh: Some(refresh_state(&ann, &new, 1)), ..new };
    let OpenSessionOutcome::Opened(session) = test.open_session(&ann, &new).await else { panic!("Ann is there") };
    let outcomes = run_concurrently((0..TASKS).map(|_| {
        let (store, id, session, next) =
            (Arc::clone(&test.store), ann.id, session.clone(), refresh_state(&ann, &new, 2));
        async move { store.replace_refresh(id, &session, &next, session.created_at).await.expect("the store works") }
    }))
    .await;
    assert!(outcomes.iter().all(|done| *done), "{outcomes:?}");
}

pub async fn many_sign_ins_at_once_never_exceed_the_session_limit(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let limits = SessionLimits { sessions_max: 5, ..LIMITS };
    for round in 0..ROUNDS {
        let outcomes = run_concurrently((0..TASKS).map(|number| {
            let (store, user, now) = (Arc::clone(&test.store), ann.clone(), test.now());
            async move {
                let session = new_session(&user, round * TASKS + number);
                let open = store.open_session(user.id, user.version, &session, &limits, &actor_at(1), now).await;
                let listed = store.sessions(user.id, now).await.expect("the store works").0.len();
                (open.expect("the store works"), listed)
            }
        }))
        .await;
        for (open, listed) in outcomes {
            assert!(matches!(open, OpenSessionOutcome::Opened(_)), "round {round}: {open:?}");
            assert!((1..=5).contains(&listed), "round {round}: {listed} at once");
        }
        assert_eq!(test.session_ids(ann.id).await.len(), 5, "round {round}");
    }
}

pub async fn of_many_revocations_of_one_session_exactly_one_ends_it(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    for round in 0..ROUNDS {
        let session = test.opened(&ann, round).await;
        let outcomes = run_concurrently((0..TASKS).map(|_| {
            let (store, id, now) = (Arc::clone(&test.store), ann.id, test.now());
            async move {
                let ended = store.revoke_session(id, session.id, EventKind::SessionRevoked, &actor_at(2), now).await;
                ended.expect("the store works")
            }
        }))
        .await;
        assert_eq!(outcomes.iter().filter(|ended| **ended).count(), 1, "round {round}");
    }
    let events = test.store.events(ann.id, 1_000).await.expect("the store works");
    let ended = events.iter().filter(|event| event.kind == EventKind::SessionRevoked).count();
    assert_eq!(ended, usize::from(ROUNDS), "one event for each");
}

/// Reads one session until it is stopped; returns the violations that it saw, and how often it read.
async fn watch_session(
    store: Arc<dyn Store>,
    before: User,
    watched: NewSession,
    kept: NewSession,
    stop: Arc<AtomicBool>,
    test_now: userd_core::Timestamp,
) -> (Vec<String>, usize) {
    let (mut wrong, mut looks) = (Vec::new(), 0);
    while !stop.load(Ordering::SeqCst) && looks < READS_MAX {
        looks += 1;
        let found = store.session(before.id, watched.id, test_now).await.expect("the store works");
        if found.is_some_and(|found| found.user != before) {
            wrong.push("an ended session with the new password".to_owned());
        }
        if store.session(before.id, kept.id, test_now).await.expect("the store works").is_none() {
            wrong.push("the session that is kept was away".to_owned());
        }
        tokio::task::yield_now().await;
    }
    (wrong, looks)
}

/// A reader that sees the new password sees that the sessions have ended; the kept session is always there.
pub async fn a_new_password_and_the_revocation_of_sessions_are_one_step(test: &TestStore) {
    let mut ann = test.signed_up("Ann", "ann@x.org").await;
    for round in 0..ROUNDS {
        let (ended, kept) = (new_session(&ann, round * 2), new_session(&ann, round * 2 + 1));
        for session in [&ended, &kept] {
            assert!(matches!(test.open_session(&ann, session).await, OpenSessionOutcome::Opened(_)));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let mut watchers = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let (store, stop) = (Arc::clone(&test.store), Arc::clone(&stop));
            watchers.spawn(watch_session(store, ann.clone(), ended.clone(), kept.clone(), stop, test.now()));
        }
        tokio::task::yield_now().await;
        let hash = password_hash(u64::from(round) + 10);
        let update =
            test.store.update_password(ann.id, ann.version, &hash, Some(kept.id), &actor_at(2), test.now()).await;
        stop.store(true, Ordering::SeqCst);
        let Ok(UpdateUserOutcome::Updated(after)) = update else { panic!("{update:?}") };
        for (wrong, looks) in watchers.join_all().await {
            assert_eq!(wrong, Vec::<String>::new(), "round {round}, {looks} looks");
        }
        assert_eq!(test.session_ids(ann.id).await, [kept.id], "round {round}");
        ann = *after;
        assert!(
            test.store.revoke_other_sessions(ann.id, None, &actor_at(2), test.now()).await.expect("the store works")
        );
    }
}

/// A sign-in and a new password at the same moment: the sign-in is rejected, or its session has ended.
pub async fn no_session_of_the_old_password_outlives_the_new_one(test: &TestStore) {
    let mut ann = test.signed_up("Ann", "ann@x.org").await;
    for round in 0..ROUNDS {
        let (before, now) = (ann.clone(), test.now());
        let openings = (0..TASKS).map(|number| {
            let (store, user) = (Arc::clone(&test.store), before.clone());
            async move {
                let session = new_session(&user, round * TASKS + number);
                if number == TASKS / 2 {
                    let hash = password_hash(u64::from(round) + 10);
                    let update = store.update_password(user.id, user.version, &hash, None, &actor_at(2), now).await;
                    assert!(matches!(update, Ok(UpdateUserOutcome::Updated(_))), "{update:?}");
                    return;
                }
                let open = store.open_session(user.id, user.version, &session, &LIMITS, &actor_at(1), now).await;
                assert!(
                    matches!(open, Ok(OpenSessionOutcome::Opened(_) | OpenSessionOutcome::VersionConflict)),
                    "{open:?}"
                );
            }
        });
        run_concurrently(openings).await;
        assert_eq!(test.sessions_of(ann.id).await, [], "round {round}");
        ann = test.user(ann.id).await.expect("Ann is there");
    }
}
