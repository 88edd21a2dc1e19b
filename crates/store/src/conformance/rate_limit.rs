//! Promises about rate limits.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use userd_core::{
    AccountKey, BucketKey, CanonicalEmail, NetworkKey, RateLimit, RateLimitBucket, RateLimitDecision, Timestamp,
};

use super::concurrency::run_concurrently;
use super::gcra_vectors::{GcraStep, GcraVector, vectors};
use super::test_store::TestStore;

/// So slow that nothing refills while a test runs.
const SLOW: RateLimit = RateLimit { interval_ms: 24 * 3_600_000, burst: 3 };

fn account(number: usize) -> AccountKey {
    AccountKey::of(&CanonicalEmail::parse(&format!("n{number}@x.org")).expect("an e-mail"))
}

fn network(number: u8) -> NetworkKey {
    NetworkKey::of(IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)))
}

fn bucket(key: BucketKey, burst: u64) -> RateLimitBucket {
    RateLimitBucket { key, rate: RateLimit { burst, ..SLOW } }
}

async fn take(test: &TestStore, buckets: &[RateLimitBucket]) -> RateLimitDecision {
    test.store.take(buckets, test.now()).await.expect("the store works")
}

/// Takes from one bucket until it is empty; returns how often.
async fn take_all(test: &TestStore, bucket: RateLimitBucket) -> u64 {
    let mut left = 0;
    while take(test, &[bucket]).await == RateLimitDecision::Allow {
        left += 1;
    }
    left
}

fn place(taken: RateLimitDecision) -> Option<usize> {
    match taken {
        RateLimitDecision::Allow => None,
        RateLimitDecision::Deny { place, .. } => Some(place),
    }
}

/// One bucket of each kind.
fn one_of_each_kind() -> [BucketKey; 5] {
    let (account, network) = (account(1), network(1));
    [
        BucketKey::Account(account),
        BucketKey::AccountAndNetwork(account, network),
        BucketKey::Device(account, [7; 16]),
        BucketKey::Network(network),
        BucketKey::Global,
    ]
}

pub async fn a_bucket_allows_its_burst_and_then_says_how_long_to_wait(test: &TestStore) {
    for key in one_of_each_kind() {
        let bucket = bucket(key, 3);
        for _ in 0..3 {
            assert_eq!(take(test, &[bucket]).await, RateLimitDecision::Allow, "{key:?}");
        }
        match take(test, &[bucket]).await {
            RateLimitDecision::Deny { place: 0, retry_after_ms } => {
                let day = SLOW.interval_ms;
                assert!((day - 60_000..=day).contains(&retry_after_ms), "{key:?}: {retry_after_ms}");
            }
            other => panic!("{key:?}: {other:?}"),
        }
    }
    assert_eq!(take(test, &[]).await, RateLimitDecision::Allow, "of none there is nothing missing");
}

pub async fn buckets_of_different_keys_are_different(test: &TestStore) {
    let mut keys = one_of_each_kind().to_vec();
    keys.extend([
        BucketKey::Account(account(2)),
        BucketKey::AccountAndNetwork(account(1), network(2)),
        BucketKey::AccountAndNetwork(account(2), network(1)),
        BucketKey::Device(account(1), [8; 16]),
        BucketKey::Device(account(2), [7; 16]),
        BucketKey::Network(network(2)),
    ]);
    for key in &keys {
        assert_eq!(take(test, &[bucket(*key, 2)]).await, RateLimitDecision::Allow, "{key:?}");
    }
    for key in &keys {
        assert_eq!(take_all(test, bucket(*key, 2)).await, 1, "{key:?}");
    }
}

pub async fn buckets_of_one_account_are_charged_all_or_none(test: &TestStore) {
    let keys = one_of_each_kind();
    for empty in 0..3 {
        let account = account(100 + empty);
        let buckets = [
            bucket(BucketKey::Account(account), 5),
            bucket(BucketKey::AccountAndNetwork(account, network(1)), 5),
            bucket(BucketKey::Device(account, [7; 16]), 5),
        ];
        assert_eq!(take_all(test, buckets[empty]).await, 5, "{:?}", keys[empty]);
        for _ in 0..3 {
            assert_eq!(place(take(test, &buckets).await), Some(empty));
        }
        for (number, bucket) in buckets.into_iter().enumerate() {
            assert_eq!(take_all(test, bucket).await, if number == empty { 0 } else { 5 }, "{empty} is empty: {number}");
        }
    }
}

pub async fn nothing_is_charged_after_the_first_empty_bucket(test: &TestStore) {
    let [of_account, with_network, _, of_network, global] = one_of_each_kind();
    let buckets = [
        bucket(global, 9),
        bucket(of_network, 9),
        bucket(of_account, 9),
        bucket(with_network, 1),
        bucket(BucketKey::Network(network(9)), 9),
    ];
    assert_eq!(take(test, &buckets).await, RateLimitDecision::Allow);
    for _ in 0..2 {
        assert_eq!(place(take(test, &buckets).await), Some(3));
    }
    // Those before stay charged, but not those of the same account.
    let mut rest = Vec::new();
    for bucket in buckets {
        rest.push(take_all(test, bucket).await);
    }
    assert_eq!(rest, [9 - 3, 9 - 3, 9 - 1, 0, 9 - 1]);
}

pub async fn what_is_refunded_can_be_charged_again_and_no_more(test: &TestStore) {
    let buckets = one_of_each_kind().map(|key| bucket(key, 3));
    for _ in 0..2 {
        assert_eq!(take(test, &buckets).await, RateLimitDecision::Allow);
    }
    test.store.refund(&buckets, test.now()).await.expect("the store works");
    for bucket in buckets {
        assert_eq!(take_all(test, bucket).await, 2, "{:?}", bucket.key);
    }
    test.store.refund(&buckets[..2], test.now()).await.expect("the store works");
    for (number, bucket) in buckets.into_iter().enumerate() {
        assert_eq!(take_all(test, bucket).await, u64::from(number < 2), "{:?}", bucket.key);
    }
    let fresh = bucket(BucketKey::Account(account(9)), 3);
    for _ in 0..2 {
        test.store.refund(&[fresh], test.now()).await.expect("the store works");
    }
    assert_eq!(take_all(test, fresh).await, 3, "a full one holds no more");
}

pub async fn a_reset_bucket_is_full(test: &TestStore) {
    let buckets = one_of_each_kind().map(|key| bucket(key, 2));
    for bucket in buckets {
        assert_eq!(take_all(test, bucket).await, 2);
    }
    test.store.reset(&buckets[..4]).await.expect("the store works");
    for (number, bucket) in buckets.into_iter().enumerate() {
        assert_eq!(take_all(test, bucket).await, if number < 4 { 2 } else { 0 }, "{:?}", bucket.key);
    }
    test.store.reset(&[]).await.expect("the store works");
}

pub async fn of_many_charges_at_once_exactly_as_many_succeed_as_the_bucket_holds(test: &TestStore) {
    for key in one_of_each_kind() {
        let outcomes =
            run_concurrently((0..64).map(|_| {
                let (store, now) = (Arc::clone(&test.store), test.now());
                async move {
                    store.take(&[bucket(key, 10)], now).await.expect("the store works") == RateLimitDecision::Allow
                }
            }))
            .await;
        assert_eq!(outcomes.iter().filter(|taken| **taken).count(), 10, "{key:?}");
    }
}

/// Half of the calls begin with a bucket that the other half does not use; a denied call takes nothing from the others.
pub async fn concurrent_charges_of_several_buckets_are_charged_all_or_none(test: &TestStore) {
    let account = account(1);
    let whole = bucket(BucketKey::Account(account), 10);
    let own: Vec<_> = (0..2).map(|number| bucket(BucketKey::AccountAndNetwork(account, network(number)), 8)).collect();
    let outcomes = run_concurrently((0..64).map(|number: usize| {
        let (store, now, own) = (Arc::clone(&test.store), test.now(), own[number % 2]);
        async move {
            (number % 2, store.take(&[own, whole], now).await.expect("the store works") == RateLimitDecision::Allow)
        }
    }))
    .await;
    let taken = |half| outcomes.iter().filter(|outcome| **outcome == (half, true)).count() as u64;
    assert_eq!(taken(0) + taken(1), 10);
    for (half, own) in own.iter().enumerate() {
        assert_eq!(take_all(test, *own).await, 8 - taken(half), "half {half}");
    }
}

/// All vectors if the store uses the caller's clock; otherwise those that are at one moment.
pub async fn the_rate_limit_rule_of_the_store_matches_the_vectors(test: &TestStore) {
    let absent = test.new_user("Absent", "absent@x.org").id;
    let far = Timestamp::from_millis(86_400_000);
    let (_, store_time) = test.store.sessions(absent, far).await.expect("the store works");
    let by_our_clock = store_time == far;
    let mut run = 0;
    for (number, vector) in vectors().iter().enumerate() {
        if by_our_clock || vector.is_instantaneous() {
            replay(test, vector, BucketKey::Account(account(number))).await;
            run += 1;
        }
    }
    assert!(run >= if by_our_clock { 60 } else { 10 }, "only {run}");
}

async fn replay(test: &TestStore, vector: &GcraVector, key: BucketKey) {
    let bucket = [RateLimitBucket { key, rate: vector.rate() }];
    for (number, step) in vector.steps.iter().enumerate() {
        let now = Timestamp::from_millis(step.at());
        match *step {
            GcraStep::Take { taken, retry_after_ms, .. } => match test.store.take(&bucket, now).await {
                Ok(RateLimitDecision::Allow) => assert!(taken, "{}, step {number}", vector.name),
                Ok(RateLimitDecision::Deny { place: 0, retry_after_ms: found }) => {
                    assert!(!taken, "{}, step {number}", vector.name);
                    // A store with a clock of its own has refilled a little.
                    let spent = if vector.is_instantaneous() { 60_000 } else { 0 };
                    let expected = retry_after_ms - spent..=retry_after_ms;
                    assert!(expected.contains(&found), "{}, step {number}: {found}", vector.name);
                }
                other => panic!("{}, step {number}: {other:?}", vector.name),
            },
            GcraStep::Refund { .. } => test.store.refund(&bucket, now).await.expect("the store works"),
            GcraStep::Reset { .. } => test.store.reset(&bucket).await.expect("the store works"),
        }
    }
}
