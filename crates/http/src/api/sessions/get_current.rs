//! `GET /api/session`: who is signed in, and since when.

use rocket::get;

use crate::auth::{Authorized, UseSession};
use crate::problem::Problem;
use crate::response::ApiResponse;
use crate::view::{CurrentSessionView, SessionView, UserView};

#[get("/api/session")]
#[expect(clippy::needless_pass_by_value, reason = "Rocket hands guards over by value")]
pub(super) fn get_current(auth: Authorized<'_, UseSession>) -> Result<ApiResponse, Problem> {
    let current = auth.require_session()?;
    let session = SessionView::new(&current.session, auth.sessions(), Some(current.session.id));
    Ok(ApiResponse::json(&CurrentSessionView { user: UserView::of(&current.user), session }))
}
