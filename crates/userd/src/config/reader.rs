//! Reads one section after the other out of the merged sources and notes each mistake, so that one pass finds all.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use figment::error::{Error as FigmentError, Kind};
use figment::value::{Dict, Value};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::error::ConfigOrigin;
use super::layers::{ConfigLayers, default_position, full_key, unreadable_text};
use super::schema::{ConfigSchema, SectionSchema, check, is_secret};

/// Reads sections and collects mistakes.
pub(super) struct ConfigReader<'a> {
    pub(super) layers: &'a ConfigLayers,
    pub(super) working_dir: &'a Path,
    /// The schema of the sections that were read.
    pub(super) schema: ConfigSchema,
    /// Each with the position of its key in `userd.default.toml`.
    issues: Vec<(Option<usize>, String)>,
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
    pub(super) fn section<T: DeserializeOwned + JsonSchema>(&mut self, name: &str) -> Result<T, String> {
        let section = SectionSchema::of::<T>();
        let value = |(key, schema): (&String, &Json)| Some((key.clone(), self.value(&full_key(name, key), schema)?));
        let mut values: Dict = section.keys.iter().filter_map(value).collect();
        self.schema.add(name, section, &self.layers.defaults);
        loop {
            let FigmentError { path, kind, .. } = match Value::from(values.clone()).deserialize() {
                Ok(settings) => return Ok(settings),
                Err(error) => error,
            };
            let short = path.into_iter().next().unwrap_or_default();
            let key = full_key(name, &short);
            let text = rejection_text(kind);
            match self.layers.defaults.get(&key) {
                Some(default) if values.get(&short) != Some(default) => {
                    // A secret may have come from its twin.
                    self.reject(&self.layers.secret_source(&key), text);
                    values.insert(short, default.clone());
                }
                _ => return Err(ConfigOrigin::Default.issue(&key, text)),
            }
        }
    }

    /// The value of `key`, or its default after a mistake.
    fn value(&mut self, key: &str, schema: &Json) -> Option<Value> {
        if is_secret(schema) {
            return Some(Value::from(self.secret(key).unwrap_or_default()));
        }
        let found = self.layers.values.get(key)?;
        let checked = check(schema, &found.value, found.origin.is_untyped());
        checked.map_err(|text| self.reject(key, text)).ok().or_else(|| self.layers.defaults.get(key).cloned())
    }

    /// A secret text, or the content of the file that the twin `<key>_file` names.
    fn secret(&mut self, key: &str) -> Option<String> {
        let source = self.layers.secret_source(key);
        let text = if source == key { self.direct_secret(key) } else { self.secret_file(&source) };
        text.map_err(|text| self.reject(&source, text)).ok()
    }

    fn direct_secret(&self, key: &str) -> Result<String, String> {
        let file_key = format!("{key}_file");
        match self.layers.set_by(key) {
            Some(origin) if self.layers.set_by(&file_key) == Some(origin) => {
                Err(format!("is given twice, here and by {}: keep one of them", origin.spelling(&file_key)))
            }
            _ => self.text(key),
        }
    }

    /// The content of the file that `key` names, without a newline at its end.
    fn secret_file(&self, key: &str) -> Result<String, String> {
        let path = self.text(key)?;
        let content = fs::read_to_string(self.working_dir.join(&path));
        let content = content.map_err(|error| format!("the file {path}: {}", unreadable_text(&error)))?;
        let content = content.strip_suffix('\n').unwrap_or(&content);
        let content = content.strip_suffix('\r').unwrap_or(content);
        if content.is_empty() { Err(format!("the file {path} is empty")) } else { Ok(content.to_owned()) }
    }

    fn text(&self, key: &str) -> Result<String, String> {
        let text = self.layers.values.get(key).and_then(|found| found.value.as_str());
        text.map(ToOwned::to_owned).ok_or_else(|| "is not a string: write it in quotes".to_owned())
    }

    /// Notes a mistake in `key`, at the source that its value comes from.
    pub(super) fn reject(&mut self, key: &str, text: impl Display) {
        self.note(key, self.layers.origin(key).issue(key, text));
    }

    /// Notes a mistake that stands where one in `key` would.
    pub(super) fn note(&mut self, key: &str, issue: String) {
        self.issues.push((default_position(key), issue));
    }

    /// Every mistake: those of the sources, then those of keys in the order of `userd.default.toml`.
    pub(super) fn issues(mut self) -> Vec<String> {
        self.issues.sort_by_key(|(position, _)| *position);
        let of_keys = self.issues.into_iter().map(|(_, issue)| issue);
        self.layers.issues.iter().cloned().chain(of_keys).collect()
    }
}

/// Only our own messages are passed on: figment's would quote the value, which can be a secret.
fn rejection_text(kind: Kind) -> String {
    match kind {
        Kind::Message(text) => text,
        _ => "can't be used".to_owned(),
    }
}
