//! `userd api-keys` and `userd signing-keys`: the service's keys, with or without a running server.
//!
//! Results for scripts go to standard output, notes for people to standard error.
//!
//! To add a command: a variant of `ApiKeysCommand` or `SigningKeysCommand`, and a function in `api_keys` or
//! `signing_keys` that returns a `CommandOutput`.

mod api_keys;
mod context;
mod output;
mod signing_keys;

use std::process::ExitCode;

pub(super) use self::api_keys::ApiKeysCommand;
use self::context::KeyContext;
use self::output::CommandOutput;
pub(super) use self::signing_keys::SigningKeysCommand;
use super::block_on::block_on;
use super::console;
use super::exit_code::EXIT_FAILED;
use crate::config::Config;
use userd_core::error_chain;

/// `userd api-keys`
pub(super) fn api_keys(config: &Config, command: ApiKeysCommand) -> ExitCode {
    run("api-keys", config, async |keys| api_keys::run(&keys.api, command).await)
}

/// `userd signing-keys`
pub(super) fn signing_keys(config: &Config, command: SigningKeysCommand) -> ExitCode {
    run("signing-keys", config, async |keys| signing_keys::run(&keys.signing, command).await)
}

/// Opens the keys and runs `act` with them. Messages begin with the command `group`.
fn run(group: &str, config: &Config, act: impl AsyncFnOnce(&KeyContext) -> Result<CommandOutput, String>) -> ExitCode {
    let work = async {
        let keys = KeyContext::open(config).await.map_err(|error| error_chain(&error))?;
        let result = act(&keys).await;
        keys.close().await;
        result
    };
    match block_on(config, work).flatten() {
        Ok(output) => output.print(group),
        Err(message) => console::fail(group, &message, EXIT_FAILED),
    }
}
