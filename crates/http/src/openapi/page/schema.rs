//! Schemas on the page: a table of fields, and a type in a few words.

use serde_json::Value;

use super::html::{HtmlBuilder, inline, text};

/// The fields of an object, a row each.
pub(super) fn fields(schema: &Value, html: &mut HtmlBuilder) {
    let Some(properties) = schema["properties"].as_object() else {
        html.raw("<p>").raw(&kind(schema)).raw("</p>");
        return;
    };
    let needed = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    html.raw("<table><thead><tr><th scope=\"col\">field</th><th scope=\"col\">type</th><th scope=\"col\"></th>");
    html.raw("<th scope=\"col\">description</th></tr></thead><tbody>");
    for (name, field) in properties {
        html.raw("<tr><td><code>").text(name).raw("</code></td><td>").raw(&kind(field)).raw("</td><td>");
        html.raw(if needed(name) { "required" } else { "optional" });
        html.raw("</td><td>").raw(&inline(text(&field["description"]))).raw("</td></tr>");
    }
    html.raw("</tbody></table>");
    if schema["additionalProperties"] == false {
        html.raw("<p>Unknown fields are rejected.</p>");
    }
}

/// The type, as markup: "string, 1–200 characters", a link to a schema of its own.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = reference(schema) {
        let mut html = HtmlBuilder::default();
        html.raw("<a href=\"#schema-").text(name).raw("\">").text(name).raw("</a>");
        return html.finish();
    }
    if let Some(first) = schema["allOf"].as_array().and_then(|all| all.first()) {
        return kind(first);
    }
    let mut words = match &schema["type"] {
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(" or "),
        one => text(one).to_owned(),
    };
    if let Some(values) = schema["enum"].as_array().filter(|values| values.len() == 1) {
        words = format!("always {}", values[0]);
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
    let mut html = HtmlBuilder::default();
    html.text(&words);
    if schema["items"].is_object() {
        html.raw(" of ").raw(&kind(&schema["items"]));
    }
    html.finish()
}

/// The name of the schema that is referred to.
fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}
