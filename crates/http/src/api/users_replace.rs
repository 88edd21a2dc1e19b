//! `PUT /api/users/<id>`: a user takes another name or e-mail; the password proves who asks.

use rocket::put;

use crate::answer::Answer;
use crate::body::Body;
use crate::callers::MayChange;
use crate::conditions::IfMatch;
use crate::problem::Problem;
use userd_service::Replacement;

#[put("/api/users/<_>", data = "<body>")]
pub(super) async fn replace(may: MayChange<'_>, wanted: IfMatch, body: Body<Replacement>) -> Result<Answer, Problem> {
    let key = may.key();
    let user = may.users().replace_profile(key.id()?, &body.0, &wanted.0, &may.client()).await;
    Ok(Answer::user(&user.map_err(|error| key.problem(error))?))
}
