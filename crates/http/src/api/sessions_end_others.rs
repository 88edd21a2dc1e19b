//! `DELETE /api/users/<id>/sessions`: all sessions of a user are ended but the one that asks.

use rocket::delete;

use crate::answer::Answer;
use crate::callers::MayEndSessions;
use crate::problem::Problem;

#[delete("/api/users/<_>/sessions")]
pub(super) async fn end_others(may: MayEndSessions<'_>) -> Result<Answer, Problem> {
    let key = may.key();
    let ended = may.sessions().end_others(key.id()?, &may.client()).await;
    ended.map_err(|error| key.problem(error))?;
    Ok(Answer::json(&"Other sessions ended"))
}
