//! Which accounts a command is about: those of the server that is named, else those of the configured store.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::backend::AdminBackend;
use super::http_client::{self, AdminClient};
use super::server_backend::ServerBackend;
use super::store_backend::StoreBackend;
use super::types::CommandError;
use crate::app::{self, AdminContext, AdminContextError};
use crate::cli::{self, GlobalOptions};
use crate::config::{API_KEY_VARIABLE, CliFlags, Config, ConfigSources};

/// Through which server.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct TargetOptions {
    /// Go through this running userd instead of opening the store
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    // Names that the linter takes for code.
    #[arg(long, global = true, value_name = "FILE", requires = "server")]
    #[arg(help = "Read the API key for --server from this file [else: from USERD_API_KEY]")]
    key_file: Option<PathBuf>,
    /// Trust the certificates in this PEM file instead of the usual ones
    #[arg(long, global = true, value_name = "FILE", requires = "server")]
    tls_ca: Option<PathBuf>,
}

impl TargetOptions {
    /// Opens the place, and goes on with it. A database that is missing is made only if `make` says so.
    pub(super) fn with(
        &self,
        options: GlobalOptions,
        make: bool,
        act: impl AsyncFnOnce(&AdminBackend) -> Result<(), CommandError>,
    ) -> ExitCode {
        let Some(url) = &self.server else {
            return cli::with_config(options, |config| super::finish(super::block_on(on_store(config, make, act))));
        };
        let backend = self.connect(url, &options);
        super::finish(backend.and_then(|backend| super::block_on(act(&backend))))
    }

    fn connect(&self, url: &str, options: &GlobalOptions) -> Result<AdminBackend, CommandError> {
        if options.store.is_some() {
            let text = "--server and --store name two places: give one of them".to_owned();
            return Err(CommandError::InvalidInput(text));
        }
        let key = if let Some(path) = &self.key_file {
            Some(http_client::read_key_file(path)?)
        } else {
            let text =
                ConfigSources::from_process(CliFlags::default()).api_key().map_err(CommandError::InvalidInput)?;
            text.map(|text| http_client::parse_key(&text, &format!("{API_KEY_VARIABLE} in the environment")))
                .transpose()?
        };
        Ok(AdminBackend::Server(ServerBackend(AdminClient::new(url, key, self.tls_ca.as_deref())?)))
    }
}

async fn on_store(
    config: &Config,
    make: bool,
    act: impl AsyncFnOnce(&AdminBackend) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let open = AdminContext::open(config, make).await.map_err(|error| open_error(&error, config))?;
    let backend = AdminBackend::Store(Box::new(StoreBackend::new(open, config.store.to_string())));
    let done = act(&backend).await;
    backend.close().await;
    done
}

/// Says what would go instead.
fn open_error(error: &AdminContextError, config: &Config) -> CommandError {
    let sentence = app::chain(error);
    CommandError::Failed(match error {
        AdminContextError::Served { .. } => format!(
            "{sentence}: use --server {}; once it has API keys, --key-file FILE, too, with one of the scope admin \
             (`(umask 077; userd api-keys create --name NAME --scope admin > FILE)` makes it)",
            address_of(config.listen)
        ),
        _ => sentence,
    })
}

/// Where a userd of this configuration is reached from its own machine.
fn address_of(listen: SocketAddr) -> String {
    let host = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    match listen.port() {
        // Any port that was free: only its log knows.
        0 => "and the http:// address in its log".to_owned(),
        port => format!("http://{}", SocketAddr::new(host, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_this_machine_is_named_as_it_is_reached() {
        for (listen, named) in [
            ("127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:8000", "http://[::1]:8000"),
            ("10.0.0.7:8000", "http://10.0.0.7:8000"),
            ("127.0.0.1:0", "and the http:// address in its log"),
        ] {
            assert_eq!(address_of(listen.parse().expect("an address")), named);
        }
    }
}
