//! `GET /api/session`: who is signed in, and since when.

use rocket::get;

use crate::answer::Answer;
use crate::callers::SignedIn;
use crate::view::{SessionView, SignedInView, UserView};

#[get("/api/session")]
#[expect(clippy::needless_pass_by_value, reason = "Rocket hands guards over by value")]
pub(super) fn show(who: SignedIn<'_>) -> Answer {
    let session = SessionView::new(who.session(), who.sessions(), Some(who.session().id));
    Answer::json(&SignedInView { user: UserView::of(who.user()), session })
}
