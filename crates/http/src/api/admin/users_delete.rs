//! `DELETE /admin/users/<id>`: a user is forgotten, without their password.

use rocket::delete;

use crate::auth::{Administer, Authorized};
use crate::conditions::IfMatch;
use crate::problem::Problem;
use crate::query::{NoQuery, ValidatedQuery};
use crate::response::ApiResponse;

#[delete("/admin/users/<_>")]
pub(in crate::api) async fn delete(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
    if_match: IfMatch,
) -> Result<ApiResponse, Problem> {
    let user_ref = admin.user_ref();
    let deleted = admin.administration().delete(user_ref.id()?, &if_match.0, &admin.actor()).await;
    Ok(ApiResponse::deleted_account(&deleted.map_err(|error| user_ref.problem(error))?))
}
