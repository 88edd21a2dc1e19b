//! `GET /admin/version`: the version of userd.

use crate::api::prelude::*;

/// The version of the service.
#[derive(Serialize, ToSchema)]
#[schema(as = Version)]
struct VersionView<'a> {
    /// The version of userd.
    version: &'a str,
}

#[get("/admin/version")]
pub(super) async fn version(
    _admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
) -> Result<ApiResponse, Problem> {
    Ok(ApiResponse::json(&VersionView { version: env!("CARGO_PKG_VERSION") }))
}

pub(super) fn doc() -> OperationDoc {
    let version = json!({ "version": env!("CARGO_PKG_VERSION") });
    OperationDoc::new("get_version", "Get the version")
        .description("The version of userd.")
        .response(ResponseDoc::view::<VersionView>("The version", version))
}
