//! Reading of fields. All errors are collected.
//!
//! A method returns the value, or notes the error and returns `None`. Read every field before the first `?`, so that
//! one response names all errors.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::error::{InputError, InputErrorKind, InputErrors, PathSegment};
use super::value::{InputObject, InputValue};

/// The most errors that are collected, which bounds the response to an input full of errors.
pub const INPUT_ERRORS_MAX: usize = 20;

/// How much of an unknown field's name is kept, in characters.
const NAME_CHARS_MAX: usize = 64;

/// What happens to a field that is given more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepeatedFields {
    /// It is an error: two parsers may disagree which of them counts.
    Reject,
    /// The last one counts.
    KeepLast,
}

/// Collects the errors of one input.
pub struct InputReader {
    repeated: RepeatedFields,
    path: Vec<PathSegment>,
    errors: Vec<InputError>,
    has_missing: bool,
}

impl InputReader {
    /// A reader without errors.
    #[must_use]
    pub fn new(repeated: RepeatedFields) -> Self {
        Self { repeated, path: Vec::new(), errors: Vec::new(), has_missing: false }
    }

    /// Starts to read `object`, which may have the fields `names`. Unknown and repeated fields are noted at once.
    pub fn object<'a>(&'a mut self, object: &'a InputObject, names: &[&'static str]) -> ObjectReader<'a> {
        let mut fields: Vec<(&'static str, &InputValue)> = Vec::with_capacity(names.len());
        for (name, value) in &object.fields {
            let Some(known) = names.iter().find(|known| **known == **name) else {
                let echo = name.chars().take(NAME_CHARS_MAX).collect();
                self.note_at(PathSegment::Field(echo), InputErrorKind::UnknownField { known: names.to_vec() });
                continue;
            };
            match fields.iter_mut().find(|(there, _)| there == known) {
                None => fields.push((known, value)),
                Some(there) if self.repeated == RepeatedFields::KeepLast => there.1 = value,
                Some(_) => self.note_at(PathSegment::Field((*known).to_owned()), InputErrorKind::RepeatedField),
            }
        }
        ObjectReader { fields, reader: self }
    }

    /// The value that was read, if there was no error.
    ///
    /// # Errors
    /// The errors.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, InputErrors> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(InputErrors { errors: self.errors, has_missing: self.has_missing }),
        }
    }

    fn note(&mut self, kind: InputErrorKind) {
        self.has_missing |=
            matches!(kind, InputErrorKind::Missing { .. } | InputErrorKind::WrongType { found: "null", .. });
        if self.errors.len() < INPUT_ERRORS_MAX {
            self.errors.push(InputError { path: self.path.clone(), kind });
        }
    }

    fn note_at(&mut self, segment: PathSegment, kind: InputErrorKind) {
        self.path.push(segment);
        self.note(kind);
        self.path.pop();
    }
}

/// A field is present and invalid; the error has been noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectedField;

/// The fields of one object.
pub struct ObjectReader<'a> {
    fields: Vec<(&'static str, &'a InputValue)>,
    reader: &'a mut InputReader,
}

impl<'a> ObjectReader<'a> {
    /// The required field `name`: a string that `parse` accepts.
    pub fn required<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.required_with(name, |value| value.text(parse))
    }

    /// The same for a field that may be absent or null: `None` then.
    ///
    /// # Errors
    /// The field is present and invalid.
    pub fn optional<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, RejectedField> {
        self.optional_with(name, |value| value.text(parse))
    }

    /// Whether the field `name` is true; absent and null are false.
    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.optional_flag(name).ok().map(Option::unwrap_or_default)
    }

    /// Whether the field `name` is true; `None` if it is absent or null.
    ///
    /// # Errors
    /// The field is present and invalid.
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the path of the method is not general enough")]
    pub fn optional_flag(&mut self, name: &'static str) -> Result<Option<bool>, RejectedField> {
        self.optional_with(name, |value| value.flag())
    }

    /// The required field `name` of any type, as `read` reads it.
    pub fn required_with<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(ValueReader<'_>) -> Option<T>,
    ) -> Option<T> {
        read(self.field(name))
    }

    /// A field of any type that may be absent or null: `None` then.
    ///
    /// # Errors
    /// The field is present and invalid.
    pub fn optional_with<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(ValueReader<'_>) -> Option<T>,
    ) -> Result<Option<T>, RejectedField> {
        match self.value(name) {
            None | Some(InputValue::Null) => Ok(None),
            Some(_) => read(self.field(name)).map(Some).ok_or(RejectedField),
        }
    }

    /// Notes that the field `name` breaks `rule`, a phrase that follows the name: "must not be empty".
    pub fn reject(&mut self, name: &'static str, rule: impl Into<String>) {
        self.field(name).reject::<()>(InputErrorKind::Rule(rule.into()));
    }

    /// Notes that the object as a whole breaks `rule`.
    pub fn reject_object(&mut self, rule: impl Into<String>) {
        self.reader.note(InputErrorKind::Rule(rule.into()));
    }

    fn value(&self, name: &str) -> Option<&'a InputValue> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn field(&mut self, name: &'static str) -> ValueReader<'_> {
        ValueReader { segment: PathSegment::Field(name.to_owned()), value: self.value(name), reader: self.reader }
    }
}

/// One value: a field of an object, or an item of a list.
pub struct ValueReader<'a> {
    segment: PathSegment,
    value: Option<&'a InputValue>,
    reader: &'a mut InputReader,
}

impl ValueReader<'_> {
    /// A string that `parse` accepts.
    pub fn text<T, E: Display>(self, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let Some(InputValue::Text(text)) = self.value else { return self.reject_type("a string") };
        match parse(text) {
            Ok(value) => Some(value),
            Err(rule) => self.reject(InputErrorKind::Rule(rule.to_string())),
        }
    }

    /// A boolean.
    #[must_use]
    pub fn flag(self) -> Option<bool> {
        let Some(InputValue::Flag(flag)) = self.value else { return self.reject_type("true or false") };
        Some(*flag)
    }

    /// An integer in `range`.
    pub fn number<N>(self, range: RangeInclusive<N>) -> Option<N>
    where
        N: TryFrom<i128> + PartialOrd + Display,
    {
        let number = match self.value {
            Some(InputValue::Integer(number)) => N::try_from(*number).ok().filter(|number| range.contains(number)),
            Some(InputValue::Fraction(_)) => None,
            _ => return self.reject_type("a number"),
        };
        number.or_else(|| {
            let rule = format!("must be a whole number from {} to {}", range.start(), range.end());
            self.reject(InputErrorKind::Rule(rule))
        })
    }

    /// A list of at most `max` items, each as `item` reads it. All items are read, so that all errors are noted.
    pub fn list<T>(self, max: usize, mut item: impl FnMut(ValueReader<'_>) -> Option<T>) -> Option<Vec<T>> {
        let Some(InputValue::List(values)) = self.value else { return self.reject_type("a list") };
        if values.len() > max {
            return self.reject(InputErrorKind::TooManyItems { max });
        }
        let reader = self.reader;
        reader.path.push(self.segment);
        let mut items = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            items.extend(item(ValueReader { segment: PathSegment::Index(index), value: Some(value), reader }));
        }
        reader.path.pop();
        (items.len() == values.len()).then_some(items)
    }

    /// An object with the fields `names`, as `read` reads it.
    pub fn object<T>(self, names: &[&'static str], read: impl FnOnce(&mut ObjectReader<'_>) -> Option<T>) -> Option<T> {
        let Some(InputValue::Object(object)) = self.value else { return self.reject_type("an object") };
        let reader = self.reader;
        reader.path.push(self.segment);
        let value = read(&mut reader.object(object, names));
        reader.path.pop();
        value
    }

    fn reject_type<T>(self, expected: &'static str) -> Option<T> {
        let kind = match self.value {
            None => InputErrorKind::Missing { expected },
            Some(value) => InputErrorKind::WrongType { expected, found: value.type_name() },
        };
        self.reject(kind)
    }

    fn reject<T>(self, kind: InputErrorKind) -> Option<T> {
        self.reader.note_at(self.segment, kind);
        None
    }
}
