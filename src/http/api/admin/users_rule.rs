//! `PATCH /admin/users/<id>`: an account is shut or opened, its password declared expired or not.

use rocket::patch;

use crate::http::answer::Answer;
use crate::http::body::Body;
use crate::http::callers::Administrator;
use crate::http::conditions::IfMatch;
use crate::http::problem::Problem;
use crate::http::queries::{Nothing, Query};
use crate::service::NewStanding;

#[patch("/admin/users/<_>", data = "<body>")]
pub(in crate::http::api) async fn rule(
    admin: Administrator<'_>,
    _query: Query<Nothing>,
    wanted: IfMatch,
    body: Body<NewStanding>,
) -> Result<Answer, Problem> {
    let key = admin.key();
    let user = admin.administration().rule(key.id()?, body.0, &wanted.0, &admin.client()).await;
    Ok(Answer::account(&user.map_err(|error| key.problem(error))?))
}
