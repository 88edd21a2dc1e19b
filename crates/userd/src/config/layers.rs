//! The sources, merged: defaults, file, `.env`, environment, flags.
//!
//! Each source becomes a flat map of keys (`hash.iterations`) to typed values before it overrides lower ones; what a
//! key means is not known here. With each value is kept which source it came from, so that a mistake names the file or
//! the variable.
//!
//! To add a source: a `ConfigOrigin`, and its map in [`ConfigLayers::read`], both in the order of precedence.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::{Dict, Value};

use super::error::ConfigOrigin;
use super::sources::{API_KEY_VARIABLE, CONFIG_VARIABLE, ConfigSources, PREFIX, REDIS_VARIABLES, is_service_link};
use super::unknown_keys::unknown_key_text;

/// The reference: every key, its default and its meaning.
pub const DEFAULTS: &str = include_str!("../../../../userd.default.toml");
/// Read from the working directory unless another file is named.
const CONFIG_FILE: &str = "userd.toml";
/// Read from the working directory, as the Rocket + Redis tutorial does.
const DOT_ENV_FILE: &str = ".env";

/// The value of a key that counts, and where it comes from.
pub(super) struct ResolvedValue {
    pub(super) value: Value,
    pub(super) origin: ConfigOrigin,
}

/// The merged sources, and the plain `REDIS_…` variables.
#[derive(Default)]
pub(super) struct ConfigLayers {
    /// What `userd.default.toml` says of each key.
    pub(super) defaults: Dict,
    /// Every key.
    pub(super) values: BTreeMap<String, ResolvedValue>,
    /// `REDIS_…`, each from the highest source that sets it.
    pub(super) legacy_env: BTreeMap<&'static str, (String, ConfigOrigin)>,
    /// What can't be read, and unknown keys.
    pub(super) issues: Vec<String>,
}

impl ConfigLayers {
    /// The defaults alone.
    pub(super) fn defaults() -> Self {
        let mut layers = Self::default();
        layers.defaults = parse_toml(DEFAULTS, &ConfigOrigin::Default, &mut layers.issues).unwrap_or_default();
        layers.push(&ConfigOrigin::Default, layers.defaults.clone());
        layers
    }

    /// Reads all sources; what can't be read is noted and left out.
    pub(super) fn read(sources: &ConfigSources) -> Self {
        let mut layers = Self::defaults();
        let file = read_config_file(sources, &mut layers.issues);
        let dot_env = read_dot_env(&sources.working_dir, &mut layers.issues);
        layers.issues.extend(sources.non_utf8.iter().map(|name| format!("{name} in the environment: is not UTF-8")));
        if let Some((origin, values)) = file {
            layers.push(&origin, values);
        }
        layers.push_variables(&ConfigOrigin::DotEnv, &dot_env);
        layers.push_variables(&ConfigOrigin::Environment, &sources.environment);
        layers.push(&ConfigOrigin::CommandLine, flags(sources));
        layers
    }

    /// The source of the value of `key` that counts.
    pub(super) fn origin(&self, key: &str) -> &ConfigOrigin {
        self.values.get(key).map_or(&ConfigOrigin::Default, |found| &found.origin)
    }

    /// The source that sets `key`; `None` if it is empty.
    pub(super) fn set_by(&self, key: &str) -> Option<&ConfigOrigin> {
        self.values.get(key).filter(|found| !is_empty(&found.value)).map(|found| &found.origin)
    }

    /// Which of `key` and its twin `<key>_file` gives the secret: the one that a later source sets.
    pub(super) fn secret_source(&self, key: &str) -> String {
        let file_key = format!("{key}_file");
        if self.set_by(&file_key) > self.set_by(key) { file_key } else { key.to_owned() }
    }

    /// Merges a source above the others. Unknown keys are noted and left out.
    ///
    /// An empty text means "not set": for a key that may be empty it removes what lower sources set, for another one it
    /// is ignored.
    fn push(&mut self, origin: &ConfigOrigin, values: Dict) {
        for (key, value) in values {
            let Some(default) = self.defaults.get(&key) else {
                self.issues.push(origin.issue(&key, unknown_key_text(&key, origin, &self.defaults)));
                continue;
            };
            let value = match value {
                value if !is_empty(&value) || is_empty(default) => value,
                _ if default.as_array().is_some_and(<[Value]>::is_empty) => default.clone(),
                _ => continue,
            };
            self.values.insert(key, ResolvedValue { value, origin: origin.clone() });
        }
    }

    fn push_variables(&mut self, origin: &ConfigOrigin, variables: &BTreeMap<String, String>) {
        for name in REDIS_VARIABLES {
            if let Some(value) = variables.get(name).filter(|value| !value.is_empty()) {
                self.legacy_env.insert(name, (value.clone(), origin.clone()));
            }
        }
        let mut values = Dict::new();
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix(PREFIX).filter(|_| !is_service_link(name)) else { continue };
            let elsewhere = match name.as_str() {
                CONFIG_VARIABLE => {
                    "names the configuration file in the environment only: set it there, or use --config"
                }
                API_KEY_VARIABLE => "is read from the environment only: set it there, or use --key-file",
                _ => {
                    let key = rest.to_ascii_lowercase().replace("__", ".");
                    let value = typed(value, self.defaults.get(&key));
                    values.insert(key, value);
                    continue;
                }
            };
            if *origin == ConfigOrigin::DotEnv {
                self.issues.push(format!("{name} in {origin}: {elsewhere}"));
            }
        }
        self.push(origin, values);
    }
}

/// A text from a source that has only text, as the type that the key's default has; a text that is none stays a text.
fn typed(text: &str, default: Option<&Value>) -> Value {
    let typed = match default {
        _ if text.is_empty() => None,
        Some(Value::Num(..)) => text.trim().parse::<i128>().ok().map(Value::from),
        Some(Value::Bool(..)) => text.trim().parse::<bool>().ok().map(Value::from),
        Some(Value::Array(..)) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Some(Value::from(parts.collect::<Vec<_>>()))
        }
        _ => None,
    };
    typed.unwrap_or_else(|| Value::from(text))
}

fn is_empty(value: &Value) -> bool {
    value.as_str().is_some_and(str::is_empty)
}

/// Where `key` is in `userd.default.toml`, in bytes.
pub(super) fn default_position(key: &str) -> Option<usize> {
    let (section, key) = key.rsplit_once('.').unwrap_or(("", key));
    let start = if section.is_empty() { 0 } else { DEFAULTS.find(&format!("\n[{section}]\n"))? };
    DEFAULTS[start..].find(&format!("\n{key} =")).map(|position| start + position)
}

/// The key in its section; the empty name stands for the keys without a section.
pub(super) fn full_key(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

fn flags(sources: &ConfigSources) -> Dict {
    let flags = &sources.flags;
    let given = [("listen", &flags.listen), ("store", &flags.store), ("log", &flags.log)];
    given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::from(value.clone()?)))).collect()
}

/// The file that was named, which has to exist; else `userd.toml`, which may be missing.
fn read_config_file(sources: &ConfigSources, issues: &mut Vec<String>) -> Option<(ConfigOrigin, Dict)> {
    let from_variable = || sources.environment.get(CONFIG_VARIABLE).map(PathBuf::from);
    let named = sources.flags.config.clone().or_else(from_variable).filter(|path| !path.as_os_str().is_empty());
    let path = named.clone().unwrap_or_else(|| PathBuf::from(CONFIG_FILE));
    let text = read_file(&sources.working_dir, &path, named.is_some(), issues)?;
    let origin = ConfigOrigin::File(path);
    parse_toml(&text, &origin, issues).map(|values| (origin, values))
}

/// The text of a file, without a byte order mark. A missing one is a mistake only if it is `required`.
fn read_file(working_dir: &Path, path: &Path, required: bool, issues: &mut Vec<String>) -> Option<String> {
    match fs::read_to_string(working_dir.join(path)) {
        Ok(text) => Some(text.trim_start_matches('\u{feff}').to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => None,
        Err(error) => {
            issues.push(format!("{}: {}", path.display(), unreadable_text(&error)));
            None
        }
    }
}

fn read_dot_env(working_dir: &Path, issues: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let Some(text) = read_file(working_dir, Path::new(DOT_ENV_FILE), false, issues) else { return variables };
    for item in dotenvy::from_read_iter(text.as_bytes()) {
        match item {
            // As dotenvy itself has it, the first of several counts.
            Ok((name, value)) => _ = variables.entry(name).or_insert(value),
            Err(error) => issues.push(format!("{DOT_ENV_FILE}: {}", dot_env_text(&text, &error))),
        }
    }
    variables
}

/// Says where, and not what: the line can hold a secret, and dotenvy's own message quotes it.
fn dot_env_text(text: &str, error: &dotenvy::Error) -> String {
    let number = match error {
        dotenvy::Error::LineParse(line, _) => {
            let first = line.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
            text.lines().position(|candidate| candidate.trim() == first)
        }
        _ => None,
    };
    let place = number.map_or_else(|| "a line".to_owned(), |index| format!("line {}", index + 1));
    format!("{place} can't be read: write NAME=value, in 'single quotes' if it holds spaces, # or $")
}

/// The document as a flat map. The parser's message names what it expected; its quotation of the line is left out,
/// because the line can contain a secret.
fn parse_toml(text: &str, origin: &ConfigOrigin, issues: &mut Vec<String>) -> Option<Dict> {
    let document = <Toml as Format>::from_str::<Dict>(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let reason = error.message().lines().next().unwrap_or_default();
        issues.push(format!("{origin}, line {line}: is not valid TOML: {reason}"));
    });
    let mut values = Dict::new();
    flatten("", document.ok()?, &mut values);
    Some(values)
}

fn flatten(prefix: &str, dict: Dict, values: &mut Dict) {
    for (key, value) in dict {
        let key = full_key(prefix, &key);
        match value {
            Value::Dict(_, inner) => flatten(&key, inner, values),
            value => _ = values.insert(key, value),
        }
    }
}

/// Why a file can't be read, in words.
pub(super) fn unreadable_text(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::InvalidData => "is not UTF-8".to_owned(),
        _ => format!("can't be read: {error}"),
    }
}
