//! `GET /admin/users/<id or e-mail>`: one user with the account's status.

use super::views::AccountView;
use crate::api::prelude::*;

#[get("/admin/users/<_>")]
pub(super) async fn get(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
    known: IfNoneMatch<'_>,
) -> Result<ApiResponse, Problem> {
    let user = admin.user_ref.find(&admin.services.users).await?;
    if known.has(user.version) {
        return Ok(ApiResponse::not_modified(user.version));
    }
    Ok(ApiResponse::versioned(user.version, &AccountView::of(&user)))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc::new("get_account", "Get a user by id or e-mail")
        .description("Includes the account status. Any value that is neither an id nor an e-mail returns 404.")
        .response(ResponseDoc::view::<AccountView>("The user", examples::account()).with_header("ETag"))
        .response(ResponseDoc::empty(304, "The client already has this version").with_header("ETag"))
        .problems([ProblemKind::UserNotFound])
}
