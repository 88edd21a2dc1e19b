//! `DELETE /admin/users/<id>/sessions`: all sessions of a user are ended.

use rocket::delete;

use crate::auth::{Administer, Authorized};
use crate::problem::Problem;
use crate::query::{NoQuery, ValidatedQuery};
use crate::response::ApiResponse;

#[delete("/admin/users/<_>/sessions")]
pub(in crate::api) async fn revoke_all(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
) -> Result<ApiResponse, Problem> {
    let user_ref = admin.user_ref();
    let ended = admin.administration().revoke_sessions(user_ref.id()?, &admin.actor()).await;
    ended.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::json(&"Sessions ended"))
}
