//! `userd api-keys`: creates, lists and revokes the keys of other services.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::Subcommand;
use serde_json::json;

use super::with_keys;
use crate::cli::command_error::{CommandError, CommandResult};
use crate::cli::console::{note, print_result};
use crate::config::Config;
use userd_core::{ApiKeyId, Scope, Timestamp};
use userd_service::{API_KEY_NAME_CHARS_MAX, API_KEYS_MAX, ApiKey, ApiKeyService, KeyDependencies};

/// The commands of `userd api-keys`.
#[derive(Debug, Subcommand)]
pub(crate) enum ApiKeysCommand {
    /// Create a key and print it once, on standard output
    Create {
        /// The name of the service that uses the key
        #[arg(long, value_name = "NAME", value_parser = parse_name)]
        name: String,
        /// What it may do, separated by commas: users:read, users:write, sessions:read, sessions:write, metrics, admin
        #[arg(long, value_name = "SCOPES", required = true, value_delimiter = ',', value_parser = parse_scope)]
        scope: Vec<Scope>,
    },
    /// List all keys, including revoked ones, without their secrets
    List {
        /// Print one JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key permanently; every node rejects it within a second
    Revoke {
        /// Its id, as `userd api-keys list` shows it
        #[arg(value_name = "ID", value_parser = parse_id)]
        id: ApiKeyId,
    },
}

fn parse_id(text: &str) -> Result<ApiKeyId, String> {
    ApiKeyId::parse(text).ok_or_else(|| {
        "an id has 16 hexadecimal digits, as `userd api-keys list` shows it and as it follows \"k1.\" in the key"
            .to_owned()
    })
}

fn parse_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > API_KEY_NAME_CHARS_MAX {
        return Err(format!("a name has 1 to {API_KEY_NAME_CHARS_MAX} characters"));
    }
    if name.chars().any(char::is_control) {
        return Err("a name has no control characters".to_owned());
    }
    Ok(name.to_owned())
}

fn parse_scope(text: &str) -> Result<Scope, String> {
    let word = text.trim();
    Scope::parse(word).ok_or_else(|| {
        let nearest = Scope::ALL.into_iter().max_by(|one, other| {
            strsim::jaro_winkler(one.as_str(), word).total_cmp(&strsim::jaro_winkler(other.as_str(), word))
        });
        let nearest = nearest.map(|scope| format!("; did you mean {scope}?")).unwrap_or_default();
        format!("there is no such scope{nearest} The scopes are {}", words(&Scope::ALL.into()))
    })
}

fn words(scopes: &BTreeSet<Scope>) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ")
}

impl ApiKeysCommand {
    /// Runs the command.
    pub(crate) fn run(self, config: &Config) -> CommandResult {
        with_keys(config, async |KeyDependencies { store, clock, random, .. }| {
            let keys = ApiKeyService::new(store, clock, random);
            match self {
                Self::Create { name, scope } => create(&keys, &name, scope).await,
                Self::List { json } => {
                    let keys = keys.list().await.map_err(CommandError::failed)?;
                    print_result(&if json { to_json(&keys) } else { to_table(&keys) }).map(|_| ())
                }
                Self::Revoke { id } => revoke(&keys, &id).await,
            }
        })
    }
}

async fn create(keys: &ApiKeyService, name: &str, scopes: Vec<Scope>) -> CommandResult {
    let made = keys.create(name, scopes.into_iter().collect()).await.map_err(CommandError::failed)?;
    let Some((key, token)) = made else {
        return Err(CommandError::Failed(format!(
            "there are {API_KEYS_MAX} API keys already, including revoked ones; that is the maximum"
        )));
    };
    let (id, name, scopes) = (&key.id, &key.name, words(&key.scopes));
    let printed = print_result(&format!("{}\n", token.expose()));
    note(&format!(
        "This is the API key of {name:?}, with {scopes}. It is not shown again: store it where only that service can \
         read it.\nIts id is {id}; `userd api-keys revoke {id}` revokes it."
    ));
    printed.map(|_| ())
}

fn to_json(keys: &[ApiKey]) -> String {
    let moment = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let keys = keys.iter().map(|key| {
        json!({
            "id": key.id.as_str(),
            "name": key.name,
            "scopes": key.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(),
            "created_at": key.created_at.to_string(),
            "last_used_at": moment(key.last_used_at),
            "revoked_at": moment(key.revoked_at),
        })
    });
    format!("{:#}\n", json!({ "keys": keys.collect::<Vec<_>>() }))
}

fn to_table(keys: &[ApiKey]) -> String {
    if keys.is_empty() {
        return "there is no API key: `userd api-keys create` creates one\n".to_owned();
    }
    let never = |at: Option<Timestamp>, none: &str| at.map_or_else(|| none.to_owned(), |at| at.to_string());
    let width = keys.iter().map(|key| key.name.chars().count()).max().unwrap_or_default().max(4);
    let mut text = format!(
        "{:<16}  {:<width$}  {:<24}  {:<24}  {:<24}  SCOPES\n",
        "ID", "NAME", "CREATED", "LAST USED", "REVOKED"
    );
    for key in keys {
        let (used, revoked) = (never(key.last_used_at, "never"), never(key.revoked_at, "no"));
        let (id, name, made, scopes) = (&key.id, &key.name, key.created_at.to_string(), words(&key.scopes));
        // Writing to a String never fails.
        let _ = writeln!(text, "{:<16}  {name:<width$}  {made:<24}  {used:<24}  {revoked:<24}  {scopes}", id.as_str());
    }
    text
}

async fn revoke(keys: &ApiKeyService, id: &ApiKeyId) -> CommandResult {
    if keys.revoke(id).await.map_err(CommandError::failed)? {
        print_result(&format!("the API key {id} is revoked\n")).map(|_| ())
    } else {
        Err(CommandError::Failed(format!("there is no API key {id}; `userd api-keys list` shows all")))
    }
}
