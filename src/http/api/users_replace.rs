//! `PUT /api/users/<id>`: a user takes another name or e-mail; the password proves who asks.

use rocket::put;

use crate::http::answer::Answer;
use crate::http::body::Body;
use crate::http::callers::MayChange;
use crate::http::conditions::IfMatch;
use crate::http::problem::Problem;
use crate::service::Replacement;

#[put("/api/users/<_>", data = "<body>")]
pub(super) async fn replace(may: MayChange<'_>, wanted: IfMatch, body: Body<Replacement>) -> Result<Answer, Problem> {
    let key = may.key();
    let user = may.users().replace_profile(key.id()?, &body.0, &wanted.0, &may.client()).await;
    Ok(Answer::user(&user.map_err(|error| key.problem(error))?))
}
