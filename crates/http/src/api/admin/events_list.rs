//! `GET /admin/users/<id>/events`: what happened to an account, the last event first.

use rocket::get;

use crate::admin_view::{EventView, PageView};
use crate::auth::{Administer, Authorized};
use crate::problem::Problem;
use crate::query::ValidatedQuery;
use crate::response::ApiResponse;
use userd_service::PageRequest;

#[get("/admin/users/<_>/events")]
pub(super) async fn list(
    admin: Authorized<'_, Administer>,
    query: ValidatedQuery<PageRequest>,
) -> Result<ApiResponse, Problem> {
    let user_ref = admin.user_ref();
    let page = admin.administration().events(user_ref.id()?, query.0).await;
    let page = page.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::json(&PageView::new(&page, EventView::of)))
}
