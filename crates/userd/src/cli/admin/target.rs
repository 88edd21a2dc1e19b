//! The accounts that a command is about: those of the server in `--server`, or those of the configured store.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::backend::AdminBackend;
use super::error::{CommandError, finish};
use super::http_client::{self, AdminClient};
use super::server_backend::ServerBackend;
use super::store_backend::StoreBackend;
use crate::cli::block_on::block_on_threads;
use crate::cli::global_options::GlobalOptions;
use crate::config::{API_KEY_VARIABLE, CliFlags, Config, ConfigSources, StoreTarget};
use crate::open::{OpenStoreError, open_store_for_command};
use userd_core::error_chain;
use userd_core::random::SystemRandom;
use userd_store::Store;
use userd_store_sqlite::OpenError;

/// The server, if there is one.
#[derive(Debug, Clone, Args)]
pub(super) struct TargetOptions {
    /// Use the admin API of this running userd instead of opening the store
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    // An attribute, because a doc comment with such names fails a lint.
    #[arg(long, global = true, value_name = "FILE", requires = "server")]
    #[arg(help = "Read the API key for --server from this file [else: from USERD_API_KEY]")]
    key_file: Option<PathBuf>,
    /// Trust the root certificates in this PEM file instead of Mozilla's
    #[arg(long, global = true, value_name = "FILE", requires = "server")]
    tls_ca: Option<PathBuf>,
}

impl TargetOptions {
    /// Opens the target, runs `act` with it and reports the result. A missing database is created only with `create`.
    pub(super) fn run(
        &self,
        options: GlobalOptions,
        create: bool,
        act: impl AsyncFnOnce(&AdminBackend) -> Result<(), CommandError>,
    ) -> ExitCode {
        let Some(url) = &self.server else {
            return options.with_config(|config| finish(block_on(on_store(config, create, act))));
        };
        let backend = self.connect(url, &options);
        finish(backend.and_then(|backend| block_on(act(&backend))))
    }

    fn connect(&self, url: &str, options: &GlobalOptions) -> Result<AdminBackend, CommandError> {
        if options.store.is_some() {
            let text = "--server and --store name two targets: use one of them".to_owned();
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

fn block_on<T>(act: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    block_on_threads(1, act).map_err(CommandError::Failed).flatten()
}

async fn on_store(
    config: &Config,
    create: bool,
    act: impl AsyncFnOnce(&AdminBackend) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let store = open(config, create).await.map_err(|error| open_error(&error, config))?;
    let backend = AdminBackend::Store(Box::new(StoreBackend::new(config, store)?));
    let result = act(&backend).await;
    backend.close().await;
    result
}

/// Opens the store; a missing database is created only with `create`.
async fn open(config: &Config, create: bool) -> Result<Arc<dyn Store>, OpenStoreError> {
    match &config.store {
        StoreTarget::Sqlite { path } if !create && !path.exists() => Err(OpenStoreError::Missing(path.clone())),
        _ => open_store_for_command(config, Arc::new(SystemRandom)).await,
    }
}

/// The message, with the command that works if a server has the database open.
fn open_error(error: &OpenStoreError, config: &Config) -> CommandError {
    CommandError::Failed(match error {
        OpenStoreError::Sqlite(OpenError::InUse { path, holder }) => format!(
            "a userd serves {} ({holder}): use --server {}; once it has API keys, --key-file FILE, too, with a key \
             with the scope admin (`(umask 077; userd api-keys create --name NAME --scope admin > FILE)` creates it)",
            path.display(),
            address_of(config.listen)
        ),
        _ => error_chain(error),
    })
}

/// The address at which programs on this machine reach a server with this configuration.
fn address_of(listen: SocketAddr) -> String {
    let host = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    match listen.port() {
        // Any free port: only the server's log has it.
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
