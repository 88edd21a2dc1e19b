//! What may be written for a key: read from the schema of its section, which schemars derives from the settings type.
//!
//! The same schema checks a value, says in a message what would be right, and is what `userd config schema` prints, so
//! these three can't differ. Rules between two keys are not here, see `rules`.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use figment::value::{Num, Value};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

/// The schema of one settings type.
pub(super) struct SectionSchema {
    description: Option<Json>,
    /// The keys, each with its schema.
    pub(super) keys: Map<String, Json>,
}

impl SectionSchema {
    /// The schema of `T`, which is a struct with named fields.
    pub(super) fn of<T: JsonSchema>() -> Self {
        let generator = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        let mut schema = generator.into_generator().into_root_schema_for::<T>().to_value();
        let description = schema.get("description").cloned();
        let mut keys = match schema.get_mut("properties").map(Json::take) {
            Some(Json::Object(keys)) => keys,
            _ => Map::new(),
        };
        keys.values_mut().for_each(simplify);
        Self { description, keys }
    }
}

/// Takes out what TOML has no word for: `null`, which is an empty text here, and Rust's number formats.
fn simplify(schema: &mut Json) {
    let Json::Object(schema) = schema else { return };
    schema.remove("format");
    if let Some(kind @ Json::Array(_)) = schema.get_mut("type") {
        *kind = json!("string");
    }
    if let Some(Json::Array(options)) = schema.get_mut("anyOf") {
        for option in options.iter_mut().filter(|option| **option == json!({ "type": "null" })) {
            *option = json!({ "const": "" });
        }
    }
}

/// Whether the key is a secret: `writeOnly`, as `SecretString` says it.
pub(super) fn is_secret(schema: &Json) -> bool {
    schema.get("writeOnly") == Some(&Json::Bool(true))
}

/// The words of an enum, in the order of its variants.
fn choices(schema: &Json) -> Vec<String> {
    let list = |name: &str| schema.get(name).and_then(Json::as_array).into_iter().flatten();
    let words = schema.get("const").into_iter().chain(list("enum")).filter_map(Json::as_str).map(ToOwned::to_owned);
    words.chain(list("oneOf").chain(list("anyOf")).flat_map(choices)).collect()
}

/// The value, if it fits the schema of its key. `untyped`: it comes from a source that has only text.
///
/// # Errors
/// What is wrong, and what would be right. A secret is not quoted.
pub(super) fn check(schema: &Json, value: &Value, untyped: bool) -> Result<Value, String> {
    let number = |name: &str| schema.get(name).and_then(Json::as_i64);
    match (schema.get("type").and_then(Json::as_str), value) {
        (Some("integer"), value) => {
            let range = number("minimum").unwrap_or(i64::MIN)..=number("maximum").unwrap_or(i64::MAX);
            check_integer(&range, value, untyped)
        }
        (Some("boolean"), Value::Bool(..)) => Ok(value.clone()),
        (Some("boolean"), _) => Err("is not a boolean: write true or false, without quotes".to_owned()),
        (Some("array"), Value::Array(_, items)) => match number("minItems") {
            _ if items.iter().any(|item| item.as_str().is_none()) => {
                Err("is not a list of strings: write each in quotes".to_owned())
            }
            Some(least) if usize::try_from(least).is_ok_and(|least| items.len() < least) => {
                Err(format!("has too few entries: write at least {least}"))
            }
            _ => Ok(value.clone()),
        },
        (Some("array"), _) => Err("is not a list: write strings in brackets, such as [\"one\", \"two\"]".to_owned()),
        (_, value) => {
            let text = value.as_str().ok_or("is not a string: write it in quotes")?;
            let words = choices(schema);
            if words.is_empty() {
                return Ok(value.clone());
            }
            let text = text.trim();
            if words.iter().any(|word| word == text) {
                return Ok(Value::from(text));
            }
            let words: Vec<_> = words.iter().filter(|word| !word.is_empty()).map(|word| format!("{word:?}")).collect();
            Err(format!("{text:?} is none of the choices: write one of {}", words.join(", ")))
        }
    }
}

fn check_integer(range: &RangeInclusive<i64>, value: &Value, untyped: bool) -> Result<Value, String> {
    let right = format!("write a whole number from {} to {}", range.start(), range.end());
    match value {
        Value::Num(_, Num::F32(_) | Num::F64(_)) => Err(format!("is not a whole number: {right}")),
        Value::Num(_, number) => match number.to_i128().and_then(|number| i64::try_from(number).ok()) {
            Some(number) if range.contains(&number) => Ok(Value::from(number)),
            _ => Err(format!("{} is out of range: {right}", number.to_i128().unwrap_or(i128::MAX))),
        },
        Value::String(_, text) if untyped => Err(format!("{text:?} is not a whole number: {right}")),
        Value::String(..) => Err(format!("is a string: {right}, without quotes")),
        _ => Err(format!("is not a whole number: {right}")),
    }
}

/// The schema of the whole file, put together section by section.
#[derive(Default)]
pub(super) struct ConfigSchema {
    properties: Map<String, Json>,
    /// The keys whose value is a secret.
    pub(super) secrets: BTreeSet<String>,
}

impl ConfigSchema {
    /// Adds the keys of a section, each with its default. `name` is empty for the keys without a section.
    pub(super) fn add(&mut self, name: &str, section: SectionSchema, default: impl Fn(&str) -> Option<Json>) {
        let mut keys = Map::new();
        for (key, mut schema) in section.keys {
            if is_secret(&schema) {
                self.secrets.insert(if name.is_empty() { key.clone() } else { format!("{name}.{key}") });
                let description = format!("A file that contains the value of `{key}`.");
                keys.insert(
                    format!("{key}_file"),
                    json!({ "type": "string", "default": "", "description": description }),
                );
            }
            if let (Json::Object(schema), Some(default)) = (&mut schema, default(&key)) {
                schema.insert("default".to_owned(), default);
            }
            keys.insert(key, schema);
        }
        if name.is_empty() {
            return self.properties.extend(keys);
        }
        let empty = || json!({ "type": "object", "additionalProperties": false, "properties": {} });
        let entry = self.properties.entry(name).or_insert_with(empty);
        if let (Json::Object(entry), Some(description)) = (&mut *entry, section.description) {
            entry.entry("description").or_insert(description);
        }
        if let Some(Json::Object(properties)) = entry.get_mut("properties") {
            properties.extend(keys);
        }
    }

    /// The document (JSON Schema, draft 2020-12).
    pub(super) fn document(self) -> Json {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "userd.toml",
            "description": "The configuration of userd. Only keys that differ from their default have to be written.",
            "type": "object",
            "additionalProperties": false,
            "properties": self.properties,
        })
    }
}
