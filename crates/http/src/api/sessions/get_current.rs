//! `GET /api/session`: who is signed in, and since when.

use rocket::get;

use crate::auth::SessionAuth;
use crate::response::ApiResponse;
use crate::view::{CurrentSessionView, SessionView, UserView};

#[get("/api/session")]
#[expect(clippy::needless_pass_by_value, reason = "Rocket hands guards over by value")]
pub(super) fn get_current(auth: SessionAuth<'_>) -> ApiResponse {
    let session = SessionView::new(auth.session(), auth.sessions(), Some(auth.session().id));
    ApiResponse::json(&CurrentSessionView { user: UserView::of(auth.user()), session })
}
