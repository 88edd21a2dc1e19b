//! `PATCH /api/users/<id>`: a user takes another password; the old one proves who asks. All their sessions end but the
//! one that asks.

use rocket::patch;

use crate::answer::Answer;
use crate::body::Body;
use crate::callers::MayChange;
use crate::conditions::IfMatch;
use crate::problem::Problem;
use userd_service::NewPassword;

#[patch("/api/users/<_>", data = "<body>")]
pub(super) async fn change(may: MayChange<'_>, wanted: IfMatch, body: Body<NewPassword>) -> Result<Answer, Problem> {
    let key = may.key();
    let changed = may.users().change_password(key.id()?, &body.0, &wanted.0, &may.client()).await;
    changed.map_err(|error| key.problem(error))?;
    Ok(Answer::json(&"Password updated"))
}
