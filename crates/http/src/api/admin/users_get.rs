//! `GET /admin/users/<id or e-mail>`: one user, with what was ruled about the account.

use rocket::get;

use crate::auth::{Administer, Authorized};
use crate::conditions::IfNoneMatch;
use crate::problem::Problem;
use crate::query::{NoQuery, ValidatedQuery};
use crate::response::ApiResponse;
use crate::user_ref::UserRef;

#[get("/admin/users/<_>")]
pub(in crate::api) async fn get(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
    known: IfNoneMatch<'_>,
) -> Result<ApiResponse, Problem> {
    let (user_ref, users) = (admin.user_ref(), admin.administration().users());
    let found = match user_ref {
        UserRef::Id { id, .. } => users.user(id).await,
        UserRef::Email(address) => users.user_by_email(address).await,
        UserRef::Invalid(_) => return Err(user_ref.not_found()),
    };
    let user = found.map_err(|error| user_ref.problem(error))?;
    Ok(if known.has(user.version) { ApiResponse::not_modified(user.version) } else { ApiResponse::account(&user) })
}
