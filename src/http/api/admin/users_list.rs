//! `GET /admin/users`: users in pages, by sign-up or by the beginning of their e-mail.

use rocket::get;

use crate::http::admin_view::{ListedView, PageView};
use crate::http::answer::Answer;
use crate::http::callers::Administrator;
use crate::http::problem::Problem;
use crate::http::queries::Query;
use crate::service::UsersWanted;

#[get("/admin/users")]
pub(super) async fn list(admin: Administrator<'_>, wanted: Query<UsersWanted>) -> Result<Answer, Problem> {
    let page = admin.administration().list(wanted.0).await?;
    Ok(Answer::json(&PageView::new(&page, ListedView::of)))
}
