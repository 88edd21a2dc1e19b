//! Mistakes in an input: where, and which rule is broken. No value is part of one.

use std::fmt::{self, Write as _};

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    /// Where it is: the way from the outermost object.
    pub path: Vec<PathSegment>,
    /// What is wrong there.
    pub kind: InputErrorKind,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathSegment {
    /// The field of this name. Of a long unknown name only the beginning is kept.
    Field(String),
    /// The item at this index, from 0 on.
    Index(usize),
}

/// What is wrong. Its text goes on after the field's name: "must be a string, not null".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputErrorKind {
    /// The object has no field of this name.
    #[error("is not known; the fields are {}", .known.join(", "))]
    UnknownField {
        /// The fields it has.
        known: Vec<&'static str>,
    },
    /// The field is there more than once.
    #[error("must be given only once")]
    RepeatedField,
    /// A required field is absent.
    #[error("is missing; it must be {expected}")]
    Missing {
        /// What it has to be.
        expected: ExpectedType,
    },
    /// The JSON type is wrong.
    #[error("must be {expected}, not {found}")]
    WrongType {
        /// What it has to be.
        expected: ExpectedType,
        /// What it is, with its article.
        found: &'static str,
    },
    /// More items than a list may have.
    #[error("must have at most {max} items")]
    TooManyItems {
        /// The most.
        max: usize,
    },
    /// A rule of the field's own.
    #[error("{0}")]
    Rule(String),
}

/// What a field has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExpectedType {
    /// A string.
    #[error("a string")]
    Text,
    /// A boolean.
    #[error("true or false")]
    Flag,
    /// A number.
    #[error("a number")]
    Number,
    /// An array.
    #[error("a list")]
    List,
    /// An object.
    #[error("an object")]
    Object,
}

/// All mistakes of one input, at most [`super::INPUT_ERRORS_MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputErrors {
    /// The mistakes: unknown and repeated fields first, the others in the order of reading.
    pub errors: Vec<InputError>,
    /// Whether a required field is absent or null, also where that mistake is beyond the limit.
    pub has_missing: bool,
}

impl InputError {
    /// The JSON Pointer (RFC 6901) to the place.
    #[must_use]
    pub fn pointer(&self) -> String {
        let mut pointer = String::new();
        for segment in &self.path {
            let _ = match segment {
                PathSegment::Field(name) => write!(pointer, "/{}", name.replace('~', "~0").replace('/', "~1")),
                PathSegment::Index(index) => write!(pointer, "/{index}"),
            };
        }
        pointer
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pointer().trim_start_matches('/'), self.kind)
    }
}
