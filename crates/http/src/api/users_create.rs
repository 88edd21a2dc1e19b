//! `POST /api/users`: somebody signs up.

use rocket::post;

use crate::answer::Answer;
use crate::body::Body;
use crate::callers::MaySignUp;
use crate::problem::Problem;
use userd_service::SignUp;

#[post("/api/users", data = "<body>")]
pub(super) async fn create(may: MaySignUp<'_>, body: Body<SignUp>) -> Result<Answer, Problem> {
    Ok(Answer::user(&may.users().sign_up(body.0, &may.client()).await?))
}
