//! `userd health`: asks a serving userd whether it is well, and says so by the exit code, for containers and scripts
//! that have no curl. It looks at no store and no file itself.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use ureq::Agent;

use super::EXIT_USAGE;
use crate::config::Config;

/// It did not answer, or not that it is well.
const EXIT_UNHEALTHY: u8 = 1;

/// How long all of it may take. `/health/ready` answers within the time limit of the store, a second unless it is
/// configured otherwise; this is less than the 5 s that container platforms wait for their check.
const TIMEOUT: Duration = Duration::from_secs(4);

#[derive(Debug, Args)]
pub(super) struct HealthOptions {
    /// Ask only whether the process answers, not whether its store does: what decides about a restart
    #[arg(long)]
    live: bool,
    /// Ask the userd at this address, http://HOST:PORT, instead of the one on this machine that `listen` names
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// Asks, and prints what came of it.
pub(super) fn run(config: &Config, options: &HealthOptions) -> ExitCode {
    let base = match base(config.listen, options.url.as_deref()) {
        Ok(base) => base,
        Err(sentence) => return fail(EXIT_USAGE, &sentence),
    };
    let path = if options.live { "/health/live" } else { "/health/ready" };
    match probe(&format!("{base}{path}")) {
        Ok(()) => {
            // A reader that went away is no mistake.
            let _ = writeln!(io::stdout().lock(), "{}", if options.live { "live" } else { "ready" });
            ExitCode::SUCCESS
        }
        Err(sentence) => fail(EXIT_UNHEALTHY, &sentence),
    }
}

/// Where to ask: what `--url` says, or this machine's side of `listen`.
fn base(listen: SocketAddr, url: Option<&str>) -> Result<String, String> {
    let Some(url) = url else {
        if listen.port() == 0 {
            return Err("userd listens on any free port; say which with --url http://127.0.0.1:PORT".to_owned());
        }
        return Ok(format!("http://{}", SocketAddr::new(reachable_ip(listen.ip()), listen.port())));
    };
    if url.starts_with("http://") && !url.contains(['?', '#', '@']) {
        Ok(url.trim_end_matches('/').to_owned())
    } else {
        Err(format!("--url {url:?} is no address of a userd: write http://HOST:PORT (TLS is the proxy's)"))
    }
}

/// An address of this machine at which something that listens on `ip` is reached.
fn reachable_ip(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

/// One request, without redirects and without the proxy that the environment may name.
fn probe(url: &str) -> Result<(), String> {
    let config = Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .proxy(None)
        .http_status_as_error(false)
        .user_agent("userd-health")
        .build();
    match Agent::new_with_config(config).get(url).call() {
        Ok(answer) if answer.status() == 200 => Ok(()),
        Ok(answer) => Err(format!("{url} answers {}", answer.status().as_u16())),
        Err(error) => Err(format!("{url} does not answer: {error}")),
    }
}

fn fail(code: u8, sentence: &str) -> ExitCode {
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(io::stderr().lock(), "userd health: {sentence}");
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_on_this_machine_where_userd_listens_everywhere() {
        for (listen, expected) in [
            ("127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("0.0.0.0:8000", "http://127.0.0.1:8000"),
            ("[::]:80", "http://[::1]:80"),
            ("10.1.2.3:8000", "http://10.1.2.3:8000"),
        ] {
            let listen = listen.parse().expect("an address");
            assert_eq!(base(listen, None).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused_with_what_to_write() {
        let listen = "127.0.0.1:0".parse().expect("an address");
        assert!(base(listen, None).expect_err("no port").contains("--url"));
        for url in ["https://a.example", "127.0.0.1:8000", "http://ada@a.example", "http://a.example/?x"] {
            assert!(base(listen, Some(url)).expect_err(url).contains("http://HOST:PORT"), "{url}");
        }
        assert_eq!(base(listen, Some("http://a.example:1/")).as_deref(), Ok("http://a.example:1"));
    }
}
