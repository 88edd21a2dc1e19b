//! The start-up banner: version, address, store, and what to type next. Printed once, on standard error.

use std::fmt;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::{LogFormat, StoreTarget};

/// The version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The start-up banner. The password of the store is hidden.
pub(super) struct StartupBanner {
    /// The address that userd listens on, with the actual port.
    pub(super) listen: SocketAddr,
    /// Where accounts are stored.
    pub(super) store: StoreTarget,
}

impl StartupBanner {
    /// Prints the banner; with JSON logs, as one line of the log.
    pub(super) fn show(&self, format: LogFormat) {
        match format {
            // A closed standard error is no reason not to serve.
            LogFormat::Text => _ = io::stderr().lock().write_all(self.to_string().as_bytes()),
            LogFormat::Json => {
                tracing::info!(version = VERSION, address = %self.listen, store = %self.store, "userd serves");
            }
        }
    }
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

impl fmt::Display for StartupBanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "userd {VERSION} serves on http://{}", self.listen)?;
        writeln!(f, "  users are kept in {}", self.store)?;
        writeln!(f, "  to create a user, type")?;
        writeln!(
            f,
            "    curl -i http://{}/api/users -H 'Content-Type: application/json' \\",
            local_address(self.listen)
        )?;
        writeln!(
            f,
            r#"      -d '{{"name": "Ada", "email": "ada@example.org", "password": "a sentence only Ada knows"}}'"#
        )?;
        writeln!(f, "  to stop, press Ctrl-C; `userd --help` shows more")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_shows_a_reachable_address_and_no_password() {
        let store = StoreTarget::parse("redis://ada:hunter2@cache.example:6380/1").expect("a proper target");
        let banner = StartupBanner { listen: ([0, 0, 0, 0], 8000).into(), store }.to_string();
        assert!(banner.contains("serves on http://0.0.0.0:8000\n"), "{banner}");
        assert!(banner.contains("curl -i http://127.0.0.1:8000/api/users "), "{banner}");
        assert!(banner.contains("redis://ada:***@cache.example:6380/1"), "{banner}");
        assert!(!banner.contains("hunter2"));
    }
}
