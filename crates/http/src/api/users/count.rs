//! `GET /api/users`: how many users there are, as a list of one number.

use rocket::get;

use crate::auth::{Authorized, CountUsers};
use crate::problem::Problem;
use crate::response::ApiResponse;

#[get("/api/users")]
pub(super) async fn count(auth: Authorized<'_, CountUsers>) -> Result<ApiResponse, Problem> {
    Ok(ApiResponse::json(&[auth.users().count().await?]))
}
