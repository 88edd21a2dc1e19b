//! `DELETE /api/users/<id>/sessions/<session id>`: one session of a user is ended.

use rocket::delete;

use crate::answer::Answer;
use crate::callers::MayEndSessions;
use crate::problem::Problem;

#[delete("/api/users/<_>/sessions/<_>")]
pub(super) async fn end_one(may: MayEndSessions<'_>) -> Result<Answer, Problem> {
    let key = may.key();
    let ended = may.sessions().end(key.id()?, may.session()?, &may.client()).await;
    ended.map_err(|error| key.problem(error))?;
    Ok(Answer::json(&"Session ended"))
}
