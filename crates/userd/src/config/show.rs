//! Every key with the value in force, for `userd config show`. Secrets are hidden here, at the source.

use std::fmt::Write as _;

use super::error::Origin;
use super::layers::{Layers, Raw};
use super::store_choice::Choice;
use super::{Config, HIDDEN};

/// Keys whose value is never shown.
const SECRETS: [&str; 3] = ["redis.password", "redis.sentinel_password", "token.seal_key"];

/// One key with the value in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key, with its section: `hash.passes`.
    pub key: String,
    /// The value as TOML; a secret is hidden.
    pub value: String,
    /// What there is to say about it: who set it, and what a 0 stands for here.
    pub note: Option<String>,
}

pub(super) fn entries(layers: &Layers, config: &Config, choice: &Choice) -> Vec<Entry> {
    let keys = layers.defaults().into_iter().flat_map(|defaults| defaults.keys());
    let mut entries: Vec<_> = keys.map(|key| entry(key, layers, config, choice)).collect();
    // Keys without a section first, as TOML wants it.
    entries.sort_by_key(|entry| entry.key.contains('.'));
    entries
}

fn entry(key: &str, layers: &Layers, config: &Config, choice: &Choice) -> Entry {
    if key == "store" {
        let note = choice.chosen_by.as_ref().map(|by| format!("from {by}"));
        return Entry { key: key.to_owned(), value: quote(&config.store.to_string()), note };
    }
    let found = layers.find(key);
    let value = match found.map(|found| found.raw) {
        Some(raw) if SECRETS.contains(&key) && !raw.is_empty() => quote(HIDDEN),
        Some(Raw::Text(text)) => quote(text),
        // A variable's text is shown as the type that the default has.
        Some(Raw::Untyped(text)) => match layers.defaults().and_then(|defaults| defaults.get(key)) {
            Some(Raw::Text(_)) => quote(text),
            _ => text.trim().to_owned(),
        },
        Some(Raw::Whole(number)) => number.to_string(),
        Some(Raw::Flag(flag)) => flag.to_string(),
        Some(Raw::Other) | None => quote(""),
    };
    let from = found.map(|found| found.origin).filter(|origin| **origin != Origin::Default);
    let from = from.map(|origin| format!("from {origin}"));
    let means = (value == "0").then(|| zero(key, config)).flatten().map(|number| format!("{number} here"));
    let notes: Vec<_> = means.into_iter().chain(from).collect();
    Entry { key: key.to_owned(), value, note: (!notes.is_empty()).then(|| notes.join(", ")) }
}

/// What a 0 stands for on this machine, for the keys where it stands for something.
fn zero(key: &str, config: &Config) -> Option<usize> {
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
