//! `POST /admin/users`: somebody is made a user, if wanted with a password that they have to change.

use rocket::post;

use crate::auth::{Administer, Authorized};
use crate::body::ValidatedBody;
use crate::problem::Problem;
use crate::query::{NoQuery, ValidatedQuery};
use crate::response::ApiResponse;
use userd_service::CreateAccountRequest;

#[post("/admin/users", data = "<body>")]
pub(in crate::api) async fn create(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
    body: ValidatedBody<CreateAccountRequest>,
) -> Result<ApiResponse, Problem> {
    Ok(ApiResponse::account(&admin.administration().create(body.0, &admin.actor()).await?))
}
