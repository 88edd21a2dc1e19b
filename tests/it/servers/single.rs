//! Single servers.

use userd_test_support::server_plan::RedisServerPlan;
use userd_test_support::test_authority::TestAuthority;

#[test]
fn a_server_with_tls_is_trusted_by_its_authority_alone() {
    let (authority, other) = (TestAuthority::new(), TestAuthority::new());
    let server = RedisServerPlan::persistent().tls(&authority).start();
    assert_eq!(server.text(&["PING"]), "PONG");
    assert!(server.url().starts_with("rediss://127.0.0.1:") && server.settings().tls);
    let root_cert = std::fs::read(other.certificate()).expect("a certificate");
    let certificates = redis::TlsCertificates { client_tls: None, root_cert: Some(root_cert) };
    let client = redis::Client::build_with_tls(server.url(), certificates).expect("an address");
    let refused = client.get_connection().map(drop).expect_err("the authority is another");
    assert!(refused.to_string().contains("certificate"), "{refused}");
}
