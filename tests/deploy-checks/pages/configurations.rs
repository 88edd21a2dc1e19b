//! The configurations in the pages are accepted by the programs that they are for.

use std::fs;
use std::process::{Command, Stdio};

use super::{PageBlock, of_kind, passes, server};
use userd_test_support::server_plan::RedisServerPlan;
use userd_test_support::test_authority::TestAuthority;

#[test]
fn nginx_accepts_the_proxy_configuration() {
    let authority = TestAuthority::new();
    for block in of_kind("nginx") {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("nginx.conf");
        let [certificate, key] = [authority.file("server.pem"), authority.file("server.key")];
        let text = format!(
            "pid {0}/pid;\nerror_log {0}/log;\nevents {{}}\nhttp {{\naccess_log off;\n\
             client_body_temp_path {0}/b;\nproxy_temp_path {0}/p;\nfastcgi_temp_path {0}/f;\nuwsgi_temp_path {0}/u;\n\
             scgi_temp_path {0}/s;\nssl_certificate {1};\nssl_certificate_key {2};\n{3}}}\n",
            folder.path().display(),
            certificate.display(),
            key.display(),
            block.text
        );
        fs::write(&file, text).expect("it can be written");
        passes(&block.at, server("nginx").arg("-t").arg("-c").arg(&file), "nginx-light");
    }
}

#[test]
fn haproxy_accepts_the_proxy_configuration() {
    let authority = TestAuthority::new();
    for block in of_kind("haproxy") {
        let folder = tempfile::tempdir().expect("a folder");
        let both =
            ["server.pem", "server.key"].map(|name| fs::read_to_string(authority.file(name)).expect("it is there"));
        let pem = folder.path().join("users.pem");
        fs::write(&pem, both.concat()).expect("it can be written");
        let shown = "/etc/haproxy/users.pem";
        assert!(block.text.contains(shown), "{}: {shown}", block.at);
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, block.text.replace(shown, &pem.to_string_lossy())).expect("it can be written");
        passes(&block.at, server("haproxy").args(["-c", "-f"]).arg(&file), "haproxy");
    }
}

#[test]
fn caddy_accepts_the_proxy_configuration() {
    for block in of_kind("caddyfile") {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("Caddyfile");
        fs::write(&file, &block.text).expect("it can be written");
        let mut caddy = Command::new("caddy");
        caddy.args(["validate", "--adapter", "caddyfile", "--config"]).arg(&file);
        // It keeps certificates and more in its home.
        caddy.env("HOME", folder.path()).env("XDG_DATA_HOME", folder.path()).env("XDG_CONFIG_HOME", folder.path());
        passes(&block.at, &mut caddy, "caddy");
    }
}

#[test]
fn every_proxy_configuration_sets_the_forwarding_headers() {
    // Otherwise a client's `Host: localhost` would make it a program on userd's own machine.
    for (kind, wanted) in [
        ("nginx", &["proxy_set_header X-Forwarded-For ", "proxy_set_header X-Forwarded-Proto "][..]),
        ("haproxy", &["option forwardfor\n", "http-request set-header X-Forwarded-Proto "]),
        // Caddy sets both by itself, and Envoy the second.
        ("caddyfile", &["reverse_proxy "]),
        ("yaml", &["use_remote_address: true\n"]),
    ] {
        let proxies = of_kind(kind).into_iter().filter(|block| kind != "yaml" || block.text.contains("envoy"));
        let mut seen = 0;
        for PageBlock { at, text, .. } in proxies {
            assert!(wanted.iter().all(|wanted| text.contains(wanted)), "{at}: {wanted:?} in\n{text}");
            assert!(!text.contains("header_up"), "{at}: then look here which headers Caddy still sets");
            seen += 1;
        }
        assert!(seen > 0, "{kind}");
    }
}

#[test]
fn every_yaml_block_can_be_parsed() {
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/package-checks/venv/bin/python");
    for block in of_kind("yaml") {
        let mut read = Command::new(python);
        read.args(["-c", "import sys, yaml; yaml.safe_load(sys.argv[1])", &block.text]).stdin(Stdio::null());
        passes(&block.at, &mut read, "python3-venv, then ./scripts/ensure-package-checks.sh");
    }
}

#[test]
fn redis_starts_with_the_settings_and_the_users_of_the_page() {
    for block in of_kind("redis") {
        let server = RedisServerPlan::bare().config(&block.text).start();
        assert_eq!(server.texts(&["CONFIG", "GET", "maxmemory-policy"]), ["maxmemory-policy", "noeviction"]);
        assert_eq!(server.texts(&["CONFIG", "GET", "appendonly"]), ["appendonly", "yes"]);
    }
    for block in of_kind("acl") {
        // The rights of Sentinels are commands that an ordinary server does not have.
        if !block.text.contains("+sentinel|") {
            let server = RedisServerPlan::persistent().config(&block.text).start();
            let users = server.texts(&["ACL", "LIST"]);
            assert!(users.iter().any(|user| user.starts_with("user userd on")), "{}", block.at);
        }
    }
}
