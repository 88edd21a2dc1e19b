//! `DELETE /admin/users/<id>`: a user is forgotten, without their password.

use rocket::delete;

use crate::http::answer::Answer;
use crate::http::callers::Administrator;
use crate::http::conditions::IfMatch;
use crate::http::problem::Problem;
use crate::http::queries::{Nothing, Query};

#[delete("/admin/users/<_>")]
pub(in crate::http::api) async fn delete(
    admin: Administrator<'_>,
    _query: Query<Nothing>,
    wanted: IfMatch,
) -> Result<Answer, Problem> {
    let key = admin.key();
    let deleted = admin.administration().delete(key.id()?, &wanted.0, &admin.client()).await;
    Ok(Answer::former_account(&deleted.map_err(|error| key.problem(error))?))
}
