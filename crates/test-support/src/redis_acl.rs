//! The least rights of userd, as the operations page tells operators: tests take them from there.

use super::redis_server::RedisServer;

/// The page that operators copy the ACL lines from.
const OPERATIONS: &str = include_str!("../../../docs/operations/redis.md");

/// The name and the password that tests let userd in with.
pub const ACL_USER: (&str, &str) = ("userd", "secret");

/// Where userd has a user of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclTarget {
    /// A single server, or one that Sentinels watch.
    Server,
    /// Every node of a cluster.
    ClusterNode,
    /// A Sentinel.
    Sentinel,
}

/// The rights in the ACL line of the page for this place: what follows `user userd on >password`.
pub fn least_privilege_acl(target: AclTarget) -> Vec<&'static str> {
    let target_of = |line: &str| match line {
        line if line.contains("+sentinel|") => AclTarget::Sentinel,
        line if line.contains("+cluster|") => AclTarget::ClusterNode,
        _ => AclTarget::Server,
    };
    let mut lines = OPERATIONS.lines().filter(|line| line.starts_with("user userd on >") && target_of(line) == target);
    let line = lines.next().unwrap_or_else(|| panic!("the page has no ACL line for {target:?}"));
    assert_eq!(lines.next(), None, "the page has two ACL lines for {target:?}");
    line.split(' ').skip(4).collect()
}

/// Makes userd's user on a server, with these rights and no others.
pub fn create_acl_user(server: &RedisServer, rights: &[&str]) {
    let password = format!(">{}", ACL_USER.1);
    let mut words = vec!["ACL", "SETUSER", ACL_USER.0, "reset", "on", &password];
    words.extend(rights);
    server.command(&words);
}
