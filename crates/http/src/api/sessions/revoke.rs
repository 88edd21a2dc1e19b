//! `DELETE /api/users/<id>/sessions/<session id>`: one session of a user is ended.

use rocket::delete;

use crate::auth::{Authorized, RevokeSessions};
use crate::problem::Problem;
use crate::response::ApiResponse;

#[delete("/api/users/<_>/sessions/<_>")]
pub(super) async fn revoke(auth: Authorized<'_, RevokeSessions>) -> Result<ApiResponse, Problem> {
    let user_ref = auth.user_ref();
    let ended = auth.sessions().revoke(user_ref.id()?, auth.session_in_path()?, &auth.actor()).await;
    ended.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::json(&"Session ended"))
}
