//! `GET /admin/users/<id>/events`: what happened to an account, the last event first.

use rocket::get;

use crate::admin_view::{EventView, PageView};
use crate::answer::Answer;
use crate::callers::Administrator;
use crate::problem::Problem;
use crate::queries::Query;
use userd_service::Wanted;

#[get("/admin/users/<_>/events")]
pub(super) async fn list(admin: Administrator<'_>, wanted: Query<Wanted>) -> Result<Answer, Problem> {
    let key = admin.key();
    let page = admin.administration().events(key.id()?, wanted.0).await;
    let page = page.map_err(|error| key.problem(error))?;
    Ok(Answer::json(&PageView::new(&page, EventView::of)))
}
