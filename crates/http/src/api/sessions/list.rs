//! `GET /api/users/<id>/sessions`: where a user is signed in.

use rocket::get;

use crate::auth::{Authorized, ReadSessions};
use crate::problem::Problem;
use crate::response::ApiResponse;
use crate::view::{SessionListView, SessionView};

#[get("/api/users/<_>/sessions")]
pub(super) async fn list(auth: Authorized<'_, ReadSessions>) -> Result<ApiResponse, Problem> {
    let user_ref = auth.user_ref();
    let sessions = auth.sessions().list(user_ref.id()?).await.map_err(|error| user_ref.problem(error))?;
    let current = auth.own_session().map(|own| own.session.id);
    let views = sessions.iter().map(|session| SessionView::new(session, auth.sessions(), current));
    Ok(ApiResponse::json(&SessionListView { sessions: views.collect() }))
}
