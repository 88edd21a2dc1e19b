//! `DELETE /admin/users/<id>`: deletes a user without the user's password.

use super::views::AccountView;
use crate::api::prelude::*;

#[delete("/admin/users/<_>")]
pub(super) async fn delete(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
    if_match: IfMatch,
) -> Result<ApiResponse, Problem> {
    let user_ref = admin.user_ref;
    let deleted = admin.services.admin.delete(user_ref.id()?, &if_match.0, &admin.actor()).await;
    Ok(ApiResponse::json(&AccountView::of(&deleted.map_err(|error| user_ref.problem(error))?)))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc::new("delete_account", "Delete a user")
        .description(
            "Does not require the user's password. All sessions are revoked, and the e-mail can be used \
                      again.",
        )
        .response(ResponseDoc::view::<AccountView>("The deleted user", examples::account()))
        .problems([ProblemKind::UserNotFound, ProblemKind::Contended])
}
