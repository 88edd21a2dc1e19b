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

impl<'a> StatsView<'a> {
    fn of(stats: &'a ServiceStats) -> Self {
        Self { users: stats.users, store: stats.store, version: stats.version }
    }
}

#[get("/admin/stats")]
pub(super) async fn stats(
    admin: Authorized<'_, Administer>,
    _query: ValidatedQuery<NoQuery>,
) -> Result<ApiResponse, Problem> {
    Ok(ApiResponse::json(&StatsView::of(&admin.administration().stats().await?)))
}

pub(super) fn doc() -> OperationDoc {
    let stats = json!({ "users": 1, "store": "sqlite", "version": env!("CARGO_PKG_VERSION") });
    OperationDoc {
        operation_id: "get_stats",
        tag: "admin",
        summary: "Get service statistics",
        description: "The number of users, the kind of the store, and the version of userd.",
        responses: vec![ResponseDoc::view::<StatsView>("The statistics", stats)],
        ..OperationDoc::default()
    }
}
