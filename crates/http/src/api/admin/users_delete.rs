//! `DELETE /admin/users/<id>`: a user is forgotten, without their password.

use rocket::delete;

use crate::answer::Answer;
use crate::callers::Administrator;
use crate::conditions::IfMatch;
use crate::problem::Problem;
use crate::queries::{Nothing, Query};

#[delete("/admin/users/<_>")]
pub(in crate::api) async fn delete(
    admin: Administrator<'_>,
    _query: Query<Nothing>,
    wanted: IfMatch,
) -> Result<Answer, Problem> {
    let key = admin.key();
    let deleted = admin.administration().delete(key.id()?, &wanted.0, &admin.client()).await;
    Ok(Answer::former_account(&deleted.map_err(|error| key.problem(error))?))
}
