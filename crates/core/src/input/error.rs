//! Errors of an input: the place, and the broken rule. They never contain a value.

/// One error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    /// The place: the path from the outermost object.
    pub path: Vec<PathSegment>,
    /// The broken rule.
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

/// The broken rule, as a phrase that follows the field's name: "must be a string, not null".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputErrorKind {
    /// The object has no field of this name.
    #[error("is not known; the fields are {}", .known.join(", "))]
    UnknownField {
        /// The fields it has.
        known: Vec<&'static str>,
    },
    /// The field is present more than once.
    #[error("must be given only once")]
    RepeatedField,
    /// A required field is absent.
    #[error("is missing; it must be {expected}")]
    Missing {
        /// The expected type, with its article.
        expected: &'static str,
    },
    /// The JSON type is wrong.
    #[error("must be {expected}, not {found}")]
    WrongType {
        /// The expected type, with its article.
        expected: &'static str,
        /// The actual type, with its article.
        found: &'static str,
    },
    /// More items than a list may have.
    #[error("must have at most {max} items")]
    TooManyItems {
        /// The most.
        max: usize,
    },
    /// A rule of the field.
    #[error("{0}")]
    Rule(String),
}

/// All errors of one input, at most [`super::INPUT_ERRORS_MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputErrors {
    /// The errors: unknown and repeated fields first, the others in the order of reading.
    pub errors: Vec<InputError>,
    /// Whether a required field is absent or null, even if that error is beyond the limit.
    pub has_missing: bool,
}

impl InputError {
    /// The JSON Pointer (RFC 6901) to the place.
    #[must_use]
    pub fn pointer(&self) -> String {
        let segments = self.path.iter().map(|segment| match segment {
            PathSegment::Field(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
            PathSegment::Index(index) => format!("/{index}"),
        });
        segments.collect()
    }
}
