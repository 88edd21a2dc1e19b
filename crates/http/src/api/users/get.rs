//! `GET /api/users/<id or e-mail>`: one user.

use std::borrow::Cow;

use crate::api::prelude::*;
use crate::api::views::UserView;

#[get("/api/users/<_>")]
pub(super) async fn get(auth: Authorized<'_, ReadUser>, known: IfNoneMatch<'_>) -> Result<ApiResponse, Problem> {
    let user = match auth.own_session() {
        Some(own) => Cow::Borrowed(&own.user),
        None => Cow::Owned(auth.user_ref.find(&auth.services.users).await?),
    };
    if known.has(user.version) {
        return Ok(ApiResponse::not_modified(user.version));
    }
    Ok(ApiResponse::versioned(user.version, &UserView::of(&user)))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc::new("get_user", "Get a user by id or e-mail")
        .description(
            "A UUID in any spelling is an id. A value with an `@` is a complete e-mail, in any spelling; \
                      encode `%` as `%25` and `/` as `%2F`. Any other value returns 404.",
        )
        .response(ResponseDoc::view::<UserView>("The user", examples::user()).with_header("ETag"))
        .response(ResponseDoc::empty(304, "The client already has this version").with_header("ETag"))
        .problems([ProblemKind::UserNotFound])
}
