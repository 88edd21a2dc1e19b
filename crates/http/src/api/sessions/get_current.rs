//! `GET /api/session`: the caller's session and user.

use crate::api::prelude::*;
use crate::api::views::{SessionView, UserView};

/// Who is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = CurrentSession)]
struct CurrentSessionView<'a> {
    /// Who.
    user: UserView<'a>,
    /// By which session.
    session: SessionView<'a>,
}

#[get("/api/session")]
#[expect(clippy::needless_pass_by_value, reason = "Rocket hands guards over by value")]
pub(super) fn get_current(auth: Authorized<'_, UseSession>) -> Result<ApiResponse, Problem> {
    let current = auth.require_session()?;
    let expires_at = auth.sessions().expires_at(&current.session);
    let session = SessionView::new(&current.session, expires_at, Some(current.session.id));
    Ok(ApiResponse::json(&CurrentSessionView { user: UserView::of(&current.user), session }))
}

pub(super) fn doc() -> OperationDoc {
    let current = json!({ "user": examples::user(), "session": examples::session(true) });
    OperationDoc {
        operation_id: "get_current_session",
        tag: "sessions",
        summary: "Who is signed in",
        description: "The user and the session that ask.",
        responses: vec![ResponseDoc::view::<CurrentSessionView>("User and session", current)],
        ..OperationDoc::default()
    }
}
