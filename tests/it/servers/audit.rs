//! The audit of servers finds keys on every server.

use userd_test_support::redis_audit::audit;
use userd_test_support::redis_cluster::RedisCluster;
use userd_test_support::redis_sentinel::SentinelGroup;
use userd_test_support::redis_server::RedisServer;

/// A claim without a user, and the key that waiting for replicas writes.
fn leave_traces(server: &RedisServer, tag: &str) {
    server.command(&["SET", &format!("userd:{{{tag}}}:claim:{tag}@example.org"), "nobody:1"]);
    server.command(&["SET", &format!("userd:{{{tag}}}:ack"), "1"]);
}

#[test]
fn an_audit_of_a_cluster_reads_every_primary() {
    let cluster = RedisCluster::start(3, 0);
    for node in 0..3 {
        let tag =
            (0..1000).map(|tag| format!("{tag:03x}")).find(|tag| cluster.primary_of_key(&format!("{{{tag}}}")) == node);
        leave_traces(cluster.server(node), &tag.expect("some tag of the node"));
    }
    let findings = audit(&cluster, "userd:");
    assert_eq!((findings.leftovers.len(), findings.contradictions), (3, Vec::new()));
}

#[test]
fn an_audit_of_a_group_reads_its_primary() {
    let group = SentinelGroup::start();
    let primary = group.server(group.failover());
    leave_traces(primary, "000");
    primary.command(&["RPUSH", "userd:{001}:ack", "of another type"]);
    primary.command(&["SET", "other:{001}:unknown", "below another prefix"]);
    let findings = audit(&group, "userd:");
    assert_eq!(findings.leftovers, ["the claim on 000@example.org is nobody:1's, who does not have it"]);
    assert_eq!(findings.contradictions, ["unknown key userd:{001}:ack"]);
}
