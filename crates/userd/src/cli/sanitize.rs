//! Untrusted text on its way to a terminal. Names and e-mail addresses can contain characters that reverse the writing
//! direction, or that a terminal interprets as a command.

use std::borrow::Cow;
use std::fmt::Write as _;

use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};

/// Whether a terminal may do anything but show the character: Unicode's categories control, format (bidirectional
/// overrides, joiners, tags), private use and unassigned, which are its group "other", and separators of lines and
/// paragraphs. U+200C and U+200D are allowed: they are part of words and emoji, and affect only their neighbours.
fn is_unsafe(char: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(char);
    let separates = matches!(category, GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator);
    (GeneralCategoryGroup::Other.contains(category) || separates) && !matches!(char, '\u{200c}' | '\u{200d}')
}

/// The text with each unsafe character escaped: `\u{202e}`.
pub(super) fn sanitize(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let escape = |char: char| if is_unsafe(char) { char.escape_unicode().to_string() } else { char.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
}

/// The same JSON, with each unsafe character as a JSON escape. Outside of strings JSON has only line ends, which stay.
pub(super) fn sanitize_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for char in json.chars() {
        if char == '\n' || !is_unsafe(char) {
            text.push(char);
            continue;
        }
        for unit in char.encode_utf16(&mut [0; 2]) {
            // Writing to a String never fails.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        assert_eq!(sanitize("Ada\u{1b}[31m\u{202e}\u{9b}J"), "Ada\\u{1b}[31m\\u{202e}\\u{9b}J");
        assert_eq!(sanitize("a\tb\nc\u{7f}\u{2066}\u{e0041}"), "a\\u{9}b\\u{a}c\\u{7f}\\u{2066}\\u{e0041}");
    }

    #[test]
    fn names_of_people_stay_as_they_are() {
        for name in ["Ada Lovelace", "李小龍", "محمد", "שרה", "Zoë", "می\u{200c}خواهم", "👩\u{200d}🚀"]
        {
            assert_eq!(sanitize(name), name);
        }
    }

    proptest! {
        #[test]
        fn json_stays_the_same_json(name in any::<String>()) {
            let document = serde_json::json!({ "name": name, "more": ["\u{202e}", "\u{e0041}", "\u{9b}"] });
            let text = sanitize_json(&format!("{document:#}"));
            prop_assert!(!text.chars().any(|char| char != '\n' && is_unsafe(char)));
            prop_assert_eq!(serde_json::from_str::<Value>(&text).ok(), Some(document));
        }
    }
}
