//! `DELETE /api/users/<id>`: a user is forgotten; the password proves who asks.

use rocket::delete;

use crate::auth::{Authorized, WriteUser};
use crate::body::ValidatedBody;
use crate::conditions::IfMatch;
use crate::problem::Problem;
use crate::response::ApiResponse;
use userd_service::DeleteUserRequest;

#[delete("/api/users/<_>", data = "<body>")]
pub(super) async fn delete(
    auth: Authorized<'_, WriteUser>,
    if_match: IfMatch,
    body: ValidatedBody<DeleteUserRequest>,
) -> Result<ApiResponse, Problem> {
    let user_ref = auth.user_ref();
    let deleted = auth.users().delete(user_ref.id()?, &body.0, &if_match.0, &auth.actor()).await;
    Ok(ApiResponse::deleted_user(&deleted.map_err(|error| user_ref.problem(error))?))
}
