//! JSON values as they arrived, before any rule is applied.

use zeroize::Zeroizing;

/// A JSON value. No `Debug`: a text may be a secret.
pub enum InputValue {
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number without fraction and exponent.
    Integer(i128),
    /// Any other number.
    Fraction(f64),
    /// A string, wiped when dropped.
    Text(Zeroizing<String>),
    /// An array.
    List(Vec<InputValue>),
    /// An object.
    Object(InputObject),
}

impl InputValue {
    /// The name of the JSON type, with its article.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Flag(_) => "a boolean",
            Self::Integer(_) | Self::Fraction(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// The text, if it is a string.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, if it is an integer that fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        if let Self::Integer(number) = self { u64::try_from(*number).ok() } else { None }
    }
}

/// The fields of an object in the order of arrival, repeated ones included.
#[derive(Default)]
pub struct InputObject {
    pub(super) fields: Vec<(Zeroizing<String>, InputValue)>,
}

impl InputObject {
    /// An object of texts, such as the parameters of a query.
    pub fn from_texts<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let text = |text: &str| Zeroizing::new(text.to_owned());
        Self { fields: pairs.map(|(name, value)| (text(name), InputValue::Text(text(value)))).collect() }
    }

    /// The field `name`, the last one if it is repeated. For a look ahead; [`super::ObjectReader`] reads with checks.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&InputValue> {
        self.fields.iter().rev().find(|(known, _)| **known == name).map(|(_, value)| value)
    }
}
