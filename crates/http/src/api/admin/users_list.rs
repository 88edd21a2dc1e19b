//! `GET /admin/users`: users in pages, by sign-up or by the beginning of their e-mail.

use rocket::get;

use crate::admin_view::{AccountListItemView, PageView};
use crate::auth::{Administer, Authorized};
use crate::problem::Problem;
use crate::query::ValidatedQuery;
use crate::response::ApiResponse;
use userd_service::UserListingRequest;

#[get("/admin/users")]
pub(super) async fn list(
    admin: Authorized<'_, Administer>,
    query: ValidatedQuery<UserListingRequest>,
) -> Result<ApiResponse, Problem> {
    let page = admin.administration().list(query.0).await?;
    Ok(ApiResponse::json(&PageView::new(&page, AccountListItemView::of)))
}
