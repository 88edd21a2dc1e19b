//! `GET /api/users`: how many users there are, as a list of one number.

use rocket::get;

use crate::answer::Answer;
use crate::callers::MayCount;
use crate::problem::Problem;

#[get("/api/users")]
pub(super) async fn count(may: MayCount<'_>) -> Result<Answer, Problem> {
    Ok(Answer::json(&[may.users().count().await?]))
}
