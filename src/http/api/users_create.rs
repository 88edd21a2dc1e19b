//! `POST /api/users`: somebody signs up.

use std::sync::Arc;

use rocket::{State, post};

use crate::domain::Client;
use crate::http::answer::Answer;
use crate::http::body::Body;
use crate::http::problem::Problem;
use crate::service::{SignUp, Users};

#[post("/api/users", data = "<body>")]
pub(super) async fn create(body: Body<SignUp>, users: &State<Arc<Users>>) -> Result<Answer, Problem> {
    Ok(Answer::user(&users.sign_up(body.0, Client::nobody()).await?))
}
