//! `DELETE /admin/users/<id>/sessions/<session id>`: one session of a user is ended.

use rocket::delete;

use crate::answer::Answer;
use crate::callers::Administrator;
use crate::problem::Problem;
use crate::queries::{Nothing, Query};

#[delete("/admin/users/<_>/sessions/<_>")]
pub(in crate::api) async fn end_one(admin: Administrator<'_>, _query: Query<Nothing>) -> Result<Answer, Problem> {
    let key = admin.key();
    let ended = admin.sessions().end(key.id()?, admin.session()?, &admin.client()).await;
    ended.map_err(|error| key.problem(error))?;
    Ok(Answer::json(&"Session ended"))
}
