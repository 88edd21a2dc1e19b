//! The start-up banner: version, address, store, and what to type next. Printed once, on standard error.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::{LogFormat, StoreTarget};

/// The version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Prints the start-up banner; with JSON logs, as one line of the log. `listen` has the actual port. The password of
/// the store is hidden.
pub(super) fn show_banner(listen: SocketAddr, store: &StoreTarget, format: LogFormat) {
    match format {
        // A closed standard error is no reason not to serve.
        LogFormat::Text => _ = io::stderr().lock().write_all(banner(listen, store).as_bytes()),
        LogFormat::Json => tracing::info!(version = VERSION, address = %listen, %store, "userd serves"),
    }
}

fn banner(listen: SocketAddr, store: &StoreTarget) -> String {
    format!(
        r#"userd {VERSION} serves on http://{listen}
  users are kept in {store}
  to create a user, type
    curl -i http://{}/api/users -H 'Content-Type: application/json' \
      -d '{{"name": "Ada", "email": "ada@example.org", "password": "a sentence only Ada knows"}}'
  to stop, press Ctrl-C; `userd --help` shows more
"#,
        local_address(listen)
    )
}

/// The address at which programs on this machine reach a userd that listens on `listen`.
pub(crate) fn local_address(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_shows_a_reachable_address_and_no_password() {
        let store = StoreTarget::parse("redis://ada:hunter2@cache.example:6380/1").expect("a proper target");
        let banner = banner(([0, 0, 0, 0], 8000).into(), &store);
        assert!(banner.contains("serves on http://0.0.0.0:8000\n"), "{banner}");
        assert!(banner.contains("curl -i http://127.0.0.1:8000/api/users "), "{banner}");
        assert!(banner.contains("redis://ada:***@cache.example:6380/1"), "{banner}");
        assert!(!banner.contains("hunter2"));
    }
}
