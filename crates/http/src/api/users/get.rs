//! `GET /api/users/<id or e-mail>`: one user.

use std::borrow::Cow;

use crate::api::prelude::*;
use crate::api::views::UserView;
use crate::user_ref::UserRef;

#[get("/api/users/<_>")]
pub(super) async fn get(auth: Authorized<'_, ReadUser>, known: IfNoneMatch<'_>) -> Result<ApiResponse, Problem> {
    let found = match (auth.own_session(), auth.user_ref()) {
        (Some(own), _) => Ok(Cow::Borrowed(&own.user)),
        (None, UserRef::Id { id, .. }) => auth.users().user(id).await.map(Cow::Owned),
        (None, UserRef::Email(address)) => auth.users().user_by_email(address).await.map(Cow::Owned),
        (None, user_ref @ UserRef::Invalid(_)) => return Err(user_ref.not_found()),
    };
    let user = found.map_err(|error| auth.user_ref().problem(error))?;
    if known.has(user.version) {
        return Ok(ApiResponse::not_modified(user.version));
    }
    Ok(ApiResponse::versioned(user.version, &UserView::of(&user)))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc {
        operation_id: "get_user",
        tag: "users",
        summary: "Get a user by id or e-mail",
        description: "A UUID in any spelling is an id. A value with an `@` is a complete e-mail, in any spelling; \
                      encode `%` as `%25` and `/` as `%2F`. Any other value returns 404.",
        responses: vec![
            ResponseDoc::view::<UserView>("The user", examples::user()).with_header("ETag"),
            ResponseDoc::empty(304, "The client already has this version").with_header("ETag"),
        ],
        problems: vec![ProblemKind::UserNotFound],
        ..OperationDoc::default()
    }
}
