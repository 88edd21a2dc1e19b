//! `GET /api/users`: how many users there are, as a list of one number.

use rocket::get;

use crate::http::answer::Answer;
use crate::http::callers::MayCount;
use crate::http::problem::Problem;

#[get("/api/users")]
pub(super) async fn count(may: MayCount<'_>) -> Result<Answer, Problem> {
    Ok(Answer::json(&[may.users().count().await?]))
}
