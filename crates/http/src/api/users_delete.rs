//! `DELETE /api/users/<id>`: a user is forgotten; the password proves who asks.

use rocket::delete;

use crate::answer::Answer;
use crate::body::Body;
use crate::callers::MayChange;
use crate::conditions::IfMatch;
use crate::problem::Problem;
use userd_service::Removal;

#[delete("/api/users/<_>", data = "<body>")]
pub(super) async fn delete(may: MayChange<'_>, wanted: IfMatch, body: Body<Removal>) -> Result<Answer, Problem> {
    let key = may.key();
    let deleted = may.users().delete(key.id()?, &body.0, &wanted.0, &may.client()).await;
    Ok(Answer::former_user(&deleted.map_err(|error| key.problem(error))?))
}
