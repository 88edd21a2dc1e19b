//! Every key with the value in force, for `userd config show`. Secrets are hidden here, at the source.

use std::fmt::Write as _;

use super::error::ConfigOrigin;
use super::layers::{ConfigLayers, RawValue};
use super::store_choice::StoreChoice;
use super::{Config, REDACTED};

/// Keys whose value is never shown.
const SECRETS: [&str; 3] = ["redis.password", "redis.sentinel_password", "token.encryption_key"];

/// One key with the value in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The key, with its section: `hash.iterations`.
    pub key: String,
    /// The value as TOML; a secret is hidden.
    pub value: String,
    /// What there is to say about it: who set it, and what a 0 stands for here.
    pub note: Option<String>,
}

pub(super) fn entries(layers: &ConfigLayers, config: &Config, choice: &StoreChoice) -> Vec<ConfigEntry> {
    let keys = layers.defaults().into_iter().flat_map(|defaults| defaults.keys());
    let mut entries: Vec<_> = keys.map(|key| entry(key, layers, config, choice)).collect();
    // Keys without a section first, as TOML wants it.
    entries.sort_by_key(|entry| entry.key.contains('.'));
    entries
}

fn entry(key: &str, layers: &ConfigLayers, config: &Config, choice: &StoreChoice) -> ConfigEntry {
    if key == "store" {
        let note = choice.chosen_by.as_ref().map(|by| format!("from {by}"));
        return ConfigEntry { key: key.to_owned(), value: quote(&config.store.to_string()), note };
    }
    let found = layers.find(key);
    let value = match found.map(|found| found.raw) {
        Some(raw) if SECRETS.contains(&key) && !raw.is_empty() => quote(REDACTED),
        Some(RawValue::Text(text)) => quote(text),
        // A variable's text is shown as the type that the default has.
        Some(RawValue::Untyped(text)) => match layers.defaults().and_then(|defaults| defaults.get(key)) {
            Some(RawValue::Text(_)) => quote(text),
            _ => text.trim().to_owned(),
        },
        Some(RawValue::Integer(number)) => number.to_string(),
        Some(RawValue::Boolean(flag)) => flag.to_string(),
        Some(RawValue::Unsupported) | None => quote(""),
    };
    let from = found.map(|found| found.origin).filter(|origin| **origin != ConfigOrigin::Default);
    let from = from.map(|origin| format!("from {origin}"));
    let means = (value == "0").then(|| auto_value(key, config)).flatten().map(|number| format!("{number} here"));
    let notes: Vec<_> = means.into_iter().chain(from).collect();
    ConfigEntry { key: key.to_owned(), value, note: (!notes.is_empty()).then(|| notes.join(", ")) }
}

/// What a 0 stands for on this machine, for the keys where it stands for something.
fn auto_value(key: &str, config: &Config) -> Option<usize> {
    match key {
        "workers" => Some(config.workers),
        "hash.workers" => Some(config.hash.workers),
        "hash.queue" => Some(config.hash.queue),
        "sqlite.readers" => Some(config.sqlite.readers),
        _ => None,
    }
}

/// A TOML basic string.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            // Never fails: a String takes everything.
            _ if char.is_control() => _ = write!(quoted, "\\u{:04X}", u32::from(char)),
            _ => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}
