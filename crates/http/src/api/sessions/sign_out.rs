//! `DELETE /api/session`: somebody signs out. Their browser forgets the cookie, if it had one.

use rocket::delete;

use crate::auth::SignOutAuth;
use crate::problem::Problem;
use crate::response::ApiResponse;
use userd_core::UserId;

#[delete("/api/session")]
pub(super) async fn sign_out(auth: SignOutAuth<'_>) -> Result<ApiResponse, Problem> {
    let session_auth = auth.session_auth;
    let (user, session): (UserId, _) = (session_auth.user().id, session_auth.session().id);
    match session_auth.sessions().revoke(user, session, &session_auth.actor()).await {
        // Ended from elsewhere in the meantime: what was wanted.
        Ok(()) | Err(userd_service::Error::UnknownSession) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(ApiResponse::json(&"Signed out").with_cookie(auth.cookies.clear_session()))
}
