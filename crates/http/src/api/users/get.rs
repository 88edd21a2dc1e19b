//! `GET /api/users/<id or e-mail>`: one user.

use std::borrow::Cow;

use rocket::get;

use crate::auth::{Authorized, ReadUser};
use crate::conditions::IfNoneMatch;
use crate::problem::Problem;
use crate::response::ApiResponse;
use crate::user_ref::UserRef;

#[get("/api/users/<_>")]
pub(super) async fn get(auth: Authorized<'_, ReadUser>, known: IfNoneMatch<'_>) -> Result<ApiResponse, Problem> {
    let found = match (auth.own_session(), auth.user_ref()) {
        (Some(own), _) => Ok(Cow::Borrowed(&own.user)),
        (None, UserRef::Id { id, .. }) => auth.users().user(id).await.map(Cow::Owned),
        (None, UserRef::Email(address)) => auth.users().user_by_email(address).await.map(Cow::Owned),
        (None, user_ref @ UserRef::Invalid(_)) => return Err(user_ref.not_found()),
    };
    let user = found.map_err(|error| auth.user_ref().problem(error))?;
    Ok(if known.has(user.version) { ApiResponse::not_modified(user.version) } else { ApiResponse::user(&user) })
}
