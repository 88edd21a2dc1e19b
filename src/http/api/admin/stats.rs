//! `GET /admin/stats`: how many users there are, in what, served by which version.

use rocket::get;

use crate::http::admin_view::StatsView;
use crate::http::answer::Answer;
use crate::http::callers::Administrator;
use crate::http::problem::Problem;
use crate::http::queries::{Nothing, Query};

#[get("/admin/stats")]
pub(super) async fn stats(admin: Administrator<'_>, _query: Query<Nothing>) -> Result<Answer, Problem> {
    Ok(Answer::json(&StatsView::of(&admin.administration().stats().await?)))
}
