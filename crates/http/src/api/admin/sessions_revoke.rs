//! `DELETE /admin/users/<id>/sessions/<session id>`: one session of a user is ended.

use rocket::delete;

use crate::auth::{Administer, Authorized};
use crate::problem::Problem;
use crate::query::{NoQuery, ValidatedQuery};
use crate::response::ApiResponse;

#[delete("/admin/users/<_>/sessions/<_>")]
pub(in crate::api) async fn revoke(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
) -> Result<ApiResponse, Problem> {
    let user_ref = admin.user_ref();
    let ended = admin.sessions().revoke(user_ref.id()?, admin.session_in_path()?, &admin.actor()).await;
    ended.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::json(&"Session ended"))
}
