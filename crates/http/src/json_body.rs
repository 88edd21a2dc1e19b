//! From the bytes of a body to its fields, with everything that is wrong named at once.
//!
//! serde's derived code stops at the first mistake and quotes what it found. Here the JSON is walked by hand:
//! every unknown, repeated, missing or wrongly typed field and every broken rule becomes one [`FieldError`]
//! with a pointer to it (RFC 6901), and no value is ever repeated. What is no JSON gets line and column.

use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use zeroize::Zeroizing;

use super::openapi::{DeclaredField, FieldSchema};
use super::problem::{Problem, ProblemKind};
use userd_core::{DisplayName, Email, Password, PasswordAttempt, PasswordPolicy};
use userd_service::{ChangePasswordRequest, DeleteUserRequest, SignUpRequest, UpdateUserRequest};
use userd_store::UserProfile;

/// How deeply a body may be nested. Ours are flat; this is for what is not ours.
const DEPTH_MAX: u8 = 8;

/// The most mistakes that are named: a body of nothing but wrong fields must not make a longer answer.
const ERRORS_MAX: usize = 20;

/// How much of an unknown field's name is repeated, in characters.
const NAME_ECHO_CHARS_MAX: usize = 64;

/// One mistake in one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct FieldError {
    detail: String,
    pointer: String,
}

impl FieldError {
    /// The field `name` breaks the rule in `detail`, which goes on after the field's name: "must not be empty".
    pub(super) fn new(name: &str, detail: impl Into<String>) -> Self {
        let name = name.chars().take(NAME_ECHO_CHARS_MAX).collect::<String>();
        Self { detail: detail.into(), pointer: format!("/{}", name.replace('~', "~0").replace('/', "~1")) }
    }

    /// The mistake as a sentence about the field.
    pub(super) fn sentence(&self) -> String {
        let name = self.pointer.trim_start_matches('/');
        format!("{name} {}", self.detail)
    }
}

/// What can be made of the fields of a body.
pub(super) trait FromJsonBody: Sized + Send + 'static {
    /// The name of the body's schema in the API's description.
    const SCHEMA_NAME: &'static str;

    /// The fields there are.
    const NAMES: &'static [&'static str];

    /// Whether none of the fields is needed, but one at least; all of them are then flags.
    const ANY_REQUIRED: bool = false;

    /// What to say instead of naming the mistakes if a field is not there.
    const MISSING_DETAIL: Option<&'static str> = None;

    /// Reads every field, so that each one's mistake is noted; `None` if there was one. What is read here is also what
    /// the API's description says of the body, so every field must be read before the first `?`.
    fn from_json_body(fields: &mut JsonBody, policy: PasswordPolicy) -> Option<Self>;
}

impl FromJsonBody for SignUpRequest {
    const SCHEMA_NAME: &'static str = "SignUpRequest";
    const NAMES: &'static [&'static str] = &["name", "email", "password"];

    fn from_json_body(fields: &mut JsonBody, policy: PasswordPolicy) -> Option<Self> {
        let name = fields.required("name", DisplayName::parse);
        let email = fields.required("email", Email::parse);
        let password = fields.required("password", |text| Password::parse(text, policy));
        Some(Self { name: name?, email: email?, password: password? })
    }
}

impl FromJsonBody for UpdateUserRequest {
    const SCHEMA_NAME: &'static str = "UpdateUserRequest";
    const NAMES: &'static [&'static str] = &["name", "email", "password"];

    fn from_json_body(fields: &mut JsonBody, _: PasswordPolicy) -> Option<Self> {
        let name = fields.required("name", DisplayName::parse);
        let email = fields.required("email", Email::parse);
        let password = fields.required("password", PasswordAttempt::parse);
        Some(Self { profile: UserProfile { name: name?, email: email? }, password: password? })
    }
}

impl FromJsonBody for ChangePasswordRequest {
    const SCHEMA_NAME: &'static str = "ChangePasswordRequest";
    const NAMES: &'static [&'static str] = &["password", "new_password"];
    const MISSING_DETAIL: Option<&'static str> = Some("Password not provided");

    fn from_json_body(fields: &mut JsonBody, policy: PasswordPolicy) -> Option<Self> {
        let password = fields.required("password", PasswordAttempt::parse);
        let new_password = fields.required("new_password", |text| Password::parse(text, policy));
        Some(Self { password: password?, new_password: new_password? })
    }
}

impl FromJsonBody for DeleteUserRequest {
    const SCHEMA_NAME: &'static str = "DeleteUserRequest";
    const NAMES: &'static [&'static str] = &["password"];

    fn from_json_body(fields: &mut JsonBody, _: PasswordPolicy) -> Option<Self> {
        Some(Self { password: fields.required("password", PasswordAttempt::parse)? })
    }
}

/// What the body `bytes` says.
pub(super) fn parse<T: FromJsonBody>(bytes: &[u8], policy: PasswordPolicy) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(&bytes[..error.valid_up_to()]))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let top = JsonVisitor { depth: 0, names: Some(T::NAMES) }.deserialize(&mut json);
    let top = top.and_then(|top| json.end().map(|()| top)).map_err(|error| malformed(&error, text))?;
    let JsonValue::Object(mut fields) = top else {
        let detail = format!("the body must be an object with {}, not {}", T::NAMES.join(", "), top.kind());
        return Err(Problem::invalid_fields(detail, Vec::new()));
    };
    match T::from_json_body(&mut fields, policy) {
        Some(value) if fields.errors.is_empty() => Ok(value),
        _ => Err(fields.problem(T::MISSING_DETAIL)),
    }
}

fn not_utf8(valid: &[u8]) -> Problem {
    let line = valid.split(|byte| *byte == b'\n').count();
    let column = valid.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    Problem::new(ProblemKind::MalformedJson, format!("not UTF-8 at line {line}, column {column}"))
}

/// Says where the JSON is wrong. serde's own text is not passed on: it may quote what it found.
fn malformed(error: &serde_json::Error, text: &str) -> Problem {
    let (line, column) = (error.line(), error.column());
    let detail = match error.classify() {
        _ if text.trim().is_empty() => "the body is empty".to_owned(),
        Category::Eof => format!("the JSON ends too early, at line {line}, column {column}"),
        // The only error of our own visitors.
        Category::Data => format!("nested deeper than {DEPTH_MAX} levels at line {line}, column {column}"),
        Category::Syntax | Category::Io => format!("not JSON at line {line}, column {column}"),
    };
    Problem::new(ProblemKind::MalformedJson, detail)
}

/// The fields of a body, and what was found to be wrong with them.
pub(super) struct JsonBody {
    values: Vec<(&'static str, JsonValue)>,
    errors: Vec<FieldError>,
    missing: bool,
    /// Where nothing is read and only written down which fields would be, and what they would have to be.
    declared: Option<(PasswordPolicy, Vec<DeclaredField>)>,
}

/// Which fields make a `T`, and what each has to be: said by the code that reads them.
pub(super) fn declared<T: FromJsonBody>(policy: PasswordPolicy) -> Vec<DeclaredField> {
    let mut fields =
        JsonBody { values: Vec::new(), errors: Vec::new(), missing: false, declared: Some((policy, Vec::new())) };
    T::from_json_body(&mut fields, policy);
    fields.declared.map(|(_, declared)| declared).unwrap_or_default()
}

impl JsonBody {
    /// The field `name` as `parse` understands its text.
    pub(super) fn required<T: FieldSchema, E: fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if let Some((policy, declared)) = &mut self.declared {
            declared.push(DeclaredField { name, required: true, schema: T::field_schema(*policy) });
            return None;
        }
        let wrong = match self.values.iter().find(|(known, _)| *known == name) {
            Some((_, JsonValue::Text(text))) => match parse(text) {
                Ok(value) => return Some(value),
                Err(rule) => rule.to_string(),
            },
            Some((_, other)) => {
                self.missing |= matches!(other, JsonValue::Null);
                format!("must be a string, not {}", other.kind())
            }
            None => {
                self.missing = true;
                "is missing; it must be a string".to_owned()
            }
        };
        self.reject(FieldError::new(name, wrong));
        None
    }

    /// The same where the field need not be there: `None` if it is not, or null.
    pub(super) fn optional<T: FieldSchema, E: fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Rejected> {
        if let Some((policy, declared)) = &mut self.declared {
            declared.push(DeclaredField { name, required: false, schema: T::field_schema(*policy) });
            return Err(Rejected);
        }
        match self.values.iter().find(|(known, _)| *known == name) {
            None | Some((_, JsonValue::Null)) => Ok(None),
            Some(_) => self.required(name, parse).map(Some).ok_or(Rejected),
        }
    }

    /// Whether the field `name` is true; it need not be there.
    pub(super) fn flag(&mut self, name: &'static str) -> Option<bool> {
        if let Some((policy, declared)) = &mut self.declared {
            declared.push(DeclaredField { name, required: false, schema: bool::field_schema(*policy) });
            return None;
        }
        let kind = match self.values.iter().find(|(known, _)| *known == name) {
            None | Some((_, JsonValue::Null)) => return Some(false),
            Some((_, JsonValue::Flag(flag))) => return Some(*flag),
            Some((_, other)) => other.kind(),
        };
        self.reject(FieldError::new(name, format!("must be true or false, not {kind}")));
        None
    }

    /// The field `name` where it is true or false; `None` if it is not there, or null.
    pub(super) fn optional_flag(&mut self, name: &'static str) -> Result<Option<bool>, Rejected> {
        let is_there = self.values.iter().any(|(known, value)| *known == name && !matches!(value, JsonValue::Null));
        self.flag(name).map(|flag| is_there.then_some(flag)).ok_or(Rejected)
    }

    /// Notes that the body as a whole, of which `name` would be a field, is not right.
    pub(super) fn reject(&mut self, error: FieldError) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(error);
        }
    }

    fn problem(self, missing: Option<&'static str>) -> Problem {
        let detail = match missing {
            Some(detail) if self.missing => detail.to_owned(),
            _ => self.errors.iter().map(FieldError::sentence).collect::<Vec<_>>().join("; "),
        };
        Problem::invalid_fields(detail, self.errors)
    }

    /// Takes the fields `names` out of `map` and notes the others.
    fn collect<'de, A: MapAccess<'de>>(mut map: A, names: &'static [&'static str]) -> Result<Self, A::Error> {
        let mut fields =
            Self { values: Vec::with_capacity(names.len()), errors: Vec::new(), missing: false, declared: None };
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(JsonVisitor { depth: 1, names: None })?;
            match names.iter().find(|name| **name == key) {
                None => {
                    let known = names.join(", ");
                    fields.reject(FieldError::new(&key, format!("is not known; the fields are {known}")));
                }
                Some(name) if fields.values.iter().any(|(known, _)| known == name) => {
                    fields.reject(FieldError::new(name, "must be given only once"));
                }
                Some(name) => fields.values.push((name, value)),
            }
        }
        Ok(fields)
    }
}

/// A mistake that was noted in the fields.
pub(super) struct Rejected;

/// What a piece of JSON is, as far as it matters.
enum JsonValue {
    Text(Zeroizing<String>),
    Flag(bool),
    Object(JsonBody),
    Null,
    Other(&'static str),
}

impl JsonValue {
    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Flag(_) => "a boolean",
            Self::Object(_) => "an object",
            Self::Null => "null",
            Self::Other(kind) => kind,
        }
    }
}

/// Walks a piece of JSON that lies `depth` levels deep; of an object it collects the fields `names`.
#[derive(Clone, Copy)]
struct JsonVisitor {
    depth: u8,
    names: Option<&'static [&'static str]>,
}

impl JsonVisitor {
    fn descend<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom("too deep"));
        }
        Ok(Self { depth: self.depth + 1, names: None })
    }
}

impl<'de> DeserializeSeed<'de> for JsonVisitor {
    type Value = JsonValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<JsonValue, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = JsonValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<JsonValue, E> {
        Ok(JsonValue::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<JsonValue, E> {
        Ok(JsonValue::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<JsonValue, E> {
        Ok(JsonValue::Flag(flag))
    }

    fn visit_u64<E>(self, _: u64) -> Result<JsonValue, E> {
        Ok(JsonValue::Other("a number"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<JsonValue, E> {
        Ok(JsonValue::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<JsonValue, E> {
        Ok(JsonValue::Other("a number"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<JsonValue, A::Error> {
        let deeper = self.descend()?;
        while items.next_element_seed(deeper)?.is_some() {}
        Ok(JsonValue::Other("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonValue, A::Error> {
        if let Some(names) = self.names {
            return JsonBody::collect(map, names).map(JsonValue::Object);
        }
        let deeper = self.descend()?;
        while map.next_key::<serde::de::IgnoredAny>()?.is_some() {
            map.next_value_seed(deeper)?;
        }
        Ok(JsonValue::Other("an object"))
    }
}
