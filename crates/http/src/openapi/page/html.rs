//! Parts of the document as HTML. Text is escaped for every place: between tags and in double-quoted attributes.

use serde_json::Value;

/// The members of an object; none if `value` is not one.
pub(super) fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// The items of an array; none if `value` is not one.
pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The text of a string; empty if `value` is not one.
pub(super) fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

/// The text of a string, with each part between backticks as code.
pub(super) fn inline(value: &Value) -> String {
    let text = text(value);
    let parts = text.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 0 { part.to_owned() } else { format!("<code>{part}</code>") }).collect()
}

/// A block of code that can be scrolled with the keyboard.
pub(super) fn code_block(label: &str, code: &str) -> String {
    format!(r#"<pre tabindex="0" aria-label="{label}"><code>{}</code></pre>"#, escape(code))
}

/// `text` without markup.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
