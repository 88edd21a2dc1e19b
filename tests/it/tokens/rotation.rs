//! Signing keys: one at the first start, the next without a gap, immediate rotation after a theft, encryption.

use std::collections::BTreeSet;
use std::sync::Arc;

use userd_core::Timestamp;
use userd_core::clock::{Clock, ManualClock};
use userd_service::{
    Error, JWKS_MAX_AGE_S, KeyDecryptError, RotationOutcome, Services, SignInSuccess, SigningAlgorithm,
    SigningKeyState, propagation_delay_ms,
};
use userd_store::{KeyKind, KeyStore};

use super::{LIFE_MS, START, TokenFixture, ada, kid, mint, published, sign_in};
use userd_store::memory::InjectedFault;
use userd_test_support::program_tokens::token_parts;

/// A little more than a second: every node has read the keys again.
const NODES_READ_MS: u64 = 1_001;

async fn made(fixture: &TokenFixture) -> String {
    match fixture.operator().rotate().await.expect("it rotates") {
        RotationOutcome::Created(record) => record.kid,
        other @ RotationOutcome::Pending(_) => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_nodes_that_start_at_once_create_one_key() {
    let fixture = TokenFixture::new();
    let barrier = Arc::new(tokio::sync::Barrier::new(8));
    let mut tasks = tokio::task::JoinSet::new();
    for seed in 0..8 {
        let (node, barrier) = (fixture.node_with_clock(&fixture.clock, seed), Arc::clone(&barrier));
        tasks.spawn(async move {
            barrier.wait().await;
            node.check_keys().await.expect("it starts");
            published(&node).await
        });
    }
    let mut seen = BTreeSet::new();
    while let Some(keys) = tasks.join_next().await {
        seen.insert(keys.expect("no panic"));
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(fixture.store.keys(KeyKind::Signing).await.expect("keys").len(), 1);
    assert_eq!(fixture.store.keys(KeyKind::Device).await.expect("keys").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_operators_that_rotate_at_once_create_one_next_key() {
    let fixture = TokenFixture::new();
    fixture.node().check_keys().await.expect("it starts");
    let barrier = Arc::new(tokio::sync::Barrier::new(8));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (operator, barrier) = (fixture.operator(), Arc::clone(&barrier));
        tasks.spawn(async move {
            barrier.wait().await;
            operator.rotate().await.expect("it rotates")
        });
    }
    let mut next = BTreeSet::new();
    while let Some(rotation) = tasks.join_next().await {
        let (RotationOutcome::Created(record) | RotationOutcome::Pending(record)) = rotation.expect("no panic");
        next.insert(record.kid);
    }
    assert_eq!(next.len(), 1);
    assert_eq!(fixture.store.keys(KeyKind::Signing).await.expect("keys").len(), 2);
}

/// A service that fetches the keys no more often than necessary.
struct CachingVerifier {
    keys: Vec<String>,
    fetched_at: Timestamp,
}

/// Simulates an hour in which `rotate` runs after ten minutes: three nodes, one with a slow and one with a fast clock,
/// mint tokens; a service that fetches keys from the slow node verifies each token until it expires. Returns how many
/// were rejected, and the ids of all signing keys.
async fn run_hour(fixture: &TokenFixture, rotate: impl AsyncFn(&TokenFixture)) -> (usize, BTreeSet<String>) {
    const STEP_MS: u64 = 10_000;
    const APART_MS: u64 = 30_000;
    let clocks = [START.as_millis() - APART_MS, START.as_millis(), START.as_millis() + APART_MS];
    let clocks = clocks.map(|ms| Arc::new(ManualClock::at(Timestamp::from_millis(ms))));
    let nodes: Vec<Services> = (2..).zip(&clocks).map(|(seed, clock)| fixture.node_with_clock(clock, seed)).collect();
    let ada = ada(&nodes[1]).await;
    let (mut verifier, mut tokens) = (None::<CachingVerifier>, Vec::new());
    let (mut refused, mut kids) = (0, BTreeSet::new());
    for step in 0..360_u64 {
        let now = fixture.clock.now();
        if step == 60 {
            rotate(fixture).await;
        }
        for node in &nodes {
            let minted = mint(node, &ada).await;
            kids.insert(kid(&minted));
            tokens.push((kid(&minted), minted.expires_at));
        }
        tokens.retain(|(_, expires_at)| now < *expires_at);
        let max_age_ms = u64::from(JWKS_MAX_AGE_S) * 1000;
        if verifier.as_ref().is_none_or(|known| now >= known.fetched_at.plus_millis(max_age_ms)) {
            verifier = Some(CachingVerifier { keys: published(&nodes[0]).await, fetched_at: now });
        }
        let known = verifier.as_ref().expect("it has fetched");
        refused += tokens.iter().filter(|(kid, _)| !known.keys.contains(kid)).count();
        fixture.clock.advance_ms(STEP_MS);
        for clock in &clocks {
            clock.advance_ms(STEP_MS);
        }
    }
    (refused, kids)
}

#[tokio::test]
async fn a_rotation_has_no_gap_for_services_that_keep_keys_and_nodes_whose_clocks_differ() {
    let fixture = TokenFixture::new();
    let (refused, kids) = run_hour(&fixture, async |fixture| _ = made(fixture).await).await;
    assert_eq!((refused, kids.len()), (0, 2));
}

/// The negative control: the simulation fails where the next key signs at once.
#[tokio::test]
async fn an_immediate_rotation_has_a_gap() {
    let fixture = TokenFixture::new();
    let now = async |fixture: &TokenFixture| _ = fixture.operator().rotate_now().await.expect("it rotates");
    let (refused, kids) = run_hour(&fixture, now).await;
    assert!(refused > 0);
    assert_eq!(kids.len(), 2);
}

#[tokio::test]
async fn the_next_key_is_published_before_it_signs_and_the_old_one_until_its_tokens_have_ended() {
    let fixture = TokenFixture::new();
    let node = fixture.node();
    let ada = ada(&node).await;
    let first = kid(&mint(&node, &ada).await);
    let next = made(&fixture).await;
    assert_eq!(published(&node).await, [first.as_str()], "what was read a moment ago still holds");
    fixture.clock.advance_ms(NODES_READ_MS);
    assert_eq!(published(&node).await, [first.clone(), next.clone()]);
    let lead_ms = propagation_delay_ms(LIFE_MS);
    fixture.clock.set(START.plus_millis(lead_ms - 1));
    assert_eq!(kid(&mint(&node, &ada).await), first);
    fixture.clock.set(START.plus_millis(lead_ms));
    assert_eq!(kid(&mint(&node, &ada).await), next);
    assert_eq!(published(&node).await, [first.clone(), next.clone()]);
    let kept = fixture.operator().list().await.expect("keys");
    let SigningKeyState::Retired(until) = kept[0].state else { panic!("{kept:?}") };
    assert!(until >= START.plus_millis(lead_ms + LIFE_MS), "{kept:?}");
    fixture.clock.set(until);
    assert_eq!(published(&node).await, [next.as_str()]);
    let after = made(&fixture).await;
    let left = fixture.operator().list().await.expect("keys");
    let left: Vec<_> = left.iter().map(|key| (key.record.kid.clone(), key.state)).collect();
    assert_eq!(left, [(next, SigningKeyState::Active), (after, SigningKeyState::Pending)], "the ended one was removed");
}

#[tokio::test]
async fn a_node_that_was_idle_through_a_rotation_signs_with_the_next_key_at_once() {
    let fixture = TokenFixture::new();
    let (node, idle) = (fixture.node(), fixture.node_with_clock(&fixture.clock, 8));
    let ada = ada(&node).await;
    let first = kid(&mint(&idle, &ada).await);
    let next = made(&fixture).await;
    fixture.clock.advance_ms(propagation_delay_ms(LIFE_MS));
    assert_eq!(kid(&mint(&idle, &ada).await), next);
    assert_eq!(published(&idle).await, [first, next]);
}

#[tokio::test]
async fn a_second_rotation_while_a_key_is_pending_changes_nothing() {
    let fixture = TokenFixture::new();
    fixture.node().check_keys().await.expect("it starts");
    let next = made(&fixture).await;
    fixture.clock.advance_ms(1_000);
    let again = fixture.operator().rotate().await.expect("it rotates");
    assert!(matches!(&again, RotationOutcome::Pending(record) if record.kid == next), "{again:?}");
    assert_eq!(fixture.operator().list().await.expect("keys").len(), 2);
}

#[tokio::test]
async fn the_first_key_may_be_made_by_a_rotation_and_signs_at_once() {
    let fixture = TokenFixture::new();
    let first = made(&fixture).await;
    let node = fixture.node();
    let ada = ada(&node).await;
    assert_eq!(kid(&mint(&node, &ada).await), first);
}

#[tokio::test]
async fn a_stolen_key_is_removed_everywhere_a_second_after_an_immediate_rotation() {
    let fixture = TokenFixture::new();
    let nodes = [fixture.node(), fixture.node_with_clock(&fixture.clock, 8)];
    let ada = ada(&nodes[0]).await;
    let waiting = [kid(&mint(&nodes[0], &ada).await), made(&fixture).await];
    let fresh = fixture.operator().rotate_now().await.expect("it rotates").kid;
    assert!(!waiting.contains(&fresh));
    fixture.clock.advance_ms(NODES_READ_MS);
    for node in &nodes {
        assert_eq!(published(node).await, [fresh.as_str()], "the one that waited is gone, too");
        assert_eq!(kid(&mint(node, &ada).await), fresh);
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_finds_a_key_that_is_published() {
    let fixture = TokenFixture::new();
    let node = fixture.node();
    let ada = ada(&node).await;
    let first = kid(&mint(&node, &ada).await);
    let next = made(&fixture).await;
    fixture.clock.advance_ms(propagation_delay_ms(LIFE_MS));
    assert_eq!(kid(&mint(&node, &ada).await), next);
    for back in [START, Timestamp::from_millis(START.as_millis() - 86_400_000)] {
        fixture.clock.set(back);
        assert_eq!(kid(&mint(&node, &ada).await), first);
        assert_eq!(published(&node).await, [first.clone(), next.clone()]);
    }
}

#[tokio::test]
async fn another_algorithm_takes_effect_at_the_next_rotation() {
    let mut fixture = TokenFixture::new();
    let before = fixture.node();
    let ada = ada(&before).await;
    mint(&before, &ada).await;
    fixture.algorithm = SigningAlgorithm::EdDsa;
    let node = fixture.node();
    let alg =
        async |node: &Services, ada: &SignInSuccess| token_parts(mint(node, ada).await.token.expose()).0["alg"].clone();
    assert_eq!(alg(&node, &ada).await, "ES256");
    made(&fixture).await;
    fixture.clock.advance_ms(propagation_delay_ms(LIFE_MS));
    assert_eq!((alg(&before, &ada).await, alg(&node, &ada).await), ("EdDSA".into(), "EdDSA".into()));
    assert_eq!(published(&node).await.len(), 2);
}

#[tokio::test]
async fn encrypted_keys_are_rejected_without_their_key_and_an_immediate_rotation_recovers() {
    let mut fixture = TokenFixture { key_encryption: Some([1; 32]), ..TokenFixture::new() };
    let node = fixture.node();
    ada(&node).await;
    node.check_keys().await.expect("it starts");
    for (key_encryption, expected) in [(None, KeyDecryptError::MissingKey), (Some([2; 32]), KeyDecryptError::WrongKey)]
    {
        fixture.key_encryption = key_encryption;
        let refused = fixture.node().check_keys().await;
        assert!(matches!(&refused, Err(Error::KeyUnusable { source, .. }) if *source == expected), "{refused:?}");
        let refused = fixture.operator().rotate().await;
        assert!(matches!(&refused, Err(Error::KeyUnusable { source, .. }) if *source == expected), "{refused:?}");
    }
    let fresh = fixture.operator().rotate_now().await.expect("it rotates").kid;
    let node = fixture.node();
    node.check_keys().await.expect("it starts");
    assert_eq!(kid(&mint(&node, &sign_in(&node).await).await), fresh, "signing in works, too");
}

#[tokio::test]
async fn a_pending_key_that_a_node_can_not_decrypt_stops_neither_signing_nor_publishing() {
    let mut fixture = TokenFixture::new();
    let node = fixture.node();
    let ada = ada(&node).await;
    let first = kid(&mint(&node, &ada).await);
    fixture.key_encryption = Some([1; 32]);
    made(&fixture).await;
    fixture.clock.advance_ms(propagation_delay_ms(LIFE_MS));
    assert_eq!(kid(&mint(&node, &ada).await), first);
    assert_eq!(published(&node).await, [first]);
    let refused = node.check_keys().await;
    assert!(matches!(&refused, Err(Error::KeyUnusable { id, .. }) if id == "2"), "{refused:?}");
}

#[tokio::test]
async fn keys_that_were_read_are_published_while_the_store_is_unavailable() {
    let fixture = TokenFixture::new();
    let node = fixture.node();
    node.check_keys().await.expect("it starts");
    let keys = published(&node).await;
    fixture.clock.advance_ms(NODES_READ_MS);
    fixture.store.fail_at(0, InjectedFault::Unavailable);
    assert_eq!(published(&node).await, keys);
    assert!(fixture.store.has_failed(), "the store was asked");
    let unread = fixture.node_with_clock(&fixture.clock, 8);
    fixture.store.fail_at(0, InjectedFault::Unavailable);
    assert!(matches!(unread.tokens.published_keys().await, Err(Error::Store(_))));
}
