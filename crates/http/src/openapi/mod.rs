//! The API's description (OpenAPI 3.1), and the page that shows it. Made of what handlers are made of, so that it says what
//! they do.
//!
//! | module | what it is |
//! |---|---|
//! | `endpoint` | what a handler's signature says of it: its guards, its body, its path |
//! | `guards` | what each guard says: who may, which headers, which problems |
//! | `field_schema` | what each type of a body's field says |
//! | `problems` | problems as schema, examples and answers |
//! | `operations` | what no type says: what an endpoint is for, examples, what it answers, the problems of its use case |
//! | `document` | all of it as one document |
//! | `page` | the document as a page of HTML |
//!
//! # How to add an endpoint
//! Its guards and its body describe themselves. What is left is an entry in one of the files of `operations`. A guard that is
//! new needs `Describe` in `guards`; a new type of field needs `FieldSchema` in `field_schema`; a new answer derives `ToSchema`.

mod document;
mod endpoint;
mod field_schema;
mod guards;
mod jwk;
mod operations;
mod page;
#[cfg(test)]
mod permission_table;
mod problems;

use std::sync::OnceLock;

use page::DocsPage;

use userd_core::PasswordPolicy;

pub(super) use endpoint::Endpoint;
pub(super) use field_schema::{DeclaredField, FieldSchema};
pub(super) use jwk::JwkSchema;

/// The description, made when it is first asked for.
pub(super) struct ApiDescription {
    policy: PasswordPolicy,
    rendered: OnceLock<RenderedDescription>,
}

struct RenderedDescription {
    json: String,
    page: DocsPage,
}

impl ApiDescription {
    /// The description of a service that has this policy.
    pub(super) fn new(policy: PasswordPolicy) -> Self {
        Self { policy, rendered: OnceLock::new() }
    }

    /// The document, as JSON that a person can read.
    pub(super) fn json(&self) -> &str {
        &self.rendered().json
    }

    /// The page.
    pub(super) fn page(&self) -> &DocsPage {
        &self.rendered().page
    }

    fn rendered(&self) -> &RenderedDescription {
        self.rendered.get_or_init(|| {
            let document = document::document(super::api::endpoints(self.policy));
            let value = serde_json::to_value(&document).unwrap_or_default();
            RenderedDescription { json: format!("{value:#}\n"), page: page::render(&value) }
        })
    }
}
