//! `DELETE /api/session`: sign-out. Clears the cookie too.

use crate::api::prelude::*;
use userd_service::Error;

#[delete("/api/session")]
pub(super) async fn sign_out(
    auth: Authorized<'_, SignOut>,
    browser: BrowserCookies<'_>,
) -> Result<ApiResponse, Problem> {
    let current = auth.require_session()?;
    match auth.services.sessions.revoke(current.user.id, current.session.id, &auth.actor()).await {
        // Revoked by another request in the meantime.
        Ok(()) | Err(Error::UnknownSession) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(ApiResponse::json(&"Signed out").with_cookie(browser.cookies.clear_session()))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc::new("sign_out", "Sign out")
        .description("Revokes the current session and clears its cookie.")
        .response(ResponseDoc::constant("Done", "Signed out").with_header("Set-Cookie"))
}
