//! `GET /admin/users`: users in pages, by sign-up or by the beginning of their e-mail.

use rocket::get;

use crate::admin_view::{ListedView, PageView};
use crate::answer::Answer;
use crate::callers::Administrator;
use crate::problem::Problem;
use crate::queries::Query;
use userd_service::UsersWanted;

#[get("/admin/users")]
pub(super) async fn list(admin: Administrator<'_>, wanted: Query<UsersWanted>) -> Result<Answer, Problem> {
    let page = admin.administration().list(wanted.0).await?;
    Ok(Answer::json(&PageView::new(&page, ListedView::of)))
}
