//! `userd signing-keys`: lists and rotates the keys that sign tokens for other services.

use std::fmt::Write as _;

use clap::Subcommand;
use serde_json::json;

use crate::cli::command_error::{CommandError, CommandResult};
use crate::cli::console::print_result;
use userd_core::error_chain;
use userd_service::{Error, JWKS_MAX_AGE_S, RotationOutcome, SigningKeyEntry, SigningKeyService, SigningKeyState};

/// The commands of `userd signing-keys`.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum SigningKeysCommand {
    /// List the signing keys and their state
    List {
        /// Print one JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Create the next signing key; it is published now, and signs after the propagation delay
    Rotate {
        /// For a compromised key: sign with a new key at once and remove all others, which invalidates their tokens
        #[arg(long)]
        now: bool,
    },
}

/// Runs a command.
pub(super) async fn run(keys: &SigningKeyService, command: SigningKeysCommand) -> CommandResult {
    match command {
        SigningKeysCommand::List { json } => {
            let keys = keys.list().await?;
            print_result(&if json { to_json(&keys) } else { to_table(&keys) }).map(|_| ())
        }
        SigningKeysCommand::Rotate { now: false } => rotate(keys).await,
        SigningKeysCommand::Rotate { now: true } => rotate_now(keys).await,
    }
}

/// The state, for scripts.
fn state_name(state: SigningKeyState) -> &'static str {
    match state {
        SigningKeyState::Pending => "pending",
        SigningKeyState::Active => "active",
        SigningKeyState::Retired(_) => "retired",
        SigningKeyState::Expired => "expired",
    }
}

fn to_json(keys: &[SigningKeyEntry]) -> String {
    let keys = keys.iter().map(|SigningKeyEntry { record, state }| {
        json!({
            "number": record.number,
            "kid": record.kid,
            "alg": record.algorithm.as_str(),
            "state": state_name(*state),
            "created_at": record.created_at.to_string(),
            "signs_from": record.signs_from.to_string(),
            "published_until": if let SigningKeyState::Retired(until) = state { Some(until.to_string()) } else { None },
        })
    });
    format!("{:#}\n", json!({ "keys": keys.collect::<Vec<_>>() }))
}

fn to_table(keys: &[SigningKeyEntry]) -> String {
    if keys.is_empty() {
        return "there is no key yet: the first server creates one\n".to_owned();
    }
    let mut text = format!("{:<6}  {:<5}  {:<43}  WHAT IT IS THERE FOR\n", "NUMBER", "ALG", "KID");
    for SigningKeyEntry { record, state } in keys {
        let purpose = match state {
            SigningKeyState::Pending => format!("published; signs from {}", record.signs_from),
            SigningKeyState::Active => "signs".to_owned(),
            SigningKeyState::Retired(until) => format!("signed; published until {until}"),
            SigningKeyState::Expired => "its tokens have expired; the next rotation removes it".to_owned(),
        };
        // Writing to a String never fails.
        let _ = writeln!(text, "{:<6}  {:<5}  {:<43}  {purpose}", record.number, record.algorithm.as_str(), record.kid);
    }
    text
}

async fn rotate(keys: &SigningKeyService) -> CommandResult {
    let rotation = keys.rotate().await.map_err(|error| match error {
        Error::KeyUnusable { .. } => CommandError::Failed(format!(
            "{}; a new key would not help. Set the token.encryption_key of the servers or, if it is lost, run `userd \
             signing-keys rotate --now`",
            error_chain(&error)
        )),
        other => other.into(),
    })?;
    let text = match rotation {
        RotationOutcome::Created(next) => format!(
            "the key {} ({}) is published, and signs from {}; tokens of earlier keys stay valid until they expire\n",
            next.kid, next.algorithm, next.signs_from
        ),
        RotationOutcome::Pending(next) => format!(
            "the next key {} ({}) is published already, and signs from {}; nothing was changed\n",
            next.kid, next.algorithm, next.signs_from
        ),
    };
    print_result(&text).map(|_| ())
}

async fn rotate_now(keys: &SigningKeyService) -> CommandResult {
    let key = keys.rotate_now().await?;
    print_result(&format!(
        "the key {} ({}) signs from now on, and all others are removed; services reject their tokens when they fetch \
         the keys again, after {} minutes at the latest\n",
        key.kid,
        key.algorithm,
        JWKS_MAX_AGE_S / 60
    ))
    .map(|_| ())
}
