//! `GET /admin/users/<id or e-mail>`: one user with the account's status.

use super::views::AccountView;
use crate::api::prelude::*;
use crate::user_ref::UserRef;

#[get("/admin/users/<_>")]
pub(super) async fn get(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
    known: IfNoneMatch<'_>,
) -> Result<ApiResponse, Problem> {
    let (user_ref, users) = (admin.user_ref(), admin.administration().users());
    let found = match user_ref {
        UserRef::Id { id, .. } => users.user(id).await,
        UserRef::Email(address) => users.user_by_email(address).await,
        UserRef::Invalid(_) => return Err(user_ref.not_found()),
    };
    let user = found.map_err(|error| user_ref.problem(error))?;
    if known.has(user.version) {
        return Ok(ApiResponse::not_modified(user.version));
    }
    Ok(ApiResponse::versioned(user.version, &AccountView::of(&user)))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc {
        operation_id: "get_account",
        tag: "admin",
        summary: "Get a user by id or e-mail",
        description: "Includes the account status. Any value that is neither an id nor an e-mail returns 404.",
        responses: vec![
            ResponseDoc::view::<AccountView>("The user", examples::account()).with_header("ETag"),
            ResponseDoc::empty(304, "The client already has this version").with_header("ETag"),
        ],
        problems: vec![ProblemKind::UserNotFound],
        ..OperationDoc::default()
    }
}
