//! `GET /api/session`: the caller's session and user.

use crate::api::prelude::*;
use crate::api::views::{SessionView, UserView};

/// The authenticated user and the current session.
#[derive(Serialize, ToSchema)]
#[schema(as = CurrentSession)]
struct CurrentSessionView<'a> {
    /// The user.
    user: UserView<'a>,
    /// The session.
    session: SessionView<'a>,
}

#[get("/api/session")]
#[expect(clippy::needless_pass_by_value, reason = "Rocket hands guards over by value")]
pub(super) fn get_current(auth: Authorized<'_, UseSession>) -> Result<ApiResponse, Problem> {
    let current = auth.require_session()?;
    let expires_at = auth.services.sessions.expires_at(&current.session);
    let session = SessionView::new(&current.session, expires_at, Some(current.session.id));
    Ok(ApiResponse::json(&CurrentSessionView { user: UserView::of(&current.user), session }))
}

pub(super) fn doc() -> OperationDoc {
    let current = json!({ "user": examples::user(), "session": examples::session(true) });
    OperationDoc::new("get_current_session", "Get the current session")
        .description("The authenticated user and the session of this request.")
        .response(ResponseDoc::view::<CurrentSessionView>("User and session", current))
}
