//! Every key with its effective value, for `userd config show`. Secrets are hidden here, at the source.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use figment::value::Value;

use super::error::ConfigOrigin;
use super::layers::ConfigLayers;
use super::store_choice::StoreChoice;
use userd_core::REDACTED;

/// One key with its effective value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The key, with its section: `hash.iterations`.
    pub key: String,
    /// The value as TOML; a secret is hidden.
    pub value: String,
    /// The source that set it, and what a 0 stands for on this machine.
    pub note: Option<String>,
}

/// The entries of all keys. `store` is shown as it was chosen, `secrets` are hidden, `auto` says what a 0 stands for.
pub(super) fn entries(
    layers: &ConfigLayers,
    store: &ConfigEntry,
    secrets: &BTreeSet<String>,
    auto: &[(&str, usize)],
) -> Vec<ConfigEntry> {
    let mut entries: Vec<_> = layers
        .keys()
        .map(|key| if *key == store.key { store.clone() } else { entry(key, layers, secrets, auto) })
        .collect();
    // Keys without a section first, as TOML wants it.
    entries.sort_by_key(|entry| entry.key.contains('.'));
    entries
}

/// The entry of the key `store`.
pub(super) fn store_entry(choice: &StoreChoice) -> ConfigEntry {
    let note = choice.chosen_by.as_ref().map(|by| format!("from {by}"));
    ConfigEntry { key: "store".to_owned(), value: quote(&choice.target.to_string()), note }
}

fn entry(key: &str, layers: &ConfigLayers, secrets: &BTreeSet<String>, auto: &[(&str, usize)]) -> ConfigEntry {
    let found = layers.find(key);
    let value = match found.map(|found| found.value) {
        Some(Value::String(_, text)) if secrets.contains(key) && !text.is_empty() => quote(REDACTED),
        Some(value) => toml(value),
        None => quote(""),
    };
    let from = found.map(|found| found.origin).filter(|origin| **origin != ConfigOrigin::Default);
    let from = from.map(|origin| format!("from {origin}"));
    let means = auto.iter().find(|(name, _)| *name == key && value == "0").map(|(_, number)| format!("{number} here"));
    let notes: Vec<_> = means.into_iter().chain(from).collect();
    ConfigEntry { key: key.to_owned(), value, note: (!notes.is_empty()).then(|| notes.join(", ")) }
}

/// A value as TOML.
fn toml(value: &Value) -> String {
    match value {
        Value::String(_, text) => quote(text),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => number.to_i128().map(|number| number.to_string()).unwrap_or_default(),
        Value::Array(_, items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Char(..) | Value::Empty(..) | Value::Dict(..) => quote(""),
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
