//! `PUT /api/users/<id>`: a user takes another name or e-mail; the password proves who asks.

use std::sync::Arc;

use rocket::{State, put};

use crate::domain::Client;
use crate::http::answer::Answer;
use crate::http::body::Body;
use crate::http::conditions::IfMatch;
use crate::http::problem::Problem;
use crate::http::user_key::UserKey;
use crate::service::{Replacement, Users};

#[put("/api/users/<key>", data = "<body>")]
pub(super) async fn replace(
    key: UserKey<'_>,
    wanted: IfMatch,
    body: Body<Replacement>,
    users: &State<Arc<Users>>,
) -> Result<Answer, Problem> {
    let user = users.replace_profile(key.id()?, &body.0, &wanted.0, Client::nobody()).await;
    Ok(Answer::user(&user.map_err(|error| key.problem(error))?))
}
