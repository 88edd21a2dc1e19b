//! `POST /admin/users`: somebody is made a user, if wanted with a password that they have to change.

use rocket::post;

use crate::http::answer::Answer;
use crate::http::body::Body;
use crate::http::callers::Administrator;
use crate::http::problem::Problem;
use crate::http::queries::{Nothing, Query};
use crate::service::NewAccount;

#[post("/admin/users", data = "<body>")]
pub(in crate::http::api) async fn create(
    admin: Administrator<'_>,
    _query: Query<Nothing>,
    body: Body<NewAccount>,
) -> Result<Answer, Problem> {
    Ok(Answer::account(&admin.administration().create(body.0, &admin.client()).await?))
}
