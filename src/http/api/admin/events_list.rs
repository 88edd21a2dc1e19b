//! `GET /admin/users/<id>/events`: what happened to an account, the last event first.

use rocket::get;

use crate::http::admin_view::{EventView, PageView};
use crate::http::answer::Answer;
use crate::http::callers::Administrator;
use crate::http::problem::Problem;
use crate::http::queries::Query;
use crate::service::Wanted;

#[get("/admin/users/<_>/events")]
pub(super) async fn list(admin: Administrator<'_>, wanted: Query<Wanted>) -> Result<Answer, Problem> {
    let key = admin.key();
    let page = admin.administration().events(key.id()?, wanted.0).await;
    let page = page.map_err(|error| key.problem(error))?;
    Ok(Answer::json(&PageView::new(&page, EventView::of)))
}
