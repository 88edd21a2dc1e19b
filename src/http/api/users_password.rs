//! `PATCH /api/users/<id>`: a user takes another password; the old one proves who asks.

use std::sync::Arc;

use rocket::{State, patch};

use crate::domain::Client;
use crate::http::answer::Answer;
use crate::http::body::Body;
use crate::http::conditions::IfMatch;
use crate::http::problem::Problem;
use crate::http::user_key::UserKey;
use crate::service::{NewPassword, Users};

#[patch("/api/users/<key>", data = "<body>")]
pub(super) async fn change(
    key: UserKey<'_>,
    wanted: IfMatch,
    body: Body<NewPassword>,
    users: &State<Arc<Users>>,
) -> Result<Answer, Problem> {
    let changed = users.change_password(key.id()?, &body.0, &wanted.0, Client::nobody()).await;
    changed.map_err(|error| key.problem(error))?;
    Ok(Answer::json(&"Password updated"))
}
