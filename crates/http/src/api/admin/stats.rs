//! `GET /admin/stats`: how many users there are, in what, served by which version.

use rocket::get;

use crate::admin_view::StatsView;
use crate::answer::Answer;
use crate::callers::Administrator;
use crate::problem::Problem;
use crate::queries::{Nothing, Query};

#[get("/admin/stats")]
pub(super) async fn stats(admin: Administrator<'_>, _query: Query<Nothing>) -> Result<Answer, Problem> {
    Ok(Answer::json(&StatsView::of(&admin.administration().stats().await?)))
}
