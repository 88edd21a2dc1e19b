//! `GET /admin/users/<id>/sessions`: where a user is signed in. All at once: `session.per_user_max` bounds them.

use rocket::get;

use crate::admin_view::PageView;
use crate::auth::{Administer, Authorized};
use crate::problem::Problem;
use crate::query::{NoQuery, ValidatedQuery};
use crate::response::ApiResponse;
use crate::view::SessionView;

#[get("/admin/users/<_>/sessions")]
pub(in crate::api) async fn list(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
) -> Result<ApiResponse, Problem> {
    let (user_ref, sessions) = (admin.user_ref(), admin.sessions());
    let found = sessions.list(user_ref.id()?).await.map_err(|error| user_ref.problem(error))?;
    let views = found.iter().map(|session| SessionView::new(session, sessions, None));
    Ok(ApiResponse::json(&PageView::single_page(views.collect())))
}
