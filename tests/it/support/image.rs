//! What a Redis holds, as a value: comparable, storable, put back at will. Lives of keys are not part of it.

use std::collections::{BTreeMap, BTreeSet};

/// Everything below a prefix, by key.
pub type Image = BTreeMap<String, Content>;

/// The fields of a hash.
pub type Record = BTreeMap<String, String>;

/// What one key holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Content {
    /// A hash.
    Record(Record),
    /// A string.
    Text(String),
    /// A sorted set whose scores don't matter.
    Members(BTreeSet<String>),
}

impl Content {
    /// What a key of this `kind` holds: fields and values in turn, one text, or members.
    pub fn of(kind: &str, parts: Vec<String>) -> Self {
        match kind {
            "hash" => {
                let mut parts = parts.into_iter();
                let mut record = Record::new();
                while let (Some(field), Some(value)) = (parts.next(), parts.next()) {
                    record.insert(field, value);
                }
                Self::Record(record)
            }
            "string" => Self::Text(parts.concat()),
            "zset" => Self::Members(parts.into_iter().collect()),
            other => panic!("userd keeps nothing of type {other}"),
        }
    }

    /// The command that writes it.
    pub fn written(&self, key: &str) -> Vec<String> {
        let mut words: Vec<String> = match self {
            Self::Record(_) => vec!["HSET".to_owned(), key.to_owned()],
            Self::Text(text) => vec!["SET".to_owned(), key.to_owned(), text.clone()],
            Self::Members(_) => vec!["ZADD".to_owned(), key.to_owned()],
        };
        match self {
            Self::Record(record) => words.extend(record.iter().flat_map(|(name, value)| [name.clone(), value.clone()])),
            Self::Members(members) => words.extend(members.iter().flat_map(|one| ["0".to_owned(), one.clone()])),
            Self::Text(_) => {}
        }
        words
    }
}

/// The record whose key ends so, if there is one.
pub fn record_of<'a>(image: &'a Image, id: &str) -> Option<&'a Record> {
    image.iter().find_map(|(key, content)| match content {
        Content::Record(record) if key.ends_with(id) => Some(record),
        _ => None,
    })
}

/// A field of a record; empty where record or field is missing.
pub fn field<'a>(record: Option<&'a Record>, name: &str) -> &'a str {
    record.and_then(|record| record.get(name)).map(String::as_str).unwrap_or_default()
}
