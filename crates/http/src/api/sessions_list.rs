//! `GET /api/users/<id>/sessions`: where a user is signed in.

use rocket::get;

use crate::answer::Answer;
use crate::callers::MaySeeSessions;
use crate::problem::Problem;
use crate::view::{SessionView, SessionsView};

#[get("/api/users/<_>/sessions")]
pub(super) async fn list(may: MaySeeSessions<'_>) -> Result<Answer, Problem> {
    let key = may.key();
    let sessions = may.sessions().of_user(key.id()?).await.map_err(|error| key.problem(error))?;
    let views = sessions.iter().map(|session| SessionView::new(session, may.sessions(), may.own_session()));
    Ok(Answer::json(&SessionsView { sessions: views.collect() }))
}
