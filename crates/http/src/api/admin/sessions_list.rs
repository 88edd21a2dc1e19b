//! `GET /admin/users/<id>/sessions`: where a user is signed in. All at once: `session.per_user_max` bounds them.

use rocket::get;

use crate::admin_view::PageView;
use crate::answer::Answer;
use crate::callers::Administrator;
use crate::problem::Problem;
use crate::queries::{Nothing, Query};
use crate::view::SessionView;

#[get("/admin/users/<_>/sessions")]
pub(in crate::api) async fn list(admin: Administrator<'_>, _query: Query<Nothing>) -> Result<Answer, Problem> {
    let (key, sessions) = (admin.key(), admin.sessions());
    let found = sessions.of_user(key.id()?).await.map_err(|error| key.problem(error))?;
    let views = found.iter().map(|session| SessionView::new(session, sessions, None));
    Ok(Answer::json(&PageView::whole(views.collect())))
}
