//! `POST /admin/users`: somebody is made a user, if wanted with a password that they have to change.

use rocket::post;

use crate::answer::Answer;
use crate::body::Body;
use crate::callers::Administrator;
use crate::problem::Problem;
use crate::queries::{Nothing, Query};
use userd_service::NewAccount;

#[post("/admin/users", data = "<body>")]
pub(in crate::api) async fn create(
    admin: Administrator<'_>,
    _query: Query<Nothing>,
    body: Body<NewAccount>,
) -> Result<Answer, Problem> {
    Ok(Answer::account(&admin.administration().create(body.0, &admin.client()).await?))
}
