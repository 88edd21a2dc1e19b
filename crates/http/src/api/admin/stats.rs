//! `GET /admin/stats`: how many users there are, in what, served by which version.

use rocket::get;

use crate::admin_view::StatsView;
use crate::auth::{Administer, Authorized};
use crate::problem::Problem;
use crate::query::{NoQuery, ValidatedQuery};
use crate::response::ApiResponse;

#[get("/admin/stats")]
pub(super) async fn stats(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
) -> Result<ApiResponse, Problem> {
    Ok(ApiResponse::json(&StatsView::of(&admin.administration().stats().await?)))
}
