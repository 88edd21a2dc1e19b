//! Reading of JSON objects from outside: request bodies, query parameters, lines of an import file.
//!
//! [`parse_json`] turns bytes into an [`InputValue`] of bounded depth. An [`ObjectReader`] then takes the fields out of
//! an object, one call per field, and collects every error: unknown, repeated, missing and mistyped fields, and broken
//! rules. Each [`InputError`] names its place by a JSON Pointer (RFC 6901) and never repeats a value. Texts are wiped
//! when dropped, because any of them may be a password.
//!
//! This module does not know HTTP and does not define which fields an object has: the caller passes the names.
//!
//! To add a type of field: a method of [`ValueReader`], and a test.

mod error;
mod json;
mod reader;
mod value;

#[cfg(test)]
mod tests;

pub use error::{InputError, InputErrorKind, InputErrors, PathSegment};
pub use json::{JSON_DEPTH_MAX, JsonError, JsonErrorKind, parse_json};
pub use reader::{INPUT_ERRORS_MAX, InputReader, ObjectReader, RejectedField, RepeatedFields, ValueReader};
pub use value::{InputObject, InputValue};
