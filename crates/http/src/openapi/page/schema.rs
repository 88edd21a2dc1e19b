//! Schemas on the page: a table of fields, and a type in a few words.

use serde_json::Value;

use super::html::{escape, inline, items, members, text};

/// A schema with its fields.
pub(super) fn render((name, schema): (&String, &Value)) -> String {
    // The first paragraph only: a table of problems may follow, which has its own section.
    let description = inline(&schema["description"]);
    let description = description.split("\n\n").next().unwrap_or_default();
    format!(r#"<article id="schema-{0}"><h3>{0}</h3><p>{description}</p>{1}</article>"#, escape(name), fields(schema))
}

/// The fields of an object, one per row.
fn fields(schema: &Value) -> String {
    if !schema["properties"].is_object() {
        return format!("<p>{}</p>", kind(schema));
    }
    let rows = members(&schema["properties"]).map(|(name, field)| {
        let required = items(&schema["required"]).any(|one| one == name);
        format!(
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(name),
            kind(field),
            if required { "required" } else { "optional" },
            inline(&field["description"]),
        )
    });
    let closed = if schema["additionalProperties"] == false { "<p>Unknown fields are rejected.</p>" } else { "" };
    format!(
        r#"<table><thead><tr><th scope="col">field</th><th scope="col">type</th><th scope="col"></th>
<th scope="col">description</th></tr></thead><tbody>{}</tbody></table>{closed}"#,
        rows.collect::<String>()
    )
}

/// The type: "string, 1–200 characters", or a link to a schema of its own.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|whole| whole.rsplit('/').next()) {
        return format!(r##"<a href="#schema-{0}">{0}</a>"##, escape(name));
    }
    if let Some(first) = items(&schema["allOf"]).next() {
        return kind(first);
    }
    let mut words = match &schema["type"] {
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(" or "),
        one => text(one),
    };
    if let Some(values) = schema["enum"].as_array().filter(|values| values.len() == 1) {
        words = format!("always {}", escape(&values[0].to_string()));
    }
    if !schema["format"].is_null() {
        words = format!("{words}, {}", text(&schema["format"]));
    }
    match (schema["minLength"].as_u64(), schema["maxLength"].as_u64()) {
        (Some(least), Some(most)) => words = format!("{words}, {least}–{most} characters"),
        (Some(least), None) => words = format!("{words}, at least {least} characters"),
        (None, Some(most)) => words = format!("{words}, at most {most} characters"),
        (None, None) => {}
    }
    if schema["items"].is_object() {
        words = format!("{words} of {}", kind(&schema["items"]));
    }
    words
}
