//! `DELETE /api/session`: somebody signs out. Their browser forgets the cookie, if it had one.

use rocket::delete;

use crate::answer::Answer;
use crate::callers::SigningOut;
use crate::problem::Problem;
use userd_core::UserId;

#[delete("/api/session")]
pub(super) async fn end(who: SigningOut<'_>) -> Result<Answer, Problem> {
    let signed_in = who.signed_in;
    let (user, session): (UserId, _) = (signed_in.user().id, signed_in.session().id);
    match signed_in.sessions().end(user, session, &signed_in.client()).await {
        // Ended from elsewhere in the meantime: what was wanted.
        Ok(()) | Err(userd_service::Error::UnknownSession) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(Answer::json(&"Signed out").with_cookie(who.cookies.forget_session()))
}
