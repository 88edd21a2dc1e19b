//! Problems (RFC 9457): every response that is not a success.
//!
//! | file | what it is |
//! |---|---|
//! | `kind` | the kinds: statuses, slugs, titles, as one table |
//! | `details` | one problem with its invalid fields, and how a guard hands it to the catcher |
//! | `service_errors` | from an error of a use case to a problem |
//! | `response` | from a problem to a response |
//!
//! The cause of a problem is logged once, in `response`, with its whole chain, and is never sent.

mod details;
mod kind;
mod response;
mod service_errors;

pub(super) use details::{FieldError, Problem};
pub use kind::ProblemKind;
