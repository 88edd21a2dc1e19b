//! `DELETE /api/users/<id>`: a user is forgotten; the password proves who asks.

use std::sync::Arc;

use rocket::{State, delete};

use crate::domain::Client;
use crate::http::answer::Answer;
use crate::http::body::Body;
use crate::http::conditions::IfMatch;
use crate::http::problem::Problem;
use crate::http::user_key::UserKey;
use crate::service::{Removal, Users};

#[delete("/api/users/<key>", data = "<body>")]
pub(super) async fn delete(
    key: UserKey<'_>,
    wanted: IfMatch,
    body: Body<Removal>,
    users: &State<Arc<Users>>,
) -> Result<Answer, Problem> {
    let deleted = users.delete(key.id()?, &body.0, &wanted.0, Client::nobody()).await;
    Ok(Answer::former_user(&deleted.map_err(|error| key.problem(error))?))
}
