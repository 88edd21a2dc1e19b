//! `PATCH /admin/users/<id>`: an account is shut or opened, its password declared expired or not.

use rocket::patch;

use crate::auth::{Administer, Authorized};
use crate::body::ValidatedBody;
use crate::conditions::IfMatch;
use crate::problem::Problem;
use crate::query::{NoQuery, ValidatedQuery};
use crate::response::ApiResponse;
use userd_service::UpdateStatusRequest;

#[patch("/admin/users/<_>", data = "<body>")]
pub(in crate::api) async fn update(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
    if_match: IfMatch,
    body: ValidatedBody<UpdateStatusRequest>,
) -> Result<ApiResponse, Problem> {
    let user_ref = admin.user_ref();
    let user = admin.administration().update_status(user_ref.id()?, body.0, &if_match.0, &admin.actor()).await;
    Ok(ApiResponse::account(&user.map_err(|error| user_ref.problem(error))?))
}
