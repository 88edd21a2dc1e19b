//! `POST /api/users`: somebody signs up.

use rocket::post;

use crate::http::answer::Answer;
use crate::http::body::Body;
use crate::http::callers::MaySignUp;
use crate::http::problem::Problem;
use crate::service::SignUp;

#[post("/api/users", data = "<body>")]
pub(super) async fn create(may: MaySignUp<'_>, body: Body<SignUp>) -> Result<Answer, Problem> {
    Ok(Answer::user(&may.users().sign_up(body.0, &may.client()).await?))
}
