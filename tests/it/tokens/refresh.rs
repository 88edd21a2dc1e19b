//! Refresh tokens: used once for the next one, repeatable within the grace period, reuse afterwards ends the session.

use std::sync::Arc;

use userd_core::{EventKind, PasswordAttempt, PrincipalId, RefreshToken, SessionToken};
use userd_service::{DeleteUserRequest, Error, Precondition, Services};
use userd_store::SessionStore;

use super::{ABSOLUTE_MS, GRACE_MS, IDLE_MS, TokenFixture, ada, client, mint, refresh, sign_in};
use crate::http::PASSWORD;
use userd_test_support::program_tokens::token_parts;

fn first(ada: &userd_service::SignInSuccess) -> RefreshToken {
    ada.refresh.clone().expect("a refresh token was asked for")
}

async fn refused(node: &Services, token: &RefreshToken) -> &'static str {
    match refresh(node, token).await {
        Err(Error::RefreshRejected(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

async fn is_signed_in(node: &Services, token: &SessionToken) -> bool {
    node.sessions.authenticate(token).await.is_ok()
}

#[tokio::test]
async fn each_refresh_returns_the_next_refresh_token_and_a_token_of_the_same_session() {
    let fixture = TokenFixture::new();
    let node = fixture.node();
    let ada = ada(&node).await;
    let mut token = first(&ada);
    for _ in 0..5 {
        fixture.clock.advance_ms(GRACE_MS);
        let (minted, next) = refresh(&node, &token).await.expect("the current one");
        let (_, claims) = token_parts(minted.token.expose());
        assert_eq!(claims["sid"], ada.session.id.to_string());
        assert_ne!(next.expose(), token.expose());
        token = next;
    }
}

#[tokio::test]
async fn a_retry_within_the_grace_period_gets_the_same_next_token() {
    let fixture = TokenFixture::new();
    let node = fixture.node();
    let ada = ada(&node).await;
    let one = first(&ada);
    let (_, two) = refresh(&node, &one).await.expect("the current one");
    fixture.clock.advance_ms(GRACE_MS - 1);
    let (_, again) = refresh(&node, &one).await.expect("a retry");
    assert_eq!(again.expose(), two.expose());
}

#[tokio::test]
async fn a_reuse_after_the_grace_period_ends_the_session_for_both_and_is_an_event() {
    let fixture = TokenFixture::new();
    let node = fixture.node();
    let ada = ada(&node).await;
    let one = first(&ada);
    let (_, two) = refresh(&node, &one).await.expect("the current one");
    fixture.clock.advance_ms(GRACE_MS);
    refused(&node, &one).await;
    refused(&node, &two).await;
    assert!(!is_signed_in(&node, &ada.token).await);
    let events = fixture.store.events(ada.user.id, 10).await.expect("events");
    let reused: Vec<_> = events.iter().filter(|event| event.kind == EventKind::RefreshReused).collect();
    assert_eq!(reused.len(), 1, "{events:?}");
    assert_eq!(reused[0].actor.principal, PrincipalId::Anonymous);
}

#[tokio::test]
async fn two_tabs_that_refresh_with_the_same_tokens_both_stay_signed_in() {
    let fixture = TokenFixture::new();
    let node = fixture.node();
    let ada = ada(&node).await;
    let (mut left, mut right) = (first(&ada), first(&ada));
    for _ in 0..20 {
        fixture.clock.advance_ms(GRACE_MS / 3);
        (_, left) = refresh(&node, &left).await.expect("the left tab");
        fixture.clock.advance_ms(GRACE_MS / 3);
        (_, right) = refresh(&node, &right).await.expect("the right tab");
        assert_eq!(left.expose(), right.expose());
        fixture.clock.advance_ms(IDLE_MS / 2);
    }
    assert!(is_signed_in(&node, &ada.token).await);
}

/// Each call of the memory store is one step, so all sixteen are in flight when the first one writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_concurrent_refreshes_with_one_token_all_get_the_same_next_token() {
    let fixture = TokenFixture::new();
    let node = Arc::new(fixture.node());
    let ada = ada(&node).await;
    let one = first(&ada);
    let barrier = Arc::new(tokio::sync::Barrier::new(16));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (node, one, barrier) = (Arc::clone(&node), one.clone(), Arc::clone(&barrier));
        tasks.spawn(async move {
            barrier.wait().await;
            refresh(&node, &one).await.map(|(_, next)| next)
        });
    }
    let mut successors = Vec::new();
    while let Some(next) = tasks.join_next().await {
        successors.push(next.expect("no panic").expect("none is refused").expose());
    }
    successors.dedup();
    assert_eq!(successors.len(), 1, "one successor");
    // One rotation: a state with one used token has 16 bytes and 38 more.
    let (sessions, _) = fixture.store.sessions(ada.user.id, super::START).await.expect("sessions");
    let state = sessions[0].refresh.as_ref().expect("a refresh state");
    assert_eq!(state.to_bytes().len(), 16 + 38);
}

#[tokio::test]
async fn a_refresh_token_that_was_never_issued_is_rejected_and_ends_nothing() {
    let fixture = TokenFixture::new();
    let node = fixture.node();
    let ada = ada(&node).await;
    let own = first(&ada);
    let proof = SessionToken::generate(ada.user.id, [7; 32]).digest().1;
    let forged = RefreshToken::generate(ada.user.id, ada.session.id, proof, [1; 32]);
    refused(&node, &forged).await;
    let (id, proof) = SessionToken::generate(ada.user.id, [8; 32]).digest();
    refused(&node, &RefreshToken::generate(ada.user.id, id, proof, [1; 32])).await;
    let other = sign_in(&node).await;
    let spelled = own.expose().replace(&ada.session.id.to_string(), &other.session.id.to_string());
    refused(&node, &RefreshToken::parse(&spelled).expect("well spelled")).await;
    assert!(is_signed_in(&node, &ada.token).await && is_signed_in(&node, &other.token).await);
    let (_, claims) = token_parts(refresh(&node, &own).await.expect("still the current one").0.token.expose());
    assert_eq!(claims["sid"], ada.session.id.to_string());
}

#[tokio::test]
async fn a_session_that_was_opened_without_a_refresh_token_has_none() {
    let fixture = TokenFixture::new();
    let node = fixture.node();
    let ada = ada(&node).await;
    let email = ada.user.email.clone();
    let password = PasswordAttempt::parse(PASSWORD).expect("an attempt");
    let plain = userd_service::SignInRequest { email, password, refresh: false, device: None };
    let plain = node.sessions.sign_in(&plain, client()).await.expect("she signs in");
    assert!(plain.refresh.is_none());
    let (id, proof) = plain.token.digest();
    refused(&node, &RefreshToken::generate(ada.user.id, id, proof, [1; 32])).await;
    assert!(is_signed_in(&node, &plain.token).await);
}

#[tokio::test]
async fn a_session_that_has_ended_can_refresh_no_token() {
    let fixture = TokenFixture::new();
    let node = fixture.node();
    let idle = ada(&node).await;
    let signed_out = sign_in(&node).await;
    node.sessions.revoke(signed_out.user.id, signed_out.session.id, client()).await.expect("it ends");
    refused(&node, &first(&signed_out)).await;
    fixture.clock.advance_ms(IDLE_MS);
    refused(&node, &first(&idle)).await;

    let used = sign_in(&node).await;
    let mut token = first(&used);
    for _ in 0..(ABSOLUTE_MS / (IDLE_MS / 2) - 1) {
        fixture.clock.advance_ms(IDLE_MS / 2);
        (_, token) = refresh(&node, &token).await.expect("used every half hour");
    }
    fixture.clock.advance_ms(IDLE_MS / 2);
    refused(&node, &token).await;
}

#[tokio::test]
async fn a_deleted_user_can_refresh_no_token() {
    let fixture = TokenFixture::new();
    let node = fixture.node();
    let ada = ada(&node).await;
    let removal = DeleteUserRequest { password: PasswordAttempt::parse(PASSWORD).expect("an attempt") };
    node.users.delete(ada.user.id, &removal, &Precondition::Any, client()).await.expect("she is deleted");
    refused(&node, &first(&ada)).await;
}

/// What a store has without acknowledgement may be lost in a failover; the next token would then look stolen.
#[tokio::test]
async fn a_retry_too_is_answered_only_when_the_store_has_acknowledged_the_next_token() {
    use userd_store::memory::InjectedFault;

    let fixture = TokenFixture::new();
    let node = fixture.node();
    let ada = ada(&node).await;
    let (_, next) = refresh(&node, &first(&ada)).await.expect("refreshed");
    // Before it: the look-up of the session.
    fixture.store.fail_at(1, InjectedFault::Unavailable);
    let unconfirmed = refresh(&node, &first(&ada)).await;
    assert!(matches!(unconfirmed, Err(Error::Store(_))), "{:?}", unconfirmed.err());
    let (_, again) = refresh(&node, &first(&ada)).await.expect("refreshed");
    assert_eq!(again.expose(), next.expose());
}

#[tokio::test]
async fn a_store_that_fails_at_any_call_leaves_the_client_a_working_token() {
    use userd_store::memory::InjectedFault;

    for fault in [InjectedFault::Unavailable, InjectedFault::UnavailableAfter] {
        for nth in 0.. {
            let fixture = TokenFixture::new();
            let node = fixture.node();
            let ada = ada(&node).await;
            mint(&node, &ada).await;
            fixture.clock.advance_ms(2_000);
            fixture.store.fail_at(nth, fault);
            let answer = refresh(&node, &first(&ada)).await;
            let reached = fixture.store.has_failed();
            let token = match answer {
                Ok((_, next)) => next,
                Err(Error::Store(_)) => first(&ada),
                Err(other) => panic!("{fault:?} at {nth}: {other:?}"),
            };
            fixture.clock.advance_ms(GRACE_MS / 2);
            refresh(&node, &token).await.unwrap_or_else(|error| panic!("{fault:?} at {nth}: {error:?}"));
            if !reached {
                break;
            }
        }
    }
}
