//! The sources as layers of plain values, lowest first, and the search for keys that nobody knows.
//!
//! Every value keeps its origin, so that a mistake names the file or the variable it was made in. The known
//! keys are those of `userd.default.toml`; what they mean is not known here.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::{Dict, Num, Value};

use super::error::{ConfigIssue, ConfigOrigin};
use super::sources::{API_KEY_VARIABLE, CONFIG_VARIABLE, ConfigSources, PREFIX, REDIS_VARIABLES, is_service_link};

/// The reference: every key, its default and its meaning.
pub const DEFAULTS: &str = include_str!("../../../../userd.default.toml");
/// Read from the working directory unless another file is named.
const CONFIG_FILE: &str = "userd.toml";
/// Read from the working directory, as the design that userd grew from did.
const DOT_ENV_FILE: &str = ".env";
/// How alike a known key has to be to an unknown one to be suggested (Jaro-Winkler, 1 is equal).
const SIMILARITY_MIN: f64 = 0.75;

/// One value as it was written: typed in a file, text in a variable or a flag.
#[derive(Clone, PartialEq)]
pub(super) enum RawValue {
    Text(String),
    /// Text that may stand for a number or a truth value, because its source has only text.
    Untyped(String),
    Integer(i128),
    Boolean(bool),
    /// Something that no key takes: a list, a fraction, a date.
    Unsupported,
}

impl RawValue {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) | Self::Untyped(text) if text.is_empty())
    }
}

/// The value of a key that counts, and how high it lies.
#[derive(Clone, Copy)]
pub(super) struct ResolvedValue<'a> {
    pub(super) raw: &'a RawValue,
    pub(super) origin: &'a ConfigOrigin,
    pub(super) level: usize,
}

/// The values of one source.
pub(super) struct ConfigLayer {
    pub(super) origin: ConfigOrigin,
    pub(super) values: BTreeMap<String, RawValue>,
}

/// The layers, lowest first, and the plain variables of the older design.
pub(super) struct ConfigLayers {
    pub(super) layers: Vec<ConfigLayer>,
    /// `REDIS_…`, each from the highest source that sets it.
    pub(super) legacy_env: BTreeMap<&'static str, (String, ConfigOrigin)>,
}

impl ConfigLayers {
    /// Reads all sources; what can't be read is noted in `issues` and left out.
    pub(super) fn read(sources: &ConfigSources, issues: &mut Vec<ConfigIssue>) -> Self {
        let defaults = parse_toml(DEFAULTS, ConfigOrigin::Default, issues);
        let file = read_config_file(sources, issues);
        let dot_env = read_dot_env(&sources.working_dir, issues);
        for name in &sources.non_utf8 {
            issues.push(ConfigIssue::at_location(format!("{name} in the environment"), "is not UTF-8"));
        }
        let mut layers = Self { layers: Vec::new(), legacy_env: BTreeMap::new() };
        layers.layers.extend(defaults);
        layers.layers.extend(file);
        layers.push_variables(ConfigOrigin::DotEnv, &dot_env, issues);
        layers.push_variables(ConfigOrigin::Environment, &sources.environment, issues);
        layers.layers.push(flags(sources));
        layers.reject_unknown_keys(issues);
        layers
    }

    /// The value of `key` that counts. An empty text means "not set": for a key that may be empty it turns off
    /// what lower layers set, for another one it is passed over.
    pub(super) fn find(&self, key: &str) -> Option<ResolvedValue<'_>> {
        let optional = self.is_optional(key);
        let levels = self.layers.iter().enumerate().rev();
        let mut given = levels.filter_map(|(level, layer)| {
            Some(ResolvedValue { raw: layer.values.get(key)?, origin: &layer.origin, level })
        });
        given.find(|found| optional || !found.raw.is_empty())
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
        let mut values = BTreeMap::new();
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix(PREFIX).filter(|_| !is_service_link(name)) else { continue };
            let elsewhere = match name.as_str() {
                CONFIG_VARIABLE => {
                    "names the configuration file in the environment only: set it there, or use --config"
                }
                API_KEY_VARIABLE => "is looked for in the environment only: set it there, or use --key-file",
                _ => "",
            };
            if !elsewhere.is_empty() {
                if origin == ConfigOrigin::DotEnv {
                    issues.push(ConfigIssue::at_location(format!("{name} in {origin}"), elsewhere));
                }
                continue;
            }
            let key = rest.to_ascii_lowercase().replace("__", ".");
            values.insert(key, RawValue::Untyped(value.clone()));
        }
        self.layers.push(ConfigLayer { origin, values });
    }

    /// The keys and values of `userd.default.toml`.
    pub(super) fn defaults(&self) -> Option<&BTreeMap<String, RawValue>> {
        self.layers.first().map(|layer| &layer.values)
    }

    /// Whether `key` may be left empty.
    pub(super) fn is_optional(&self, key: &str) -> bool {
        self.defaults().and_then(|defaults| defaults.get(key)).is_some_and(|raw| *raw == RawValue::Text(String::new()))
    }

    fn reject_unknown_keys(&self, issues: &mut Vec<ConfigIssue>) {
        let Some(known) = self.defaults() else { return };
        for layer in &self.layers {
            for key in layer.values.keys().filter(|key| !known.contains_key(*key)) {
                issues.push(ConfigIssue::for_key(key, &layer.origin, unknown_key_text(key, &layer.origin, known)));
            }
        }
    }
}

/// "There is no such key", with the nearest that there is.
fn unknown_key_text(key: &str, origin: &ConfigOrigin, known: &BTreeMap<String, RawValue>) -> String {
    let section = format!("{key}.");
    if known.keys().any(|candidate| candidate.starts_with(&section)) {
        return match origin {
            ConfigOrigin::DotEnv | ConfigOrigin::Environment => {
                "is a section: write two underscores and a key after it".to_owned()
            }
            _ => format!("is a section: write [{key}] on a line of its own and its keys below"),
        };
    }
    // A variable's single underscore may stand for the border between section and key.
    let flat = |text: &str| text.replace('.', "_");
    let last = |text: &str| text.rsplit('.').next().unwrap_or_default().to_owned();
    let similarity = |candidate: &str| {
        let whole = strsim::jaro_winkler(&flat(key), &flat(candidate));
        // The right key in the wrong section.
        if last(key) == last(candidate) { whole.max(0.95) } else { whole }
    };
    let nearest = known
        .keys()
        .map(|candidate| (similarity(candidate), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    match nearest {
        Some((_, candidate)) => format!("there is no such key; did you mean {}?", origin.spelling(candidate)),
        None => "there is no such key; userd.default.toml lists all of them".to_owned(),
    }
}

fn flags(sources: &ConfigSources) -> ConfigLayer {
    let flags = &sources.flags;
    let given = [("listen", &flags.listen), ("store", &flags.store), ("log", &flags.log)];
    let values = given
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), RawValue::Untyped(value.clone()?))))
        .collect();
    ConfigLayer { origin: ConfigOrigin::CommandLine, values }
}

/// The file that was named, which has to exist; else `userd.toml`, which may be missing.
fn read_config_file(sources: &ConfigSources, issues: &mut Vec<ConfigIssue>) -> Option<ConfigLayer> {
    let from_variable = || sources.environment.get(CONFIG_VARIABLE).map(PathBuf::from);
    let named = sources.flags.config.clone().or_else(from_variable).filter(|path| !path.as_os_str().is_empty());
    let path = named.clone().unwrap_or_else(|| PathBuf::from(CONFIG_FILE));
    match fs::read_to_string(sources.working_dir.join(&path)) {
        Ok(text) => parse_toml(&text, ConfigOrigin::File(path), issues),
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => None,
        Err(error) => {
            issues.push(ConfigIssue::at_location(path.display().to_string(), unreadable_text(&error)));
            None
        }
    }
}

fn read_dot_env(working_dir: &Path, issues: &mut Vec<ConfigIssue>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let text = match fs::read_to_string(working_dir.join(DOT_ENV_FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return variables,
        Err(error) => {
            issues.push(ConfigIssue::at_location(DOT_ENV_FILE, unreadable_text(&error)));
            return variables;
        }
    };
    let text = text.trim_start_matches('\u{feff}');
    for item in dotenvy::from_read_iter(text.as_bytes()) {
        match item {
            // As dotenvy itself has it, the first of several counts.
            Ok((name, value)) => {
                variables.entry(name).or_insert(value);
            }
            Err(error) => issues.push(ConfigIssue::at_location(DOT_ENV_FILE, dot_env_text(text, &error))),
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

/// The document as a layer. The parser's message names what it expected; its quotation of the line is left out,
/// because the line can hold a secret.
fn parse_toml(text: &str, origin: ConfigOrigin, issues: &mut Vec<ConfigIssue>) -> Option<ConfigLayer> {
    let text = text.trim_start_matches('\u{feff}');
    match <Toml as Format>::from_str::<Dict>(text) {
        Ok(document) => {
            let mut values = BTreeMap::new();
            flatten("", document, &mut values);
            Some(ConfigLayer { origin, values })
        }
        Err(error) => {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let reason = error.message().lines().next().unwrap_or_default();
            issues.push(ConfigIssue::at_location(format!("{origin}, line {line}"), format!("is no TOML: {reason}")));
            None
        }
    }
}

fn flatten(prefix: &str, dict: Dict, values: &mut BTreeMap<String, RawValue>) {
    for (key, value) in dict {
        let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        let raw = match value {
            Value::Dict(_, inner) => {
                flatten(&key, inner, values);
                continue;
            }
            Value::String(_, text) => RawValue::Text(text),
            Value::Char(_, char) => RawValue::Text(char.to_string()),
            Value::Bool(_, flag) => RawValue::Boolean(flag),
            Value::Num(_, number) => to_integer(number).map_or(RawValue::Unsupported, RawValue::Integer),
            Value::Empty(..) | Value::Array(..) => RawValue::Unsupported,
        };
        values.insert(key, raw);
    }
}

fn to_integer(number: Num) -> Option<i128> {
    if matches!(number, Num::F32(_) | Num::F64(_)) {
        return None;
    }
    number.to_i128().or_else(|| number.to_u128().and_then(|number| i128::try_from(number).ok()))
}

/// Why a file can't be read, in words.
pub(super) fn unreadable_text(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::InvalidData => "is not UTF-8".to_owned(),
        _ => format!("can't be read: {error}"),
    }
}
