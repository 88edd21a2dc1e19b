//! HTML being written. Text is escaped for everywhere: between tags and in double-quoted attributes.

use std::fmt::Write as _;

use serde_json::Value;

/// A page that is being written.
#[derive(Default)]
pub(super) struct HtmlBuilder(String);

impl HtmlBuilder {
    /// Markup of ours, as it is.
    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.0.push_str(&escape(text));
        self
    }

    /// An element with nothing but text in it.
    pub(super) fn element(&mut self, name: &str, text: &str) -> &mut Self {
        self.raw("<").raw(name).raw(">").text(text).raw("</").raw(name).raw(">")
    }

    /// A piece of code that can be scrolled to by keys, too.
    pub(super) fn code(&mut self, label: &str, code: &str) -> &mut Self {
        self.raw("<pre tabindex=\"0\" aria-label=\"").text(label).raw("\"><code>").text(code).raw("</code></pre>")
    }

    /// The whole.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// The text that a value is; nothing where it is none.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Text in which `this` is code, as markup.
pub(super) fn inline(text: &str) -> String {
    let mut markup = String::with_capacity(text.len());
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 0 {
            markup += &escape(part);
        } else {
            let _ = write!(markup, "<code>{}</code>", escape(part));
        }
    }
    markup
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            char => escaped.push(char),
        }
    }
    escaped
}
