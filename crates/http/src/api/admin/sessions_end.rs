//! `DELETE /admin/users/<id>/sessions`: all sessions of a user are ended.

use rocket::delete;

use crate::answer::Answer;
use crate::callers::Administrator;
use crate::problem::Problem;
use crate::queries::{Nothing, Query};

#[delete("/admin/users/<_>/sessions")]
pub(in crate::api) async fn end(admin: Administrator<'_>, _query: Query<Nothing>) -> Result<Answer, Problem> {
    let key = admin.key();
    let ended = admin.administration().end_sessions(key.id()?, &admin.client()).await;
    ended.map_err(|error| key.problem(error))?;
    Ok(Answer::json(&"Sessions ended"))
}
