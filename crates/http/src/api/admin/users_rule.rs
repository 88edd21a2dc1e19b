//! `PATCH /admin/users/<id>`: an account is shut or opened, its password declared expired or not.

use rocket::patch;

use crate::answer::Answer;
use crate::body::Body;
use crate::callers::Administrator;
use crate::conditions::IfMatch;
use crate::problem::Problem;
use crate::queries::{Nothing, Query};
use userd_service::NewStanding;

#[patch("/admin/users/<_>", data = "<body>")]
pub(in crate::api) async fn rule(
    admin: Administrator<'_>,
    _query: Query<Nothing>,
    wanted: IfMatch,
    body: Body<NewStanding>,
) -> Result<Answer, Problem> {
    let key = admin.key();
    let user = admin.administration().rule(key.id()?, body.0, &wanted.0, &admin.client()).await;
    Ok(Answer::account(&user.map_err(|error| key.problem(error))?))
}
