//! `DELETE /api/session`: somebody signs out. Their browser forgets the cookie, if it had one.

use rocket::delete;

use crate::auth::{Authorized, BrowserCookies, SignOut};
use crate::problem::Problem;
use crate::response::ApiResponse;

#[delete("/api/session")]
pub(super) async fn sign_out(
    auth: Authorized<'_, SignOut>,
    browser: BrowserCookies<'_>,
) -> Result<ApiResponse, Problem> {
    let current = auth.require_session()?;
    match auth.sessions().revoke(current.user.id, current.session.id, &auth.actor()).await {
        // Ended from elsewhere in the meantime: what was wanted.
        Ok(()) | Err(userd_service::Error::UnknownSession) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(ApiResponse::json(&"Signed out").with_cookie(browser.all().clear_session()))
}
