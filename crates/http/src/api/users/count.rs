//! `GET /api/users`: the number of users, as a list of one number.

use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};

use crate::api::prelude::*;

#[get("/api/users")]
pub(super) async fn count(auth: Authorized<'_, CountUsers>) -> Result<ApiResponse, Problem> {
    Ok(ApiResponse::json(&[auth.services.users.count().await?]))
}

pub(super) fn doc() -> OperationDoc {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build();
    let count = ArrayBuilder::new().items(number).min_items(Some(1)).max_items(Some(1)).build();
    OperationDoc::new("count_users", "Count users")
        .description("Returns the number of users, as an array of one number.")
        .response(ResponseDoc::json("The number of users", count, json!([1])))
}
