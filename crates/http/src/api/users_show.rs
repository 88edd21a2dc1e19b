//! `GET /api/users/<id or e-mail>`: one user.

use std::borrow::Cow;

use rocket::get;

use crate::answer::Answer;
use crate::callers::MayRead;
use crate::conditions::IfNoneMatch;
use crate::problem::Problem;
use crate::user_key::UserKey;

#[get("/api/users/<_>")]
pub(super) async fn show(may: MayRead<'_>, known: IfNoneMatch<'_>) -> Result<Answer, Problem> {
    let found = match (may.own(), may.key()) {
        (Some(user), _) => Ok(Cow::Borrowed(user)),
        (None, UserKey::Id { id, .. }) => may.users().user(id).await.map(Cow::Owned),
        (None, UserKey::Email(address)) => may.users().user_by_email(address).await.map(Cow::Owned),
        (None, key @ UserKey::Other(_)) => return Err(key.not_found()),
    };
    let user = found.map_err(|error| may.key().problem(error))?;
    Ok(if known.has(user.version) { Answer::not_modified(user.version) } else { Answer::user(&user) })
}
