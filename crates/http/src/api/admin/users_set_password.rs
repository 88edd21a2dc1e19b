//! `PUT /admin/users/<id>/password`: a user gets a password from somebody else; all their sessions end.

use rocket::put;

use crate::auth::{Administer, Authorized};
use crate::body::ValidatedBody;
use crate::conditions::IfMatch;
use crate::problem::Problem;
use crate::query::{NoQuery, ValidatedQuery};
use crate::response::ApiResponse;
use userd_service::SetPasswordRequest;

#[put("/admin/users/<_>/password", data = "<body>")]
pub(in crate::api) async fn set_password(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
    if_match: IfMatch,
    body: ValidatedBody<SetPasswordRequest>,
) -> Result<ApiResponse, Problem> {
    let user_ref = admin.user_ref();
    let user = admin.administration().set_password(user_ref.id()?, body.0, &if_match.0, &admin.actor()).await;
    Ok(ApiResponse::account(&user.map_err(|error| user_ref.problem(error))?))
}
