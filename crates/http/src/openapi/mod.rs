//! The API's description (OpenAPI 3.1), and the page that shows it. Made of what handlers are made of, so that it says what
//! they do.
//!
//! | module | what it is |
//! |---|---|
//! | `endpoint` | what a handler's signature says of it: its guards, its body, its path |
//! | `guards` | what each guard says: who may, which headers, which problems |
//! | `fields` | what each type of a body's field says |
//! | `problems` | problems as schema, examples and answers |
//! | `told` | what no type says: what an endpoint is for, examples, what it answers, the problems of its use case |
//! | `document` | all of it as one document |
//! | `page` | the document as a page of HTML |
//!
//! # How to add an endpoint
//! Its guards and its body describe themselves. What is left is an entry in one of the files of `told`. A guard that is
//! new needs `Part` in `guards`; a new type of field needs `FieldSchema` in `fields`; a new answer derives `ToSchema`.

mod document;
mod endpoint;
mod fields;
mod guards;
mod keys;
mod page;
mod problems;
mod told;

use std::sync::OnceLock;

use page::Page;

use userd_core::PasswordPolicy;

pub(super) use endpoint::Endpoint;
pub(super) use fields::{DeclaredField, FieldSchema};
pub(super) use keys::PublicKey;

/// The description, made when it is first asked for.
pub(super) struct Description {
    policy: PasswordPolicy,
    made: OnceLock<Made>,
}

struct Made {
    json: String,
    page: Page,
}

impl Description {
    /// The description of a service that has this policy.
    pub(super) fn new(policy: PasswordPolicy) -> Self {
        Self { policy, made: OnceLock::new() }
    }

    /// The document, as JSON that a person can read.
    pub(super) fn json(&self) -> &str {
        &self.made().json
    }

    /// The page.
    pub(super) fn page(&self) -> &Page {
        &self.made().page
    }

    fn made(&self) -> &Made {
        self.made.get_or_init(|| {
            let document = document::document(super::api::endpoints(self.policy));
            let value = serde_json::to_value(&document).unwrap_or_default();
            Made { json: format!("{value:#}\n"), page: page::render(&value) }
        })
    }
}
