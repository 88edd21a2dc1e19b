//! The doctor on a cluster: it checks every node, each repair goes to the node with the keys, and a check during which
//! a primary changes reports that.

use std::sync::Arc;
use std::time::Duration;

use userd_core::clock::{Clock, ManualClock};
use userd_core::{Actor, CanonicalEmail};
use userd_store::{
    CheckBatch, CheckCursor, CheckMode, ConsistencyCheck, CreateUserOutcome, FindingKind, FindingState, Store,
};
use userd_store_redis::layout::{KeyLayout, Shard};
use userd_store_redis::{RedisSettings, RedisStore};

use userd_test_support::damage_kit::{check_store, finding_kinds};
use userd_test_support::fixtures::{NOW, new_user};
use userd_test_support::recovery::store_with_long_timeout;
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_cluster::{FailoverMode, RedisCluster};
use userd_test_support::redis_settings;
use userd_test_support::redis_targets::addresses;

const USERS: usize = 60;

async fn populated_store(cluster: &RedisCluster, clock: &ManualClock) -> (Arc<RedisStore>, Vec<userd_core::User>) {
    let settings =
        RedisSettings { timeout: Duration::from_secs(20), ..redis_settings::cluster(addresses(&cluster.ports())) };
    let (store, mut users) = (Arc::new(store_with_long_timeout(settings).await), Vec::new());
    for number in 0..USERS {
        let user = new_user(clock, &format!("person-{number}@example.org"));
        assert_eq!(store.create_user(&user, Actor::anonymous()).await.expect("served"), CreateUserOutcome::Created);
        users.push(user);
    }
    (store, users)
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_on_every_node_of_a_cluster_is_found_and_repaired() {
    let (cluster, clock) = (RedisCluster::start(3, 0), Arc::new(ManualClock::at(NOW)));
    let (store, users) = populated_store(&cluster, &clock).await;
    let report = check_store(&store, &clock, CheckMode::Repair).await;
    assert_eq!(
        (finding_kinds(&report), report.users, report.topology_changed),
        (vec![], USERS as u64, false),
        "{report:?}"
    );
    let keys = KeyLayout::with_prefix("userd:".to_owned());
    let at = |key: &str, words: &[&str]| drop(cluster.server(cluster.primary_of_key(key)).command(words));
    for (number, user) in users.iter().enumerate() {
        let (claim, listing) = (keys.claim(user.email.canonical()), keys.users(Shard::of_user(user.id)));
        let stray = keys.claim(&CanonicalEmail::from_stored(format!("stray-{number}@example.org")));
        at(&claim, &["DEL", &claim]);
        at(&listing, &["ZREM", &listing, &user.id.to_string()]);
        at(&stray, &["SET", &stray, &format!("{}:9", user.id)]);
    }
    for (mode, state) in [(CheckMode::Report, FindingState::Repairable), (CheckMode::Repair, FindingState::Repaired)] {
        let report = check_store(&store, &clock, mode).await;
        for kind in [FindingKind::MissingClaim, FindingKind::MissingListing, FindingKind::OrphanedClaim] {
            assert_eq!(report.counts.get(&(kind, state)), Some(&(USERS as u64)), "{kind:?}: {:?}", report.counts);
        }
        assert_eq!(report.counts.len(), 3, "{:?}", report.counts);
    }
    assert_eq!(finding_kinds(&check_store(&store, &clock, CheckMode::Report).await), []);
    assert_eq!(audit(&cluster, "userd:").all(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_during_which_a_primary_changes_reports_it_and_completes() {
    let (cluster, clock) = (RedisCluster::start(3, 1), Arc::new(ManualClock::at(NOW)));
    let (store, _) = populated_store(&cluster, &clock).await;
    let mut portion = CheckBatch { from: CheckCursor::start(), size: 5, mode: CheckMode::Repair };
    let first = store.check_batch(&portion, clock.now()).await.expect("served");
    portion.from = first.next.expect("there is more");
    let primary = cluster.primaries()[0];
    cluster.failover(cluster.replicas_of(primary)[0], FailoverMode::Coordinated);
    // A client that is served by the new primary knows about it.
    while store.users_count().await.is_err() {}
    let (mut topology_changed, mut found) = (false, Vec::new());
    loop {
        let examined = store.check_batch(&portion, clock.now()).await.expect("served");
        found.extend(examined.findings);
        topology_changed |= examined.topology_changed;
        let Some(next) = examined.next else { break };
        portion.from = next;
    }
    assert!(topology_changed, "keys moved to another server");
    assert!(found.is_empty(), "{found:?}");
    let report = check_store(&store, &clock, CheckMode::Report).await;
    assert_eq!((finding_kinds(&report), report.users), (vec![], USERS as u64));
}
