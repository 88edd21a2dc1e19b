//! Reads one section after the other out of the merged sources and notes each mistake, so that one pass finds all.

use std::fs;
use std::path::Path;

use figment::error::{Error as FigmentError, Kind};
use figment::value::{Dict, Value};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::error::{ConfigIssue, ConfigOrigin};
use super::layers::{ConfigLayers, default_position, unreadable_text};
use super::schema::{ConfigSchema, SectionSchema, check, is_secret};

/// Reads sections and collects mistakes.
pub(super) struct ConfigReader<'a> {
    pub(super) layers: &'a ConfigLayers,
    pub(super) working_dir: &'a Path,
    /// The schema of the sections that were read.
    pub(super) schema: ConfigSchema,
    /// Each with the position of its key in `userd.default.toml`.
    issues: Vec<(usize, ConfigIssue)>,
}

impl<'a> ConfigReader<'a> {
    /// Reads `layers`; file names are relative to `working_dir`.
    pub(super) fn new(layers: &'a ConfigLayers, working_dir: &'a Path) -> Self {
        Self { layers, working_dir, schema: ConfigSchema::default(), issues: Vec::new() }
    }

    /// The section `name` as `T`, which takes the keys that its schema has; the empty name stands for the keys without
    /// a section. A key with a mistake is noted and has its default.
    ///
    /// # Errors
    /// If even the default of a key can't be used.
    pub(super) fn section<T: DeserializeOwned + JsonSchema>(&mut self, name: &str) -> Result<T, ConfigIssue> {
        let full = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
        let section = SectionSchema::of::<T>();
        let mut values: Dict = section
            .keys
            .iter()
            .filter_map(|(key, schema)| Some((key.clone(), self.value(&full(key), schema)?)))
            .collect();
        self.schema.add(name, section, |key| {
            self.layers.default(&full(key)).and_then(|value| serde_json::to_value(value).ok())
        });
        loop {
            let error = match Value::from(values.clone()).deserialize() {
                Ok(settings) => return Ok(settings),
                Err(error) => error,
            };
            let key = full(&error.path.first().cloned().unwrap_or_default());
            let default = self.layers.default(&key).cloned();
            let text = rejection_text(error);
            let Some(default) = default.filter(|default| values.get(short(&key)) != Some(default)) else {
                return Err(ConfigIssue::for_key(&key, &ConfigOrigin::Default, text));
            };
            // A secret may have come from its twin.
            let source = self.layers.secret_source(&key).ok().flatten();
            self.reject(source.as_deref().unwrap_or(&key), text);
            values.insert(short(&key).to_owned(), default);
        }
    }

    /// The value of `key`, or its default after a mistake.
    fn value(&mut self, key: &str, schema: &Json) -> Option<Value> {
        if is_secret(schema) {
            return Some(Value::from(self.secret(key).unwrap_or_default()));
        }
        let found = self.layers.find(key)?;
        let (value, untyped) = (found.value.clone(), found.origin.is_untyped());
        match check(schema, &value, untyped) {
            Ok(value) => Some(value),
            Err(text) => {
                self.reject(key, text);
                self.layers.default(key).cloned()
            }
        }
    }

    /// A secret text, or the content of the file that the twin `<key>_file` names.
    fn secret(&mut self, key: &str) -> Option<String> {
        let source = match self.layers.secret_source(key) {
            Ok(source) => source?,
            Err(text) => {
                self.reject(key, text);
                return None;
            }
        };
        let Some(text) = self.layers.find(&source).and_then(|found| found.value.as_str().map(ToOwned::to_owned)) else {
            self.reject(&source, "is not a string: write it in quotes");
            return None;
        };
        if source == key {
            return Some(text);
        }
        let content = fs::read_to_string(self.working_dir.join(&text)).map_err(|error| unreadable_text(&error));
        let content = content.map_err(|error| format!("the file {text}: {error}")).and_then(|content| {
            let content = content.strip_suffix('\n').unwrap_or(&content);
            let content = content.strip_suffix('\r').unwrap_or(content);
            if content.is_empty() { Err(format!("the file {text} is empty")) } else { Ok(content.to_owned()) }
        });
        content.map_err(|text| self.reject(&source, text)).ok()
    }

    /// Notes a mistake in `key`, at the source that its value comes from.
    pub(super) fn reject(&mut self, key: &str, text: impl Into<String>) {
        let origin = self.layers.find(key).map_or(&ConfigOrigin::Default, |found| found.origin);
        self.note(key, ConfigIssue::for_key(key, origin, text));
    }

    /// Notes a mistake that stands where one in `key` would.
    pub(super) fn note(&mut self, key: &str, issue: ConfigIssue) {
        self.issues.push((default_position(key), issue));
    }

    /// Every mistake, in the order of `userd.default.toml`.
    pub(super) fn issues(&mut self) -> Vec<ConfigIssue> {
        let mut issues = std::mem::take(&mut self.issues);
        issues.sort_by_key(|(position, _)| *position);
        issues.into_iter().map(|(_, issue)| issue).collect()
    }
}

fn short(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Only our own messages are passed on: figment's would quote the value, which can be a secret.
fn rejection_text(error: FigmentError) -> String {
    match error.kind {
        Kind::Message(text) => text,
        _ => "can't be used".to_owned(),
    }
}
