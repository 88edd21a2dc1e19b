//! The sources, merged by figment: defaults, file, `.env`, environment, flags.
//!
//! Each source becomes a flat map of keys (`hash.iterations`) to typed values before it is merged; what a key means is
//! not known here. figment keeps with each value which source it came from, so that a mistake names the file or the
//! variable.
//!
//! To add a source: a `ConfigOrigin`, and its map in [`ConfigLayers::read`], in the order of precedence.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Error as FigmentError, Figment, Metadata, Profile, Provider};

use super::error::{ConfigIssue, ConfigOrigin};
use super::sources::{API_KEY_VARIABLE, CONFIG_VARIABLE, ConfigSources, PREFIX, REDIS_VARIABLES, is_service_link};
use super::unknown_keys::unknown_key_text;

/// The reference: every key, its default and its meaning.
pub const DEFAULTS: &str = include_str!("../../../../userd.default.toml");
/// Read from the working directory unless another file is named.
const CONFIG_FILE: &str = "userd.toml";
/// Read from the working directory, as the Rocket + Redis tutorial does.
const DOT_ENV_FILE: &str = ".env";

/// The value of a key that counts, and where it comes from.
#[derive(Clone, Copy)]
pub(super) struct ResolvedValue<'a> {
    pub(super) value: &'a Value,
    pub(super) origin: &'a ConfigOrigin,
    /// Higher levels override lower ones.
    level: usize,
}

/// One source.
struct ConfigLayer {
    origin: ConfigOrigin,
    values: Dict,
}

impl Provider for ConfigLayer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, FigmentError> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// The merged sources, and the plain `REDIS_…` variables.
#[derive(Default)]
pub(super) struct ConfigLayers {
    defaults: Dict,
    /// The sources, lowest first.
    origins: Vec<ConfigOrigin>,
    figment: Figment,
    merged: Dict,
    /// `REDIS_…`, each from the highest source that sets it.
    pub(super) legacy_env: BTreeMap<&'static str, (String, ConfigOrigin)>,
}

impl ConfigLayers {
    /// The defaults alone.
    pub(super) fn defaults(issues: &mut Vec<ConfigIssue>) -> Self {
        let defaults = parse_toml(DEFAULTS, &ConfigOrigin::Default, issues).unwrap_or_default();
        let mut layers = Self { defaults: defaults.clone(), ..Default::default() };
        layers.push(ConfigOrigin::Default, defaults, issues);
        layers
    }

    /// Reads all sources; what can't be read is noted in `issues` and left out.
    pub(super) fn read(sources: &ConfigSources, issues: &mut Vec<ConfigIssue>) -> Self {
        let mut layers = Self::defaults(issues);
        let file = read_config_file(sources, issues);
        let dot_env = read_dot_env(&sources.working_dir, issues);
        for name in &sources.non_utf8 {
            issues.push(ConfigIssue::at_location(format!("{name} in the environment"), "is not UTF-8"));
        }
        if let Some((origin, values)) = file {
            layers.push(origin, values, issues);
        }
        layers.push_variables(ConfigOrigin::DotEnv, &dot_env, issues);
        layers.push_variables(ConfigOrigin::Environment, &sources.environment, issues);
        layers.push(ConfigOrigin::CommandLine, flags(sources), issues);
        layers
    }

    /// The value of `key` that counts.
    pub(super) fn find(&self, key: &str) -> Option<ResolvedValue<'_>> {
        let value = self.merged.get(key)?;
        let name = &self.figment.get_metadata(value.tag())?.name;
        let level = self.origins.iter().position(|origin| *name == origin.to_string())?;
        Some(ResolvedValue { value, origin: &self.origins[level], level })
    }

    /// What `userd.default.toml` says of `key`.
    pub(super) fn default(&self, key: &str) -> Option<&Value> {
        self.defaults.get(key)
    }

    /// Every key.
    pub(super) fn keys(&self) -> impl Iterator<Item = &String> {
        self.defaults.keys()
    }

    /// Which of `key` and its twin `<key>_file` gives the secret; `None` if neither is set.
    ///
    /// # Errors
    /// What is wrong if one source sets both.
    pub(super) fn secret_source(&self, key: &str) -> Result<Option<String>, String> {
        let file_key = format!("{key}_file");
        let given = |key: &str| self.find(key).filter(|found| !is_empty(found.value));
        match (given(key), given(&file_key)) {
            (Some(direct), Some(file)) if direct.level == file.level => {
                let other = file.origin.spelling(&file_key);
                Err(format!("is given twice, here and by {other}: keep one of them"))
            }
            (Some(direct), Some(file)) if direct.level < file.level => Ok(Some(file_key)),
            (Some(_), _) => Ok(Some(key.to_owned())),
            (None, Some(_)) => Ok(Some(file_key)),
            (None, None) => Ok(None),
        }
    }

    /// Merges a source above the others. Unknown keys are noted and left out.
    ///
    /// An empty text means "not set": for a key that may be empty it removes what lower sources set, for another one it
    /// is ignored.
    fn push(&mut self, origin: ConfigOrigin, values: Dict, issues: &mut Vec<ConfigIssue>) {
        let mut known = Dict::new();
        for (key, value) in values {
            let Some(default) = self.defaults.get(&key) else {
                let text = unknown_key_text(&key, &origin, self.defaults.keys());
                issues.push(ConfigIssue::for_key(&key, &origin, text));
                continue;
            };
            match value {
                value if !is_empty(&value) => _ = known.insert(key, value),
                _ if matches!(default, Value::Array(_, items) if items.is_empty()) => {
                    known.insert(key, default.clone());
                }
                value if is_empty(default) => _ = known.insert(key, value),
                _ => {}
            }
        }
        let figment = std::mem::take(&mut self.figment).merge(ConfigLayer { origin: origin.clone(), values: known });
        self.merged = figment.data().ok().and_then(|mut data| data.remove(&Profile::Default)).unwrap_or_default();
        self.figment = figment;
        self.origins.push(origin);
    }

    fn push_variables(
        &mut self,
        origin: ConfigOrigin,
        variables: &BTreeMap<String, String>,
        issues: &mut Vec<ConfigIssue>,
    ) {
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
                _ => "",
            };
            if !elsewhere.is_empty() {
                if origin == ConfigOrigin::DotEnv {
                    issues.push(ConfigIssue::at_location(format!("{name} in {origin}"), elsewhere));
                }
                continue;
            }
            let key = rest.to_ascii_lowercase().replace("__", ".");
            let value = typed(value, self.defaults.get(&key));
            values.insert(key, value);
        }
        self.push(origin, values, issues);
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

/// Where `key` is in `userd.default.toml`, as a line's number.
pub(super) fn default_position(key: &str) -> usize {
    let (section, key) = key.rsplit_once('.').unwrap_or(("", key));
    let mut lines = DEFAULTS.lines().enumerate();
    if !section.is_empty() {
        let header = format!("[{section}]");
        lines.find(|(_, line)| *line == header);
    }
    let found = lines.find(|(_, line)| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(" =")));
    found.map_or(usize::MAX, |(number, _)| number)
}

fn flags(sources: &ConfigSources) -> Dict {
    let flags = &sources.flags;
    let given = [("listen", &flags.listen), ("store", &flags.store), ("log", &flags.log)];
    given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::from(value.clone()?)))).collect()
}

/// The file that was named, which has to exist; else `userd.toml`, which may be missing.
fn read_config_file(sources: &ConfigSources, issues: &mut Vec<ConfigIssue>) -> Option<(ConfigOrigin, Dict)> {
    let from_variable = || sources.environment.get(CONFIG_VARIABLE).map(PathBuf::from);
    let named = sources.flags.config.clone().or_else(from_variable).filter(|path| !path.as_os_str().is_empty());
    let path = named.clone().unwrap_or_else(|| PathBuf::from(CONFIG_FILE));
    let text = read_file(&sources.working_dir, &path, named.is_some(), issues)?;
    let origin = ConfigOrigin::File(path);
    parse_toml(&text, &origin, issues).map(|values| (origin, values))
}

/// The text of a file, without a byte order mark. A missing one is a mistake only if it is `required`.
fn read_file(working_dir: &Path, path: &Path, required: bool, issues: &mut Vec<ConfigIssue>) -> Option<String> {
    match fs::read_to_string(working_dir.join(path)) {
        Ok(text) => Some(text.trim_start_matches('\u{feff}').to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => None,
        Err(error) => {
            issues.push(ConfigIssue::at_location(path.display().to_string(), unreadable_text(&error)));
            None
        }
    }
}

fn read_dot_env(working_dir: &Path, issues: &mut Vec<ConfigIssue>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let Some(text) = read_file(working_dir, Path::new(DOT_ENV_FILE), false, issues) else { return variables };
    for item in dotenvy::from_read_iter(text.as_bytes()) {
        match item {
            // As dotenvy itself has it, the first of several counts.
            Ok((name, value)) => {
                variables.entry(name).or_insert(value);
            }
            Err(error) => issues.push(ConfigIssue::at_location(DOT_ENV_FILE, dot_env_text(&text, &error))),
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
fn parse_toml(text: &str, origin: &ConfigOrigin, issues: &mut Vec<ConfigIssue>) -> Option<Dict> {
    match <Toml as Format>::from_str::<Dict>(text) {
        Ok(document) => {
            let mut values = Dict::new();
            flatten("", document, &mut values);
            Some(values)
        }
        Err(error) => {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let reason = error.message().lines().next().unwrap_or_default();
            issues.push(ConfigIssue::at_location(
                format!("{origin}, line {line}"),
                format!("is not valid TOML: {reason}"),
            ));
            None
        }
    }
}

fn flatten(prefix: &str, dict: Dict, values: &mut Dict) {
    for (key, value) in dict {
        let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Dict(_, inner) => flatten(&key, inner, values),
            Value::Char(_, char) => _ = values.insert(key, Value::from(char.to_string())),
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
