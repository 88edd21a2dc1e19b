//! The accounts that a command is about: those of the server in `--server`, or those of the configured store.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::backend::AdminBackend;
use super::http_client::{self, AdminClient};
use crate::cli::block_on::block_on_threads;
use crate::cli::command_error::{CommandError, CommandResult};
use crate::cli::console::finish;
use crate::cli::global_options::run_command;
use crate::config::{API_KEY_VARIABLE, CliFlags, Config, ConfigSources, StoreTarget};
use crate::open::{OpenStoreError, open_store_for_command};
use crate::serve::local_address;
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
        flags: CliFlags,
        create: bool,
        act: impl AsyncFnOnce(&AdminBackend) -> CommandResult,
    ) -> ExitCode {
        let Some(url) = &self.server else {
            return run_command("userd", flags, |config| {
                block_on_threads(1, async {
                    let store = open(config, create).await?;
                    let backend = AdminBackend::on_store(config, Arc::clone(&store))?;
                    let result = act(&backend).await;
                    store.close().await;
                    result
                })
            });
        };
        finish("userd", self.connect(url, &flags).and_then(|backend| block_on_threads(1, act(&backend))))
    }

    fn connect(&self, url: &str, flags: &CliFlags) -> CommandResult<AdminBackend> {
        if flags.store.is_some() {
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
        Ok(AdminBackend::Server(AdminClient::new(url, key, self.tls_ca.as_deref())?))
    }
}

/// Opens the store; a missing database is created only with `create`.
async fn open(config: &Config, create: bool) -> CommandResult<Arc<dyn Store>> {
    if let StoreTarget::Sqlite { path } = &config.store
        && !create
        && !path.exists()
    {
        return Err(OpenStoreError::Missing(path.clone()).into());
    }
    open_store_for_command(config).await.map_err(|error| match error {
        OpenStoreError::Sqlite(OpenError::InUse { path, holder }) => CommandError::Failed(format!(
            "a userd serves {} ({holder}): use --server {}; once it has API keys, --key-file FILE, too, with a key \
             with the scope admin (`(umask 077; userd api-keys create --name NAME --scope admin > FILE)` creates it)",
            path.display(),
            address_of(config.listen)
        )),
        other => other.into(),
    })
}

/// The address at which programs on this machine reach a server with this configuration.
fn address_of(listen: SocketAddr) -> String {
    match listen.port() {
        // Any free port: only the server's log has it.
        0 => "and the http:// address in its log".to_owned(),
        _ => format!("http://{}", local_address(listen)),
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
