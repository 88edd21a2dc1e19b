//! One operation on the page.

use std::fmt::Write as _;

use serde_json::Value;

use super::html::{code_block, escape, inline, items, members, text};
use super::schema::kind;

/// The operation that `doc` describes.
pub(super) fn render(document: &Value, path: &str, method: &str, doc: &Value) -> String {
    let responses = members(&doc["responses"]).map(|(status, response)| {
        let response = match response["$ref"].as_str().and_then(|whole| whole.rsplit('/').next()) {
            Some(name) => problems(&document["components"]["responses"][name]),
            None => success(response),
        };
        format!("<dt>{}</dt><dd>{response}</dd>", escape(status))
    });
    format!(
        r##"<article class="operation" id="{id}"><h3><a href="#{id}">{summary}</a></h3>
<p class="line"><b class="{class}">{method}</b> <code>{path}</code></p><p>{description}</p>
<p>Credentials: {security}.</p>{parameters}{body}<h4>With curl</h4>{curl}
<h4>Responses</h4><dl class="answers">{responses}</dl></article>"##,
        id = text(&doc["operationId"]),
        summary = text(&doc["summary"]),
        class = escape(method),
        method = escape(&method.to_uppercase()),
        path = escape(path),
        description = inline(&doc["description"]),
        security = security(doc),
        parameters = parameters(doc),
        body = body(&doc["requestBody"]["content"]["application/json"]),
        curl = code_block("The request with curl", &curl(path, method, doc)),
        responses = responses.collect::<String>(),
    )
}

/// The accepted credentials; one is enough.
fn security(doc: &Value) -> String {
    let ways = items(&doc["security"]).map(|way| match members(way).next() {
        None => "none".to_owned(),
        Some((scheme, scopes)) => {
            let scopes = items(scopes).map(|scope| format!(" with <code>{}</code>", text(scope)));
            format!(r##"<a href="#scheme-{0}"><code>{0}</code></a>{1}"##, escape(scheme), scopes.collect::<String>())
        }
    });
    let ways = ways.collect::<Vec<_>>().join(", or ");
    if ways.is_empty() { "none".to_owned() } else { ways }
}

fn parameters(doc: &Value) -> String {
    let rows = items(&doc["parameters"]).map(|parameter| {
        format!(
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
            text(&parameter["name"]),
            text(&parameter["in"]),
            kind(&parameter["schema"]),
            inline(&parameter["description"]),
        )
    });
    let rows = rows.collect::<String>();
    if rows.is_empty() {
        return rows;
    }
    format!(
        r#"<h4>Parameters</h4><table><thead><tr><th scope="col">name</th><th scope="col">in</th>
<th scope="col">type</th><th scope="col">description</th></tr></thead><tbody>{rows}</tbody></table>"#
    )
}

fn body(content: &Value) -> String {
    if !content.is_object() {
        return String::new();
    }
    let example = match &content["example"] {
        Value::Null => String::new(),
        example => code_block("An example of the body", &format!("{example:#}")),
    };
    format!("<h4>Body</h4><p>{}</p>{example}", kind(&content["schema"]))
}

/// The request as a shell command.
fn curl(path: &str, method: &str, doc: &Value) -> String {
    let path = path.replace('{', "$").replace('}', "");
    let mut line = format!("curl -s \"http://127.0.0.1:8000{path}\"");
    let body = &doc["requestBody"]["content"]["application/json"]["example"];
    let usual = if body.is_null() { "get" } else { "post" };
    if method != usual {
        let _ = write!(line, " -X {}", method.to_uppercase());
    }
    let mut ways = items(&doc["security"]).peekable();
    if ways.peek().is_some() && ways.all(|way| members(way).next().is_some()) {
        line.push_str(" \\\n  -H \"Authorization: Bearer $token\"");
    }
    if !body.is_null() {
        let body = body.to_string().replace('\'', "'\\''");
        let _ = write!(line, " \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'");
    }
    line
}

/// The kinds of a problem.
fn problems(response: &Value) -> String {
    let links = members(&response["content"]["application/problem+json"]["examples"])
        .map(|(slug, _)| format!(r##"<a href="#problem-{0}"><code>{0}</code></a>"##, escape(slug)));
    links.collect::<Vec<_>>().join(", ")
}

fn success(response: &Value) -> String {
    let mut html = text(&response["description"]);
    let headers = members(&response["headers"]).map(|(name, _)| escape(name)).collect::<Vec<_>>().join(", ");
    if !headers.is_empty() {
        let _ = write!(html, " <small>with {headers}</small>");
    }
    for (media, content) in members(&response["content"]) {
        let _ = write!(html, "<p>{} <small>{}</small></p>", kind(&content["schema"]), escape(media));
        html += &match &content["example"] {
            Value::Null => String::new(),
            Value::String(plain) if !media.contains("json") => code_block("An example of the response", plain),
            example => code_block("An example of the response", &format!("{example:#}")),
        };
    }
    html
}
