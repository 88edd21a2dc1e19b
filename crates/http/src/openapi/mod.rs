//! The API's description (OpenAPI 3.1) and its page, derived from the types of the handlers.
//!
//! | module | what it is |
//! |---|---|
//! | `endpoint` | an endpoint's description, derived from its handler's signature |
//! | `guards` | the description of each guard |
//! | `operation_doc` | what no type says: purpose, examples, responses, the problems of the use case |
//! | `examples` | values that the examples share |
//! | `problems` | problems as schema, examples and responses |
//! | `document` | all of it as one document |
//! | `page` | the document as a page of HTML |
//!
//! # How to add an endpoint
//! Its guards and its body describe themselves; the rest is the function `doc` in its file. A new guard needs
//! `Describe` in `guards`, a new type of field needs `FieldSchema` in `input::field_schema`, a view derives `ToSchema`.

mod document;
mod endpoint;
pub(super) mod examples;
mod guards;
mod operation_doc;
mod page;
mod problems;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use page::DocsPage;

use userd_core::PasswordPolicy;

pub(super) use endpoint::{BodySchema, Describe, Endpoint, HandlerSignature};
pub(super) use operation_doc::{OperationDoc, ResponseDoc};

/// The description.
pub(super) struct ApiDescription {
    /// The document, as indented JSON.
    pub(super) json: String,
    /// The page.
    pub(super) page: DocsPage,
}

/// The description, rendered on first use.
pub(super) type LazyApiDescription = LazyLock<ApiDescription, Box<dyn FnOnce() -> ApiDescription + Send>>;

/// The description of these endpoints with this password policy.
pub(super) fn describe(policy: PasswordPolicy, endpoints: fn(PasswordPolicy) -> Vec<Endpoint>) -> LazyApiDescription {
    LazyLock::new(Box::new(move || {
        let document = document::document(endpoints(policy));
        ApiDescription { json: format!("{document:#}\n"), page: page::render(&document) }
    }))
}
