//! One endpoint on the page.

use std::fmt::Write as _;

use serde_json::Value;

use super::entries::OperationEntry;
use super::html::{HtmlBuilder, inline, text};
use super::schema::kind;

pub(super) fn render(document: &Value, one: OperationEntry<'_>, html: &mut HtmlBuilder) {
    let OperationEntry { path, method, doc } = one;
    let anchor = text(&doc["operationId"]);
    html.raw("<article class=\"operation\" id=\"").text(anchor).raw("\"><h3><a href=\"#").text(anchor).raw("\">");
    html.text(text(&doc["summary"])).raw("</a></h3><p class=\"line\"><b class=\"").text(method).raw("\">");
    html.text(&method.to_uppercase()).raw("</b> <code>").text(path).raw("</code></p><p>");
    html.raw(&inline(text(&doc["description"]))).raw("</p>");
    security(doc, html);
    parameters(doc, html);
    let content = &doc["requestBody"]["content"]["application/json"];
    if content.is_object() {
        html.raw("<h4>Body</h4><p>").raw(&kind(&content["schema"])).raw("</p>");
        if !content["example"].is_null() {
            html.code("An example of the body", &format!("{:#}", content["example"]));
        }
    }
    html.raw("<h4>With curl</h4>").code("The request with curl", &curl(one));
    responses(document, doc, html);
    html.raw("</article>");
}

/// The accepted credentials; one is enough.
fn security(doc: &Value, html: &mut HtmlBuilder) {
    html.raw("<p>Credentials: ");
    let ways = doc["security"].as_array().map(Vec::as_slice).unwrap_or_default();
    if ways.is_empty() {
        html.raw("none");
    }
    for (index, way) in ways.iter().enumerate() {
        html.raw(if index == 0 { "" } else { ", or " });
        match way.as_object().and_then(|way| way.iter().next()) {
            None => drop(html.raw("none")),
            Some((scheme, scopes)) => {
                html.raw("<a href=\"#scheme-").text(scheme).raw("\"><code>").text(scheme).raw("</code></a>");
                for scope in scopes.as_array().into_iter().flatten() {
                    html.raw(" with <code>").text(text(scope)).raw("</code>");
                }
            }
        }
    }
    html.raw(".</p>");
}

fn parameters(doc: &Value, html: &mut HtmlBuilder) {
    let Some(parameters) = doc["parameters"].as_array().filter(|all| !all.is_empty()) else { return };
    html.raw("<h4>Parameters</h4><table><thead><tr><th scope=\"col\">name</th><th scope=\"col\">in</th>");
    html.raw("<th scope=\"col\">type</th><th scope=\"col\">description</th></tr></thead><tbody>");
    for parameter in parameters {
        html.raw("<tr><td><code>").text(text(&parameter["name"])).raw("</code></td><td>").text(text(&parameter["in"]));
        html.raw("</td><td>").raw(&kind(&parameter["schema"])).raw("</td><td>");
        html.raw(&inline(text(&parameter["description"]))).raw("</td></tr>");
    }
    html.raw("</tbody></table>");
}

/// The request as a shell command.
fn curl(one: OperationEntry<'_>) -> String {
    let OperationEntry { path, method, doc } = one;
    let path = path.replace('{', "$").replace('}', "");
    let mut line = format!("curl -s \"http://127.0.0.1:8000{path}\"");
    let body = &doc["requestBody"]["content"]["application/json"]["example"];
    let usual = if body.is_null() { "get" } else { "post" };
    if method != usual {
        let _ = write!(line, " -X {}", method.to_uppercase());
    }
    let anonymous = doc["security"].as_array().is_none_or(|ways| {
        ways.is_empty() || ways.iter().any(|way| way.as_object().is_some_and(serde_json::Map::is_empty))
    });
    if !anonymous {
        line.push_str(" \\\n  -H \"Authorization: Bearer $token\"");
    }
    if !body.is_null() {
        let body = body.to_string().replace('\'', "'\\''");
        let _ = write!(line, " \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'");
    }
    line
}

fn responses(document: &Value, doc: &Value, html: &mut HtmlBuilder) {
    html.raw("<h4>Responses</h4><dl class=\"answers\">");
    for (status, response) in doc["responses"].as_object().into_iter().flatten() {
        html.raw("<dt>").text(status).raw("</dt><dd>");
        match response["$ref"].as_str().and_then(|whole| whole.rsplit('/').next()) {
            Some(name) => problem(document, name, html),
            None => success(response, html),
        }
        html.raw("</dd>");
    }
    html.raw("</dl>");
}

/// A response that is a problem, with its kinds.
fn problem(document: &Value, name: &str, html: &mut HtmlBuilder) {
    let content = &document["components"]["responses"][name]["content"]["application/problem+json"];
    for (index, slug) in content["examples"].as_object().into_iter().flatten().map(|(slug, _)| slug).enumerate() {
        html.raw(if index == 0 { "" } else { ", " });
        html.raw("<a href=\"#problem-").text(slug).raw("\"><code>").text(slug).raw("</code></a>");
    }
}

fn success(response: &Value, html: &mut HtmlBuilder) {
    html.text(text(&response["description"]));
    let headers = response["headers"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let headers = headers.collect::<Vec<_>>().join(", ");
    if !headers.is_empty() {
        html.raw(" <small>with ").text(&headers).raw("</small>");
    }
    for (media, content) in response["content"].as_object().into_iter().flatten() {
        html.raw("<p>").raw(&kind(&content["schema"])).raw(" <small>").text(media).raw("</small></p>");
        match &content["example"] {
            Value::Null => {}
            Value::String(plain) if !media.contains("json") => drop(html.code("An example of the response", plain)),
            example => drop(html.code("An example of the response", &format!("{example:#}"))),
        }
    }
}
