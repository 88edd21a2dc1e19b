//! The least privileges of userd, read from the operations page.

use super::redis_server::RedisServer;

/// The page with the ACL lines for operators.
const OPERATIONS: &str = include_str!("../../../docs/operations/redis.md");

/// Name and password of userd's user in tests.
pub const ACL_USER: (&str, &str) = ("userd", "secret");

/// Where userd has a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclTarget {
    /// A single server, or one that Sentinels watch.
    Server,
    /// Every node of a cluster.
    ClusterNode,
    /// A Sentinel.
    Sentinel,
}

/// The rights in the page's ACL line for this place: what follows `user userd on >password`.
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

/// Creates userd's user on a server, with these rights and no others.
pub fn create_acl_user(server: &RedisServer, rights: &[&str]) {
    let password = format!(">{}", ACL_USER.1);
    let mut words = vec!["ACL", "SETUSER", ACL_USER.0, "reset", "on", &password];
    words.extend(rights);
    server.command(&words);
}
