//! `GET /admin/stats`: the number of users, the store's kind, the version.

use crate::api::prelude::*;
use userd_service::ServiceStats;

/// Statistics of the service.
#[derive(Serialize, ToSchema)]
#[schema(as = Stats)]
struct StatsView<'a> {
    /// The number of users.
    users: u64,
    /// The kind of the store.
    store: &'a str,
    /// The version of userd.
    version: &'a str,
}

#[get("/admin/stats")]
pub(super) async fn stats(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
) -> Result<ApiResponse, Problem> {
    let ServiceStats { users, store, version } = admin.services.admin.stats().await?;
    Ok(ApiResponse::json(&StatsView { users, store, version }))
}

pub(super) fn doc() -> OperationDoc {
    let stats = json!({ "users": 1, "store": "sqlite", "version": env!("CARGO_PKG_VERSION") });
    OperationDoc::new("get_stats", "Get service statistics")
        .description("The number of users, the kind of the store, and the version of userd.")
        .response(ResponseDoc::view::<StatsView>("The statistics", stats))
}
