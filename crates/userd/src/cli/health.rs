//! `userd health`: checks the health of a running server, for containers and scripts that have no curl.
//!
//! It sends one request and opens no store.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use ureq::Agent;

use super::command_error::{CommandError, CommandResult};
use super::console;
use crate::config::Config;
use crate::serve::local_address;

/// The time limit of the whole request. `/health/ready` answers within the store's time limit, one second by default;
/// container platforms commonly give a check 5 s.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Which check, of which server.
#[derive(Debug, Args)]
pub(super) struct HealthOptions {
    /// Check only the process, not its store: the check that decides about a restart
    #[arg(long)]
    live: bool,
    /// Check the server at http://HOST:PORT instead of the one on this machine that `listen` names
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl HealthOptions {
    /// Checks, and prints the result.
    pub(super) fn run(&self, config: &Config) -> CommandResult {
        let base = base(config.listen, self.url.as_deref()).map_err(CommandError::InvalidInput)?;
        let (path, good) = if self.live { ("/health/live", "live\n") } else { ("/health/ready", "ready\n") };
        probe(&format!("{base}{path}")).map_err(CommandError::Failed)?;
        console::print(good);
        Ok(())
    }
}

/// The server's address: `--url`, or the address of this machine at which `listen` is reachable.
fn base(listen: SocketAddr, url: Option<&str>) -> Result<String, String> {
    let Some(url) = url else {
        if listen.port() == 0 {
            return Err("userd listens on any free port: name it with --url http://127.0.0.1:PORT".to_owned());
        }
        return Ok(format!("http://{}", local_address(listen)));
    };
    if url.starts_with("http://") && !url.contains(['?', '#', '@']) {
        Ok(url.trim_end_matches('/').to_owned())
    } else {
        Err(format!("--url {url:?} is not the address of a userd: write http://HOST:PORT (TLS is the proxy's task)"))
    }
}

/// Sends one request, without redirects and without a proxy from the environment.
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
