//! The fields of a body: as values when a request is read, and as schemas when the API is described.
//!
//! Both come from the same code, so the description can't differ from what is read.

use std::convert::Infallible;
use std::fmt::Display;

use serde_json::Value;

use super::field_schema::{DeclaredField, FieldSchema};
use super::problem::{invalid_body, malformed};
use crate::problem::Problem;
use userd_core::PasswordPolicy;
use userd_core::input::{InputReader, InputValue, ObjectReader, RejectedField, RepeatedFields, parse_json};

/// A type that is made of the fields of a body.
pub(crate) trait FromJsonBody: Sized + Send + 'static {
    /// The name of the body's schema in the API's description.
    const SCHEMA_NAME: &'static str;

    /// The names of the fields.
    const NAMES: &'static [&'static str];

    /// Whether at least one field must be present although none is required; all are then flags.
    const ANY_REQUIRED: bool = false;

    /// The problem's detail if a required field is absent, instead of the list of errors.
    const MISSING_DETAIL: Option<&'static str> = None;

    /// Reads every field; `None` if one is invalid. The same calls make the schema, so read all before the first
    /// `?`.
    fn from_json_body(body: &mut JsonBody<'_>, policy: PasswordPolicy) -> Option<Self>;
}

/// The body in `bytes`.
pub(super) fn parse<T: FromJsonBody>(bytes: &[u8], policy: PasswordPolicy) -> Result<T, Problem> {
    let value = parse_json(bytes).map_err(|error| malformed(&error))?;
    let InputValue::Object(object) = value else {
        let detail = format!("the body must be an object with {}, not {}", T::NAMES.join(", "), value.type_name());
        return Err(Problem::invalid_fields(detail, Vec::new()));
    };
    let mut reader = InputReader::new(RepeatedFields::Reject);
    let read = T::from_json_body(&mut JsonBody::Read(reader.object(&object, T::NAMES)), policy);
    reader.finish(read).map_err(|errors| invalid_body(&errors, T::MISSING_DETAIL))
}

/// The fields that `T` reads, with their schemas.
pub(super) fn declared<T: FromJsonBody>(policy: PasswordPolicy) -> Vec<DeclaredField> {
    let mut fields = Vec::new();
    T::from_json_body(&mut JsonBody::Describe(policy, &mut fields), policy);
    fields
}

/// The fields of a body.
pub(crate) enum JsonBody<'a> {
    /// Of a request.
    Read(ObjectReader<'a>),
    /// Of the description: nothing is read, each call declares a field.
    Describe(PasswordPolicy, &'a mut Vec<DeclaredField>),
}

impl<'a> JsonBody<'a> {
    /// The field `name` as `read` takes it from the object, described by `schema`. For numbers, lists and objects; the
    /// other methods are shortcuts.
    pub(crate) fn field<T>(
        &mut self,
        name: &'static str,
        required: bool,
        schema: impl FnOnce(PasswordPolicy) -> Value,
        read: impl FnOnce(&mut ObjectReader<'a>) -> Option<T>,
    ) -> Option<T> {
        match self {
            Self::Read(object) => read(object),
            Self::Describe(policy, fields) => {
                fields.push(DeclaredField { name, required, schema: schema(*policy) });
                None
            }
        }
    }

    /// The required field `name`: a string that `parse` accepts.
    pub(crate) fn required<T: FieldSchema, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.field(name, true, T::field_schema, |object| object.required(name, parse))
    }

    /// The text of the field `name`; `None` if it is absent or null.
    pub(crate) fn optional_text(&mut self, name: &'static str) -> Result<Option<String>, RejectedField> {
        let parse = |text: &str| Ok::<_, Infallible>(text.to_owned());
        let read = |object: &mut ObjectReader<'a>| object.optional(name, parse).ok();
        self.field(name, false, String::field_schema, read).ok_or(RejectedField)
    }

    /// Whether the field `name` is true; absent and null are false.
    pub(crate) fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.field(name, false, bool::field_schema, |object| object.flag(name))
    }

    /// The flag `name`; `None` if it is absent or null.
    pub(crate) fn optional_flag(&mut self, name: &'static str) -> Result<Option<bool>, RejectedField> {
        let read = |object: &mut ObjectReader<'a>| object.optional_flag(name).ok();
        self.field(name, false, bool::field_schema, read).ok_or(RejectedField)
    }

    /// Notes that the field `name` breaks `rule`, a phrase that follows the name.
    pub(crate) fn reject(&mut self, name: &'static str, rule: &str) {
        if let Self::Read(object) = self {
            object.reject(name, rule);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::problem::ProblemKind;

    /// A body with a number and a list of numbers.
    #[derive(Debug, PartialEq)]
    struct NumbersBody {
        size: u8,
        parts: Option<Vec<u8>>,
    }

    impl FromJsonBody for NumbersBody {
        const SCHEMA_NAME: &'static str = "NumbersBody";
        const NAMES: &'static [&'static str] = &["size", "parts"];

        fn from_json_body(body: &mut JsonBody<'_>, _: PasswordPolicy) -> Option<Self> {
            let number = |_| json!({ "type": "integer" });
            let size =
                body.field("size", true, number, |object| object.required_with("size", |size| size.number(1..=9)));
            let list = |_| json!({ "type": "array", "items": { "type": "integer" } });
            let parts = body.field("parts", false, list, |object| {
                object.optional_with("parts", |value| value.list(2, |item| item.number(1..=9))).ok()
            });
            Some(Self { size: size?, parts: parts? })
        }
    }

    fn numbers(json: &str) -> Result<NumbersBody, Problem> {
        parse(json.as_bytes(), PasswordPolicy::default())
    }

    #[test]
    fn a_field_that_is_no_text_is_read_and_described_by_the_same_call() {
        let read = numbers(r#"{"size":9,"parts":[1,2]}"#).expect("it is valid");
        assert_eq!(read, NumbersBody { size: 9, parts: Some(vec![1, 2]) });
        let read = numbers(r#"{"size":9,"parts":null}"#).expect("parts are optional");
        assert_eq!(read, NumbersBody { size: 9, parts: None });
        let fields = declared::<NumbersBody>(PasswordPolicy::default());
        let names: Vec<_> = fields.iter().map(|field| (field.name, field.required)).collect();
        assert_eq!(names, [("size", true), ("parts", false)]);
        let parts = &fields[1].schema;
        assert_eq!((&parts["type"], &parts["items"]["type"]), (&"array".into(), &"integer".into()));
    }

    #[test]
    fn a_wrong_body_is_a_problem_of_the_client() {
        for json in [r#"{"size":0}"#, r#"{"size":9,"parts":[1,2,3]}"#, r#"{"size":9,"parts":[0]}"#, "[]", "7"] {
            assert_eq!(numbers(json).expect_err(json).kind, ProblemKind::InvalidFields, "{json}");
        }
        for json in ["", "{", "{} {}", "\u{0}"] {
            assert_eq!(numbers(json).expect_err(json).kind, ProblemKind::MalformedJson, "{json}");
        }
    }
}
