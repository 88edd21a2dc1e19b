//! `userd signing-keys`: lists and rotates the keys that sign tokens for other services.

use std::fmt::Write as _;

use clap::Subcommand;
use serde_json::json;

use super::with_keys;
use crate::cli::command_error::{CommandError, CommandResult};
use crate::cli::console::print_result;
use crate::config::Config;
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

impl SigningKeysCommand {
    /// Runs the command.
    pub(crate) fn run(self, config: &Config) -> CommandResult {
        with_keys(config, async |keys| {
            let keys = SigningKeyService::new(keys, config.token.algorithm, config.token.ttl_ms);
            let text = match self {
                Self::List { json: true } => to_json(&keys.list().await?),
                Self::List { json: false } => to_table(&keys.list().await?),
                Self::Rotate { now: false } => rotate(&keys).await?,
                Self::Rotate { now: true } => rotate_now(&keys).await?,
            };
            print_result(&text).map(|_| ())
        })
    }
}

fn to_json(keys: &[SigningKeyEntry]) -> String {
    let keys = keys.iter().map(|SigningKeyEntry { record, state }| {
        let (state, published_until) = match state {
            SigningKeyState::Pending => ("pending", None),
            SigningKeyState::Active => ("active", None),
            SigningKeyState::Retired(until) => ("retired", Some(until.to_string())),
            SigningKeyState::Expired => ("expired", None),
        };
        json!({
            "number": record.number,
            "kid": record.kid,
            "alg": record.algorithm.as_str(),
            "state": state,
            "created_at": record.created_at.to_string(),
            "signs_from": record.signs_from.to_string(),
            "published_until": published_until,
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

async fn rotate(keys: &SigningKeyService) -> CommandResult<String> {
    let rotation = keys.rotate().await.map_err(|error| match error {
        Error::KeyUnusable { .. } => CommandError::Failed(format!(
            "{}; a new key would not help. Set the token.encryption_key of the servers or, if it is lost, run `userd \
             signing-keys rotate --now`",
            error_chain(&error)
        )),
        other => other.into(),
    })?;
    Ok(match rotation {
        RotationOutcome::Created(next) => format!(
            "the key {} ({}) is published, and signs from {}; tokens of earlier keys stay valid until they expire\n",
            next.kid, next.algorithm, next.signs_from
        ),
        RotationOutcome::Pending(next) => format!(
            "the next key {} ({}) is published already, and signs from {}; nothing was changed\n",
            next.kid, next.algorithm, next.signs_from
        ),
    })
}

async fn rotate_now(keys: &SigningKeyService) -> CommandResult<String> {
    let key = keys.rotate_now().await?;
    Ok(format!(
        "the key {} ({}) signs from now on, and all others are removed; services reject their tokens when they fetch \
         the keys again, after {} minutes at the latest\n",
        key.kid,
        key.algorithm,
        JWKS_MAX_AGE_S / 60
    ))
}
