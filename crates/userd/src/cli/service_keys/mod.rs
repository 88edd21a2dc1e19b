//! `userd api-keys` and `userd signing-keys`: the service's keys, with or without a running server.
//!
//! Results for scripts go to standard output, notes for people to standard error.
//!
//! To add a command: a variant of `ApiKeysCommand` or `SigningKeysCommand`, and a function in `api_keys` or
//! `signing_keys` that prints its result.

mod api_keys;
mod context;
mod signing_keys;

use std::process::ExitCode;

pub(super) use self::api_keys::ApiKeysCommand;
use self::context::KeyContext;
pub(super) use self::signing_keys::SigningKeysCommand;
use super::block_on::block_on;
use super::command_error::{CommandError, CommandResult};
use crate::config::Config;

/// `userd api-keys`
pub(super) fn api_keys(config: &Config, command: ApiKeysCommand) -> CommandResult<ExitCode> {
    run(config, async |keys| api_keys::run(&keys.api, command).await)
}

/// `userd signing-keys`
pub(super) fn signing_keys(config: &Config, command: SigningKeysCommand) -> CommandResult<ExitCode> {
    run(config, async |keys| signing_keys::run(&keys.signing, command).await)
}

/// Opens the keys and runs `act` with them.
fn run(config: &Config, act: impl AsyncFnOnce(&KeyContext) -> CommandResult<()>) -> CommandResult<ExitCode> {
    block_on(config, async {
        let keys = KeyContext::open(config).await.map_err(CommandError::failed)?;
        let result = act(&keys).await;
        keys.close().await;
        result.map(|()| ExitCode::SUCCESS)
    })
}
