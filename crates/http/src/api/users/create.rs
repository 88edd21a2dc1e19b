//! `POST /api/users`: somebody signs up.

use rocket::post;

use crate::auth::{Authorized, SignUp};
use crate::body::ValidatedBody;
use crate::problem::Problem;
use crate::response::ApiResponse;
use userd_service::SignUpRequest;

#[post("/api/users", data = "<body>")]
pub(super) async fn create(
    auth: Authorized<'_, SignUp>,
    body: ValidatedBody<SignUpRequest>,
) -> Result<ApiResponse, Problem> {
    Ok(ApiResponse::user(&auth.users().sign_up(body.0, &auth.actor()).await?))
}
