//! The document as a self-contained HTML page: the template `page.html`, filled in. The content security policy allows
//! its style and its script by hash, and nothing else. Without the script only the search is missing.

mod html;
mod operation;
mod schema;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use html::{escape, inline, items, members, text};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page.
pub(crate) struct DocsPage {
    /// The HTML.
    pub(crate) html: String,
    /// Its content security policy.
    pub(crate) content_security: String,
}

/// The page of this document.
pub(super) fn render(document: &Value) -> DocsPage {
    let components = &document["components"];
    let html = format!(
        include_str!("page.html"),
        title = text(&document["info"]["title"]),
        version = text(&document["info"]["version"]),
        description = inline(&document["info"]["description"]),
        style = STYLE,
        script = SCRIPT,
        contents = items(&document["tags"]).map(|group| contents(document, group)).collect::<String>(),
        credentials = members(&components["securitySchemes"]).map(credentials).collect::<String>(),
        groups = items(&document["tags"]).map(|group| operations(document, group)).collect::<String>(),
        problems = members(&components["examples"]).map(problem).collect::<String>(),
        schemas = members(&components["schemas"]).map(schema::render).collect::<String>(),
    );
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    let content_security = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    DocsPage { html, content_security }
}

/// The operations of a group: path, method, description.
fn of_group<'a>(document: &'a Value, group: &'a Value) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
    let all = members(&document["paths"])
        .flat_map(|(path, methods)| members(methods).map(move |(method, doc)| (path.as_str(), method.as_str(), doc)));
    all.filter(|(_, _, doc)| doc["tags"][0] == group["name"])
}

/// The links to the operations of a group.
fn contents(document: &Value, group: &Value) -> String {
    let links = of_group(document, group).map(|(path, method, doc)| {
        let (id, summary) = (text(&doc["operationId"]), text(&doc["summary"]));
        let (method, path) = (escape(&method.to_uppercase()), escape(path));
        format!(r##"<li data-of="{id}"><a href="#{id}" title="{method} {path}">{summary}</a></li>"##)
    });
    format!("<h2>{}</h2><ul>{}</ul>", text(&group["name"]), links.collect::<String>())
}

fn credentials((name, scheme): (&String, &Value)) -> String {
    let (name, description) = (escape(name), inline(&scheme["description"]));
    let header = match text(&scheme["name"]).as_str() {
        "" => format!("Authorization: Bearer {}", text(&scheme["bearerFormat"])),
        cookie => format!("Cookie: {cookie}=…"),
    };
    format!(r#"<dt id="scheme-{name}"><code>{name}</code></dt><dd>{description} <code>{header}</code></dd>"#)
}

fn operations(document: &Value, group: &Value) -> String {
    let operations =
        of_group(document, group).map(|(path, method, doc)| operation::render(document, path, method, doc));
    let (name, description) = (text(&group["name"]), inline(&group["description"]));
    format!(r#"<section class="group"><h2>{name}</h2><p>{description}</p>{}</section>"#, operations.collect::<String>())
}

fn problem((slug, example): (&String, &Value)) -> String {
    let problem = &example["value"];
    format!(
        r#"<tr id="problem-{}"><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>"#,
        escape(slug),
        text(&problem["type"]),
        escape(&problem["status"].to_string()),
        text(&problem["title"]),
        text(&problem["detail"]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_document_says_can_not_become_markup() {
        let nasty = "<script>alert(1)</script>\"'&";
        let document = serde_json::json!({
            "info": { "title": nasty, "version": nasty, "description": nasty },
            "tags": [{ "name": nasty, "description": nasty }],
            "paths": { nasty: { "get": {
                "tags": [nasty], "operationId": nasty, "summary": nasty, "description": nasty,
                "parameters": [{ "name": nasty, "in": nasty, "description": nasty, "schema": { "type": nasty } }],
                "responses": { "200": { "description": nasty, "content": { nasty: { "example": nasty } } } },
            } } },
            "components": {
                "securitySchemes": { nasty: { "description": nasty, "name": nasty } },
                "schemas": { nasty: { "description": nasty, "properties": { nasty: { "description": nasty } } } },
                "examples": { nasty: { "value": { "type": nasty, "title": nasty, "detail": nasty } } },
            },
        });
        let page = render(&document).html;
        assert_eq!(page.matches("<script>").count(), 1, "the page's own");
        assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("\"'&\""));
    }
}
