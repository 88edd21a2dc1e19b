//! `GET /admin/users/<id or e-mail>`: one user, with what was ruled about the account.

use rocket::get;

use crate::answer::Answer;
use crate::callers::Administrator;
use crate::conditions::IfNoneMatch;
use crate::problem::Problem;
use crate::queries::{Nothing, Query};
use crate::user_key::UserKey;

#[get("/admin/users/<_>")]
pub(in crate::api) async fn show(
    admin: Administrator<'_>,
    _query: Query<Nothing>,
    known: IfNoneMatch<'_>,
) -> Result<Answer, Problem> {
    let (key, users) = (admin.key(), admin.administration().users());
    let found = match key {
        UserKey::Id { id, .. } => users.user(id).await,
        UserKey::Email(address) => users.user_by_email(address).await,
        UserKey::Other(_) => return Err(key.not_found()),
    };
    let user = found.map_err(|error| key.problem(error))?;
    Ok(if known.has(user.version) { Answer::not_modified(user.version) } else { Answer::account(&user) })
}
