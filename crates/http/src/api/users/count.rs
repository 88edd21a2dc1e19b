//! `GET /api/users`: the number of users, as a list of one number.

use crate::api::prelude::*;

#[get("/api/users")]
pub(super) async fn count(auth: Authorized<'_, CountUsers>) -> Result<ApiResponse, Problem> {
    Ok(ApiResponse::json(&[auth.services.users.count().await?]))
}

pub(super) fn doc() -> OperationDoc {
    let number = json!({ "type": "integer", "minimum": 0 });
    let count = json!({ "type": "array", "items": number, "minItems": 1, "maxItems": 1 });
    OperationDoc::new("count_users", "Count users")
        .description("Returns the number of users, as an array of one number.")
        .response(ResponseDoc::json("The number of users", count, json!([1])))
}
