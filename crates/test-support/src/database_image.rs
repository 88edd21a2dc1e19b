//! The content of a Redis as a value that can be compared, stored and restored. Times to live are not part of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Everything below a prefix, by key.
pub type DatabaseImage = BTreeMap<String, KeyContent>;

/// The fields of a hash.
pub type RecordFields = BTreeMap<String, String>;

/// The content of one key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyContent {
    /// A hash.
    RecordFields(RecordFields),
    /// A string.
    Text(String),
    /// A sorted set, without its scores.
    Members(BTreeSet<String>),
    /// A stream of events, with the number of times that each occurs. An event is its values in the order of
    /// [`EVENT_FIELDS`], separated by a space; the user's bytes as [`hex`].
    Events(BTreeMap<String, usize>),
}

/// The fields of an event.
pub const EVENT_FIELDS: [&str; 5] = ["user", "kind", "at", "from", "by"];

/// Whether names and values at this key are binary; an image has them as [`hex`].
pub fn is_binary(key: &str) -> bool {
    key.contains(":sessions:")
}

/// Bytes as text.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The inverse of [`hex`].
pub fn unhex(text: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap_or_else(|error| panic!("{text}: {error}"));
    (0..text.len()).step_by(2).map(pair).collect()
}

impl KeyContent {
    /// The content of a key of this `kind`: fields and values in turn, one text, members, or events.
    pub fn of(kind: &str, parts: Vec<String>) -> Self {
        match kind {
            "hash" => {
                let mut parts = parts.into_iter();
                let mut record = RecordFields::new();
                while let (Some(field), Some(value)) = (parts.next(), parts.next()) {
                    record.insert(field, value);
                }
                Self::RecordFields(record)
            }
            "string" => Self::Text(parts.concat()),
            "zset" => Self::Members(parts.into_iter().collect()),
            "stream" => {
                let mut events = BTreeMap::new();
                for event in parts {
                    *events.entry(event).or_default() += 1;
                }
                Self::Events(events)
            }
            other => panic!("userd keeps nothing of type {other}"),
        }
    }

    /// The commands that write it.
    pub fn restore_commands(&self, key: &str) -> Vec<Vec<Vec<u8>>> {
        let raw = |text: &String| if is_binary(key) { unhex(text) } else { text.clone().into_bytes() };
        let command = |name: &str| vec![name.as_bytes().to_vec(), key.as_bytes().to_vec()];
        match self {
            Self::RecordFields(record) => {
                let mut words = command("HSET");
                words.extend(record.iter().flat_map(|(name, value)| [raw(name), raw(value)]));
                vec![words]
            }
            Self::Text(text) => vec![[command("SET"), vec![text.clone().into_bytes()]].concat()],
            Self::Members(members) => {
                let mut words = command("ZADD");
                words.extend(members.iter().flat_map(|one| [b"0".to_vec(), one.clone().into_bytes()]));
                vec![words]
            }
            Self::Events(events) => {
                let times = events.iter().flat_map(|(event, &times)| std::iter::repeat_n(event, times));
                times.map(|event| [command("XADD"), vec![b"*".to_vec()], event_fields(event)].concat()).collect()
            }
        }
    }
}

/// Fields and values of an event.
fn event_fields(event: &str) -> Vec<Vec<u8>> {
    let fields = EVENT_FIELDS.iter().zip(event.split(' ')).flat_map(|(&name, value)| {
        let value = if name == "user" { unhex(value) } else { value.as_bytes().to_vec() };
        [name.as_bytes().to_vec(), value]
    });
    fields.collect()
}

/// The record of the user with this id, if there is one.
pub fn record_of<'a>(image: &'a DatabaseImage, id: &str) -> Option<&'a RecordFields> {
    image.iter().find_map(|(key, content)| match content {
        KeyContent::RecordFields(record) if key.ends_with(&format!(":user:{id}")) => Some(record),
        _ => None,
    })
}

/// A field of a record; empty where record or field is missing.
pub fn field<'a>(record: Option<&'a RecordFields>, name: &str) -> &'a str {
    record.and_then(|record| record.get(name)).map(String::as_str).unwrap_or_default()
}
