//! What the files of endpoints need: `use crate::api::prelude::*;`.
//!
//! Routes, guards, input, responses, and the description. Use cases and values are imported by name.

pub(super) use rocket::http::ContentType;
pub(super) use rocket::{State, delete, get, patch, post, put};
pub(super) use serde::{Deserialize, Serialize};
pub(super) use serde_json::json;
pub(super) use utoipa::ToSchema;

pub(super) use crate::auth::*;
pub(super) use crate::conditions::{IfMatch, IfNoneMatch};
pub(super) use crate::input::{FromJsonBody, FromQuery, JsonBody, NoQuery, QueryParam, ValidatedBody, ValidatedQuery};
pub(super) use crate::openapi::{OperationDoc, ResponseDoc, examples};
pub(super) use crate::problem::{Problem, ProblemKind};
pub(super) use crate::response::{ApiResponse, CacheableResponse, DisplayText};
