//! Display names: free text within limits.

use super::check_rules;

/// The longest name, in characters (Unicode scalar values): enough for every name in published collections of real
/// ones, and short enough for a small record.
pub const DISPLAY_NAME_CHARS_MAX: usize = 200;

/// A display name: 1 to [`DISPLAY_NAME_CHARS_MAX`] characters without surrounding white space or control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

/// The rule that a name breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DisplayNameError {
    /// Nothing is left after trimming.
    #[error("must not be empty")]
    Empty,
    /// More than [`DISPLAY_NAME_CHARS_MAX`] characters.
    #[error("must have at most {DISPLAY_NAME_CHARS_MAX} characters")]
    TooLong,
    /// A control character: C0, C1 or a line or paragraph separator.
    #[error("must not contain control characters")]
    Control,
}

impl DisplayName {
    /// Parses a name and trims its white space.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, DisplayNameError> {
        let trimmed = text.trim();
        let is_control = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        check_rules([
            (trimmed.is_empty(), DisplayNameError::Empty),
            (trimmed.chars().count() > DISPLAY_NAME_CHARS_MAX, DisplayNameError::TooLong),
            (trimmed.chars().any(is_control), DisplayNameError::Control),
        ])?;
        Ok(Self(trimmed.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_rule_is_named() {
        assert_eq!(DisplayName::parse(" \u{3000}\t"), Err(DisplayNameError::Empty));
        assert_eq!(DisplayName::parse(&"x".repeat(201)), Err(DisplayNameError::TooLong));
        assert_eq!(DisplayName::parse("a\u{0}b"), Err(DisplayNameError::Control));
        assert_eq!(DisplayName::parse("a\u{2028}b"), Err(DisplayNameError::Control));
        assert_eq!(DisplayName::parse("  李 \n").as_ref().map(DisplayName::as_str), Ok("李"));
        assert!(DisplayName::parse(&"é".repeat(200)).is_ok());
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_a_name_parses_to_itself(text in any::<String>()) {
            if let Ok(name) = DisplayName::parse(&text) {
                prop_assert_eq!(DisplayName::parse(name.as_str()), Ok(name));
            }
        }
    }
}
