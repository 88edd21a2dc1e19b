//! `GET /admin/users/<id>/sessions`: the sessions of a user, all on one page: `session.per_user_max` bounds them.

use super::pages::PageView;
use crate::api::prelude::*;
use crate::api::views::SessionView;

#[get("/admin/users/<_>/sessions")]
pub(super) async fn list(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
) -> Result<ApiResponse, Problem> {
    let (user_ref, sessions) = (admin.user_ref, &admin.services.sessions);
    let found = sessions.list(user_ref.id()?).await.map_err(|error| user_ref.problem(error))?;
    let views = found.iter().map(|session| SessionView::new(session, sessions.expires_at(session), None));
    Ok(ApiResponse::json(&PageView::single_page(views.collect())))
}

pub(super) fn doc() -> OperationDoc {
    let sessions = ResponseDoc::page::<SessionView>("The sessions, all on one page", &examples::session(false));
    OperationDoc::new("list_account_sessions", "List the sessions of a user")
        .description("The active sessions, always on one page.")
        .response(sessions)
        .problems([ProblemKind::UserNotFound])
}
