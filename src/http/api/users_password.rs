//! `PATCH /api/users/<id>`: a user takes another password; the old one proves who asks. All their sessions end but the
//! one that asks.

use rocket::patch;

use crate::http::answer::Answer;
use crate::http::body::Body;
use crate::http::callers::MayChange;
use crate::http::conditions::IfMatch;
use crate::http::problem::Problem;
use crate::service::NewPassword;

#[patch("/api/users/<_>", data = "<body>")]
pub(super) async fn change(may: MayChange<'_>, wanted: IfMatch, body: Body<NewPassword>) -> Result<Answer, Problem> {
    let key = may.key();
    let changed = may.users().change_password(key.id()?, &body.0, &wanted.0, &may.client()).await;
    changed.map_err(|error| key.problem(error))?;
    Ok(Answer::json(&"Password updated"))
}
