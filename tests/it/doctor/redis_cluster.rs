//! The doctor on a cluster: every node is walked, each repair goes to where the keys are, and a pass during which a
//! primary changes says so.

use std::sync::Arc;
use std::time::Duration;

use userd_core::clock::{Clock, ManualClock};
use userd_core::{CanonicalEmail, Client};
use userd_store::{Examine, FindingKind, FindingState, Insert, Place, Portion, Store, Treatment};
use userd_store_redis::keys::{Keys, Shard};
use userd_store_redis::{RedisSettings, RedisStore};

use userd_test_support::people::{NOW, person};
use userd_test_support::recovery::patient_store;
use userd_test_support::redis_audit::audit;
use userd_test_support::redis_cluster::{Failover, RedisCluster};
use userd_test_support::redis_ground::addresses;
use userd_test_support::ward::{kinds, pass};

const USERS: usize = 60;

async fn filled(cluster: &RedisCluster, clock: &ManualClock) -> (Arc<RedisStore>, Vec<userd_core::User>) {
    let settings =
        RedisSettings { timeout: Duration::from_secs(20), ..RedisSettings::cluster(addresses(&cluster.ports())) };
    let (store, mut users) = (Arc::new(patient_store(settings).await), Vec::new());
    for number in 0..USERS {
        let user = person(clock, &format!("person-{number}@example.org"));
        assert_eq!(store.insert_user(&user, Client::nobody()).await.expect("served"), Insert::Inserted);
        users.push(user);
    }
    (store, users)
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_on_every_node_of_a_cluster_is_found_and_mended() {
    let (cluster, clock) = (RedisCluster::start(3, 0), Arc::new(ManualClock::at(NOW)));
    let (store, users) = filled(&cluster, &clock).await;
    let report = pass(&store, &clock, Treatment::Repair).await;
    assert_eq!((kinds(&report), report.users, report.disturbed), (vec![], USERS as u64, false), "{report:?}");
    let keys = Keys::below("userd:".to_owned());
    let at = |key: &str, words: &[&str]| drop(cluster.server(cluster.primary_of_key(key)).command(words));
    for (number, user) in users.iter().enumerate() {
        let (claim, listing) = (keys.claim(user.email.canonical()), keys.users(Shard::of_user(user.id)));
        let stray = keys.claim(&CanonicalEmail::from_stored(format!("stray-{number}@example.org")));
        at(&claim, &["DEL", &claim]);
        at(&listing, &["ZREM", &listing, &user.id.to_string()]);
        at(&stray, &["SET", &stray, &format!("{}:9", user.id)]);
    }
    for (treatment, state) in [(Treatment::Report, FindingState::Mendable), (Treatment::Repair, FindingState::Mended)] {
        let report = pass(&store, &clock, treatment).await;
        for kind in [FindingKind::ClaimMissing, FindingKind::ListingMissing, FindingKind::ClaimStray] {
            assert_eq!(report.counts.get(&(kind, state)), Some(&(USERS as u64)), "{kind:?}: {:?}", report.counts);
        }
        assert_eq!(report.counts.len(), 3, "{:?}", report.counts);
    }
    assert_eq!(kinds(&pass(&store, &clock, Treatment::Report).await), []);
    assert_eq!(audit(&cluster, "userd:").all(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_during_which_a_primary_changes_says_so_and_goes_on_to_its_end() {
    let (cluster, clock) = (RedisCluster::start(3, 1), Arc::new(ManualClock::at(NOW)));
    let (store, _) = filled(&cluster, &clock).await;
    let mut portion = Portion { from: Place::start(), size: 5, treatment: Treatment::Repair };
    let first = store.examine(&portion, clock.now()).await.expect("served");
    portion.from = first.next.expect("there is more");
    let primary = cluster.primaries()[0];
    cluster.failover(cluster.replicas_of(primary)[0], Failover::Coordinated);
    // Whoever is served by the new primary knows of it.
    while store.users_count().await.is_err() {}
    let (mut disturbed, mut found) = (false, Vec::new());
    loop {
        let examined = store.examine(&portion, clock.now()).await.expect("served");
        found.extend(examined.findings);
        disturbed |= examined.disturbed;
        let Some(next) = examined.next else { break };
        portion.from = next;
    }
    assert!(disturbed, "keys moved to another server");
    assert!(found.is_empty(), "{found:?}");
    let report = pass(&store, &clock, Treatment::Report).await;
    assert_eq!((kinds(&report), report.users), (vec![], USERS as u64));
}
