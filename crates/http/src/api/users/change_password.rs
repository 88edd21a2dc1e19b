//! `PATCH /api/users/<id>`: a user takes another password; the old one proves who asks. All their sessions end but the
//! one that asks.

use rocket::patch;

use crate::auth::{Authorized, WriteUser};
use crate::body::ValidatedBody;
use crate::conditions::IfMatch;
use crate::problem::Problem;
use crate::response::ApiResponse;
use userd_service::ChangePasswordRequest;

#[patch("/api/users/<_>", data = "<body>")]
pub(super) async fn change_password(
    auth: Authorized<'_, WriteUser>,
    if_match: IfMatch,
    body: ValidatedBody<ChangePasswordRequest>,
) -> Result<ApiResponse, Problem> {
    let user_ref = auth.user_ref();
    let changed = auth.users().change_password(user_ref.id()?, &body.0, &if_match.0, &auth.actor()).await;
    changed.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::json(&"Password updated"))
}
