//! Every key with its effective value, for `userd config show`. Secrets are hidden here, at the source.

use std::collections::BTreeSet;

use figment::value::Value;

use super::error::ConfigOrigin;
use super::layers::{ConfigLayers, ResolvedValue};
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
    store: &StoreChoice,
    secrets: &BTreeSet<String>,
    auto: &[(&str, usize)],
) -> Vec<ConfigEntry> {
    let entry = |(key, ResolvedValue { value, origin }): (&String, &ResolvedValue)| {
        let set_by = (*origin != ConfigOrigin::Default).then(|| origin.to_string());
        let (value, set_by) = match value {
            _ if key == "store" => (quote(&store.target.to_string()), store.chosen_by.clone()),
            Value::String(_, text) if secrets.contains(key) && !text.is_empty() => (quote(REDACTED), set_by),
            value => (toml(value), set_by),
        };
        let means =
            auto.iter().find(|(name, _)| *name == key && value == "0").map(|(_, number)| format!("{number} here"));
        let notes: Vec<_> = means.into_iter().chain(set_by.map(|by| format!("from {by}"))).collect();
        ConfigEntry { key: key.clone(), value, note: (!notes.is_empty()).then(|| notes.join(", ")) }
    };
    let mut entries: Vec<_> = layers.values.iter().map(entry).collect();
    // Keys without a section first, as TOML wants it.
    entries.sort_by_key(|entry| entry.key.contains('.'));
    entries
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
    let escaped = |char: char| match char {
        '"' | '\\' => format!("\\{char}"),
        _ if char.is_control() => format!("\\u{:04X}", u32::from(char)),
        _ => char.to_string(),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}
