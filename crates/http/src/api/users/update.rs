//! `PUT /api/users/<id>`: a user takes another name or e-mail; the password proves who asks.

use rocket::put;

use crate::auth::{Authorized, WriteUser};
use crate::body::ValidatedBody;
use crate::conditions::IfMatch;
use crate::problem::Problem;
use crate::response::ApiResponse;
use userd_service::UpdateUserRequest;

#[put("/api/users/<_>", data = "<body>")]
pub(super) async fn update(
    auth: Authorized<'_, WriteUser>,
    if_match: IfMatch,
    body: ValidatedBody<UpdateUserRequest>,
) -> Result<ApiResponse, Problem> {
    let user_ref = auth.user_ref();
    let user = auth.users().update_profile(user_ref.id()?, &body.0, &if_match.0, &auth.actor()).await;
    Ok(ApiResponse::user(&user.map_err(|error| user_ref.problem(error))?))
}
