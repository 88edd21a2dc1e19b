//! What may be written for a key: read from the schema of its section, which schemars derives from the settings type.
//!
//! The same schema checks a value, says in a message what would be right, and is what `userd config schema` prints, so
//! these three can't differ. Rules between two keys are not here, see `rules`.

use std::collections::BTreeSet;

use figment::value::{Dict, Value};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

use super::layers::full_key;

/// The schema of one settings type.
pub(super) struct SectionSchema {
    description: Json,
    /// The keys, each with its schema.
    pub(super) keys: Map<String, Json>,
}

impl SectionSchema {
    /// The schema of `T`, which is a struct with named fields.
    pub(super) fn of<T: JsonSchema>() -> Self {
        let generator = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        let mut schema = generator.into_generator().into_root_schema_for::<T>().to_value();
        let description = schema["description"].take();
        let mut keys = match schema["properties"].take() {
            Json::Object(keys) => keys,
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
    let refused = |text: &str| Err(text.to_owned());
    match (schema["type"].as_str(), value) {
        (Some("integer"), value) => check_integer(schema, value, untyped),
        (Some("boolean"), Value::Bool(..)) => Ok(value.clone()),
        (Some("boolean"), _) => refused("is not a boolean: write true or false, without quotes"),
        (Some("array"), Value::Array(_, items)) => match schema["minItems"].as_u64() {
            _ if items.iter().any(|item| item.as_str().is_none()) => {
                refused("is not a list of strings: write each in quotes")
            }
            Some(least) if (items.len() as u64) < least => Err(format!("has too few entries: write at least {least}")),
            _ => Ok(value.clone()),
        },
        (Some("array"), _) => refused("is not a list: write strings in brackets, such as [\"one\", \"two\"]"),
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

fn check_integer(schema: &Json, value: &Value, untyped: bool) -> Result<Value, String> {
    let (least, most) =
        (schema["minimum"].as_i64().unwrap_or(i64::MIN), schema["maximum"].as_i64().unwrap_or(i64::MAX));
    let right = format!("write a whole number from {least} to {most}");
    match (value, value.to_i128()) {
        (_, Some(number)) => match i64::try_from(number) {
            Ok(number) if (least..=most).contains(&number) => Ok(Value::from(number)),
            _ => Err(format!("{number} is out of range: {right}")),
        },
        (Value::String(_, text), None) if untyped => Err(format!("{text:?} is not a whole number: {right}")),
        (Value::String(..), None) => Err(format!("is a string: {right}, without quotes")),
        (_, None) => Err(format!("is not a whole number: {right}")),
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
    pub(super) fn add(&mut self, name: &str, section: SectionSchema, defaults: &Dict) {
        let mut keys = Map::new();
        for (key, mut schema) in section.keys {
            let full = full_key(name, &key);
            schema["default"] = json!(defaults.get(&full));
            if is_secret(&schema) {
                let description = format!("A file that contains the value of `{key}`.");
                let file = json!({ "type": "string", "default": "", "description": description });
                keys.insert(format!("{key}_file"), file);
                self.secrets.insert(full);
            }
            keys.insert(key, schema);
        }
        if name.is_empty() {
            return self.properties.extend(keys);
        }
        let empty = json!({
            "type": "object", "additionalProperties": false, "description": section.description, "properties": {},
        });
        let entry = self.properties.entry(name).or_insert(empty);
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
