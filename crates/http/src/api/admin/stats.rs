//! `GET /admin/stats`: the number of users, the store's kind, the version.

use crate::api::prelude::*;
use userd_service::ServiceStats;

/// Statistics of the service.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Stats)]
pub struct StatsView {
    /// The number of users.
    pub users: u64,
    /// The kind of the store.
    pub store: String,
    /// The version of userd.
    pub version: String,
}

impl StatsView {
    /// The view of `stats`.
    #[must_use]
    pub fn of(stats: &ServiceStats) -> Self {
        Self { users: stats.users, store: stats.store.to_owned(), version: stats.version.to_owned() }
    }
}

#[get("/admin/stats")]
pub(super) async fn stats(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
) -> Result<ApiResponse, Problem> {
    Ok(ApiResponse::json(&StatsView::of(&admin.services.admin.stats().await?)))
}

pub(super) fn doc() -> OperationDoc {
    let stats = json!({ "users": 1, "store": "sqlite", "version": env!("CARGO_PKG_VERSION") });
    OperationDoc::new("get_stats", "Get service statistics")
        .description("The number of users, the kind of the store, and the version of userd.")
        .response(ResponseDoc::view::<StatsView>("The statistics", stats))
}
