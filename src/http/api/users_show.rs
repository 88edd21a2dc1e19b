//! `GET /api/users/<id or e-mail>`: one user.

use std::sync::Arc;

use rocket::{State, get};

use crate::http::answer::Answer;
use crate::http::conditions::IfNoneMatch;
use crate::http::problem::Problem;
use crate::http::user_key::UserKey;
use crate::service::Users;

#[get("/api/users/<key>")]
pub(super) async fn show(
    key: UserKey<'_>,
    known: IfNoneMatch<'_>,
    users: &State<Arc<Users>>,
) -> Result<Answer, Problem> {
    let found = match key {
        UserKey::Id { id, .. } => users.user(id).await,
        UserKey::Email(address) => users.user_by_email(address).await,
        UserKey::Other(_) => return Err(key.not_found()),
    };
    let user = found.map_err(|error| key.problem(error))?;
    Ok(if known.has(user.version) { Answer::not_modified(user.version) } else { Answer::user(&user) })
}
