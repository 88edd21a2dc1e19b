//! `GET /api/users`: how many users there are, as a list of one number.

use std::sync::Arc;

use rocket::{State, get};

use crate::http::answer::Answer;
use crate::http::problem::Problem;
use crate::service::Users;

#[get("/api/users")]
pub(super) async fn count(users: &State<Arc<Users>>) -> Result<Answer, Problem> {
    Ok(Answer::json(&[users.count().await?]))
}
