//! From bytes to an [`InputValue`]: UTF-8, JSON (RFC 8259), at most [`JSON_DEPTH_MAX`] levels.
//!
//! An error is a line and a column. The text of `serde_json` is not passed on, because it may quote the input.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use zeroize::Zeroizing;

use super::value::{InputObject, InputValue};

/// The deepest nesting that is accepted, so that neither reading nor dropping a value exhausts the stack.
pub const JSON_DEPTH_MAX: u8 = 8;

/// Bytes that are not JSON, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at line {line}, column {column}")]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// The line, from 1 on.
    pub line: usize,
    /// The column in bytes.
    pub column: usize,
}

/// Why bytes are not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonErrorKind {
    /// A byte sequence that is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Nothing but white space.
    #[error("empty")]
    Empty,
    /// The end within a value.
    #[error("the JSON ends too early")]
    EndsEarly,
    /// More than [`JSON_DEPTH_MAX`] levels.
    #[error("nested deeper than {JSON_DEPTH_MAX} levels")]
    TooDeep,
    /// Anything else.
    #[error("not JSON")]
    Syntax,
}

/// The one JSON value in `bytes`.
///
/// # Errors
/// The first place where it is not JSON.
pub fn parse_json(bytes: &[u8]) -> Result<InputValue, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(&bytes[..error.valid_up_to()]))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let value = ValueVisitor { depth: 0 }.deserialize(&mut json);
    value.and_then(|value| json.end().map(|()| value)).map_err(|error| JsonError {
        kind: match error.classify() {
            _ if text.trim().is_empty() => JsonErrorKind::Empty,
            Category::Eof => JsonErrorKind::EndsEarly,
            // The visitor below has no other error.
            Category::Data => JsonErrorKind::TooDeep,
            Category::Syntax | Category::Io => JsonErrorKind::Syntax,
        },
        line: error.line(),
        column: error.column(),
    })
}

fn not_utf8(valid: &[u8]) -> JsonError {
    let line = valid.split(|byte| *byte == b'\n').count();
    let column = valid.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    JsonError { kind: JsonErrorKind::NotUtf8, line, column }
}

/// Builds a value that is nested `depth` levels deep.
#[derive(Clone, Copy)]
struct ValueVisitor {
    depth: u8,
}

impl ValueVisitor {
    fn descend<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth < JSON_DEPTH_MAX { Ok(Self { depth: self.depth + 1 }) } else { Err(E::custom("too deep")) }
    }
}

impl<'de> DeserializeSeed<'de> for ValueVisitor {
    type Value = InputValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<InputValue, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = InputValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<InputValue, E> {
        Ok(InputValue::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<InputValue, E> {
        Ok(InputValue::Flag(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<InputValue, E> {
        Ok(InputValue::Integer(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<InputValue, E> {
        Ok(InputValue::Integer(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<InputValue, E> {
        Ok(InputValue::Fraction(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<InputValue, E> {
        Ok(InputValue::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<InputValue, A::Error> {
        let deeper = self.descend()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(deeper)? {
            list.push(item);
        }
        Ok(InputValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InputValue, A::Error> {
        let deeper = self.descend()?;
        let mut object = InputObject::default();
        while let Some(name) = map.next_key::<String>()? {
            object.fields.push((Zeroizing::new(name), map.next_value_seed(deeper)?));
        }
        Ok(InputValue::Object(object))
    }
}
