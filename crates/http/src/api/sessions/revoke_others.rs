//! `DELETE /api/users/<id>/sessions`: all sessions of a user are ended but the one that asks.

use rocket::delete;

use crate::auth::{Authorized, RevokeSessions};
use crate::problem::Problem;
use crate::response::ApiResponse;

#[delete("/api/users/<_>/sessions")]
pub(super) async fn revoke_others(auth: Authorized<'_, RevokeSessions>) -> Result<ApiResponse, Problem> {
    let user_ref = auth.user_ref();
    let ended = auth.sessions().revoke_others(user_ref.id()?, &auth.actor()).await;
    ended.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::json(&"Other sessions ended"))
}
