//! Input of requests as types: a handler that has a [`ValidatedBody<T>`] or a [`ValidatedQuery<T>`] has a valid `T`.
//!
//! | file | what it is |
//! |---|---|
//! | `body` | the guard of bodies: media type, size, time |
//! | `json_body` | the fields of a body as a type, and as a schema |
//! | `query` | the guard of queries |
//! | `field_schema` | the schema of each type of field |
//! | `problem` | input errors as a problem |
//! | `describe` | bodies and queries in the API's description |
//!
//! The reader itself is [`userd_core::input`], which does not know HTTP.
//!
//! To add a body: implement [`FromJsonBody`] in the endpoint's file. To add a type of field: `FieldSchema` in
//! `field_schema`. To add a query: [`FromQuery`] in the endpoint's file, with a [`QueryParam`] for each parameter.

mod body;
mod describe;
mod field_schema;
mod json_body;
mod problem;
mod query;

pub(super) use body::ValidatedBody;
pub(super) use json_body::{FromJsonBody, JsonBody};
pub(super) use query::{FromQuery, NoQuery, QueryParam, ValidatedQuery};
