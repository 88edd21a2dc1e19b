//! `PUT /admin/users/<id>/password`: a user gets a password from somebody else; all their sessions end.

use rocket::put;

use crate::answer::Answer;
use crate::body::Body;
use crate::callers::Administrator;
use crate::conditions::IfMatch;
use crate::problem::Problem;
use crate::queries::{Nothing, Query};
use userd_service::GivenPassword;

#[put("/admin/users/<_>/password", data = "<body>")]
pub(in crate::api) async fn set(
    admin: Administrator<'_>,
    _query: Query<Nothing>,
    wanted: IfMatch,
    body: Body<GivenPassword>,
) -> Result<Answer, Problem> {
    let key = admin.key();
    let user = admin.administration().set_password(key.id()?, body.0, &wanted.0, &admin.client()).await;
    Ok(Answer::account(&user.map_err(|error| key.problem(error))?))
}
