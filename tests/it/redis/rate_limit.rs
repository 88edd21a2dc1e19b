//! The rate limit rule in Lua: the same vectors as for every implementation, at the moments that they name.

use std::sync::Arc;

use userd_core::{AccountKey, BucketKey, CanonicalEmail, NetworkKey, RateLimit, RateLimitBucket, RateLimitDecision};
use userd_store::RateLimitStore;

use super::keys;
use userd_test_support::fixtures::NOW;
use userd_test_support::gcra_vectors::{GcraStep, vectors};
use userd_test_support::recovery::store_with_long_timeout;
use userd_test_support::redis_server::RedisServer;
use userd_test_support::stores::run_concurrently;

const RULE: &str = include_str!("../../../crates/store-redis/src/scripts/gcra.lua");

fn run(server: &RedisServer, call: &str, args: &[u64]) -> Vec<u64> {
    let args: Vec<String> = args.iter().map(u64::to_string).collect();
    let text = format!(
        "{RULE}\nfor i = 1, #ARGV do ARGV[i] = tonumber(ARGV[i]) end\nlocal answer = {{{call}(unpack(ARGV))}}\n\
         for i = 1, #answer do\n  if type(answer[i]) == 'boolean' then answer[i] = answer[i] and 1 or 0 end\n\
         answer[i] = string.format('%.0f', answer[i])\nend\nreturn answer"
    );
    let mut words = vec!["EVAL", &text, "0"];
    words.extend(args.iter().map(String::as_str));
    let answer = server.texts(&words);
    answer.iter().map(|number| number.parse().unwrap_or_else(|error| panic!("{number}: {error}"))).collect()
}

#[test]
fn the_rate_limit_rule_in_lua_matches_the_vectors() {
    let server = RedisServer::start();
    for vector in vectors() {
        let (RateLimit { interval_ms, burst }, mut kept) = (vector.rate(), 0);
        for (number, step) in vector.steps.iter().enumerate() {
            match *step {
                GcraStep::Take { at, taken, full_at, remaining, retry_after_ms } => {
                    let answer = run(&server, "gcra_take", &[kept, at, interval_ms, burst]);
                    let expected = [u64::from(taken), full_at, remaining, retry_after_ms];
                    assert_eq!(answer, expected, "{}, step {number}", vector.name);
                    kept = full_at;
                }
                GcraStep::Refund { at, full_at } => {
                    kept = run(&server, "gcra_refund", &[kept, at, interval_ms])[0];
                    assert_eq!(kept, full_at, "{}, step {number}", vector.name);
                }
                GcraStep::Reset { .. } => kept = 0,
            }
        }
    }
}

fn buckets() -> [RateLimitBucket; 3] {
    let account = AccountKey::of(&CanonicalEmail::parse("ada@example.org").expect("an e-mail"));
    let rate = RateLimit { interval_ms: 3_600_000, burst: 4 };
    let network = NetworkKey::of([192, 0, 2, 1].into());
    [BucketKey::Account(account), BucketKey::AccountAndNetwork(account, network), BucketKey::Network(network)]
        .map(|key| RateLimitBucket { key, rate })
}

#[tokio::test]
async fn a_bucket_lives_until_it_is_full_and_a_full_one_takes_no_memory() {
    let server = RedisServer::start();
    let store = store_with_long_timeout(server.settings()).await;
    assert_eq!(store.take(&buckets(), NOW).await.expect("served"), RateLimitDecision::Allow);
    assert_eq!(store.take(&buckets(), NOW).await.expect("served"), RateLimitDecision::Allow);
    for bucket in buckets() {
        let life: u64 =
            redis::from_redis_value(server.command(&["PTTL", &keys().rate_limit(bucket.key).1])).expect("ms");
        assert!((7_000_000..=7_200_000).contains(&life), "{life}");
    }
    store.refund(&buckets(), NOW).await.expect("served");
    store.refund(&buckets(), NOW).await.expect("served");
    assert_eq!(server.texts(&["KEYS", "userd:*:throttle:*"]), Vec::<String>::new());
    // An unreadable bucket does not block sign-in.
    server.command(&["SET", &keys().rate_limit(buckets()[0].key).1, "tomorrow"]);
    assert_eq!(store.take(&buckets(), NOW).await.expect("served"), RateLimitDecision::Allow);
}

/// A clock that was set back leaves buckets that seem empty for as long as it was set back by.
#[tokio::test]
async fn a_clock_that_was_set_back_blocks_no_user_for_longer_than_an_empty_bucket() {
    let server = RedisServer::start();
    let store = store_with_long_timeout(server.settings()).await;
    let [first, last, _] = buckets();
    let (others, cut) = (keys().rate_limit(first.key).1, keys().rate_limit(last.key).1);
    let far = (NOW.as_millis() + 1_000_000_000_000).to_string();
    server.command(&["SET", &cut, &far]);
    let refused = store.take(&[first, last], NOW).await.expect("served");
    assert_eq!(refused, RateLimitDecision::Deny { place: 1, retry_after_ms: 3_600_000 });
    let life: u64 = redis::from_redis_value(server.command(&["PTTL", &cut])).expect("a life in ms");
    assert!((14_000_000..=14_400_000).contains(&life), "{life}");
    assert_eq!(server.command(&["EXISTS", &others]), redis::Value::Int(0), "nothing was taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_never_charge_the_same_token() {
    let server = RedisServer::start();
    let stores = [
        Arc::new(store_with_long_timeout(server.settings()).await),
        Arc::new(store_with_long_timeout(server.settings()).await),
    ];
    let acts = (0..32).map(|number: usize| {
        let store = Arc::clone(&stores[number % 2]);
        async move { store.take(&buckets(), NOW).await.expect("served") == RateLimitDecision::Allow }
    });
    assert_eq!(run_concurrently(acts).await.into_iter().filter(|taken| *taken).count(), 4);
}
