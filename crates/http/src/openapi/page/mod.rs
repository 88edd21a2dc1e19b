//! The document as a self-contained HTML page. Its content security policy allows its style and its script by hash, and
//! nothing else. Without the script only the search is missing.

mod entries;
mod html;
mod operation;
mod schema;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use entries::{OperationEntry, groups, of_group};
use html::{HtmlBuilder, inline, text};

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
    let mut html = HtmlBuilder::default();
    html.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    html.raw("<meta name=\"color-scheme\" content=\"light dark\">");
    html.element("title", &format!("{} {} API", text(&document["info"]["title"]), text(&document["info"]["version"])));
    html.raw("<style>").raw(STYLE).raw("</style></head><body>");
    html.raw("<a class=\"skip\" href=\"#main\">To the endpoints</a>");
    navigation(document, &mut html);
    html.raw("<main id=\"main\">");
    introduction(document, &mut html);
    for group in groups(document) {
        operations(document, group, &mut html);
    }
    problems(document, &mut html);
    schemas(document, &mut html);
    html.raw("</main><script>").raw(SCRIPT).raw("</script></body></html>\n");
    DocsPage { html: html.finish(), content_security: content_security() }
}

fn content_security() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn navigation(document: &Value, html: &mut HtmlBuilder) {
    html.raw("<nav aria-label=\"Contents\"><p class=\"brand\">");
    html.element("strong", text(&document["info"]["title"]));
    html.raw(" ").text(text(&document["info"]["version"])).raw("</p>");
    html.raw(
        "<label class=\"search\" hidden>Search <input type=\"search\" id=\"search\" autocomplete=\"off\"></label>",
    );
    for group in groups(document) {
        html.element("h2", text(&group["name"])).raw("<ul>");
        for OperationEntry { path, method, doc } in of_group(document, group) {
            let (anchor, summary) = (text(&doc["operationId"]), text(&doc["summary"]));
            html.raw("<li data-of=\"").text(anchor).raw("\"><a href=\"#").text(anchor).raw("\" title=\"");
            html.text(&method.to_uppercase()).raw(" ").text(path).raw("\">").text(summary).raw("</a></li>");
        }
        html.raw("</ul>");
    }
    html.raw("<h2>reference</h2><ul><li><a href=\"#problems\">Problems</a></li>");
    html.raw("<li><a href=\"#schemas\">Schemas</a></li><li><a href=\"openapi.json\">openapi.json</a></li></ul></nav>");
}

fn introduction(document: &Value, html: &mut HtmlBuilder) {
    html.raw("<header><h1>").text(text(&document["info"]["title"])).raw(" API</h1><p>");
    html.raw(&inline(text(&document["info"]["description"]))).raw("</p><h2>Credentials</h2><dl>");
    for (name, scheme) in document["components"]["securitySchemes"].as_object().into_iter().flatten() {
        html.raw("<dt id=\"scheme-").text(name).raw("\"><code>").text(name).raw("</code></dt><dd>");
        html.raw(&inline(text(&scheme["description"]))).raw(" ");
        match text(&scheme["name"]) {
            "" => html.raw("<code>Authorization: Bearer ").text(text(&scheme["bearerFormat"])).raw("</code>"),
            cookie => html.raw("<code>Cookie: ").text(cookie).raw("=…</code>"),
        };
        html.raw("</dd>");
    }
    html.raw("</dl></header>");
}

fn operations(document: &Value, group: &Value, html: &mut HtmlBuilder) {
    html.raw("<section class=\"group\">").element("h2", text(&group["name"]));
    html.raw("<p>").raw(&inline(text(&group["description"]))).raw("</p>");
    for one in of_group(document, group) {
        operation::render(document, one, html);
    }
    html.raw("</section>");
}

fn problems(document: &Value, html: &mut HtmlBuilder) {
    html.raw("<section class=\"group\"><h2 id=\"problems\">Problems</h2><p>Error responses (RFC 9457).");
    html.raw(" Decide by <code>type</code>, or by the status.</p><table><thead><tr><th scope=\"col\">type</th>");
    html.raw("<th scope=\"col\">status</th><th scope=\"col\">title</th><th scope=\"col\">example</th></tr></thead>");
    html.raw("<tbody>");
    for (slug, example) in document["components"]["examples"].as_object().into_iter().flatten() {
        let problem = &example["value"];
        html.raw("<tr id=\"problem-")
            .text(slug)
            .raw("\"><td><code>")
            .text(text(&problem["type"]))
            .raw("</code></td><td>");
        html.text(&problem["status"].to_string()).raw("</td><td>").text(text(&problem["title"])).raw("</td><td>");
        html.text(text(&problem["detail"])).raw("</td></tr>");
    }
    html.raw("</tbody></table></section>");
}

fn schemas(document: &Value, html: &mut HtmlBuilder) {
    html.raw("<section class=\"group\"><h2 id=\"schemas\">Schemas</h2>");
    for (name, doc) in document["components"]["schemas"].as_object().into_iter().flatten() {
        html.raw("<article id=\"schema-").text(name).raw("\">").element("h3", name);
        // The first paragraph only: a table of problems may follow, which has its own section.
        let description = text(&doc["description"]).split("\n\n").next().unwrap_or_default();
        html.raw("<p>").raw(&inline(description)).raw("</p>");
        schema::fields(doc, html);
        html.raw("</article>");
    }
    html.raw("</section>");
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
