//! `GET /admin/users/<id>/events`: the events of an account, the newest first.

use super::pages::PageView;
use crate::api::prelude::*;
use userd_core::AccountEvent;
use userd_service::PageRequest;

/// An event of an account. Unknown values are null.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    /// The kind of event, such as `signed-in`.
    pub kind: String,
    /// When it happened.
    #[schema(format = DateTime)]
    pub at: String,
    /// The client's address.
    #[schema(required)]
    pub address: Option<String>,
    /// The actor: `session:<id>` or `key:<id>`.
    #[schema(required)]
    pub by: Option<String>,
}

impl EventView {
    /// The view of `event`.
    #[must_use]
    pub fn of(event: &AccountEvent) -> Self {
        Self {
            kind: event.kind.to_string(),
            at: event.at.to_string(),
            address: event.actor.address.map(|address| address.to_string()),
            by: Some(event.actor.principal.to_string()).filter(|by| !by.is_empty()),
        }
    }
}

#[get("/admin/users/<_>/events")]
pub(super) async fn list(
    admin: Authorized<'_, Administer>,
    query: ValidatedQuery<PageRequest>,
) -> Result<ApiResponse, Problem> {
    let user_ref = admin.user_ref;
    let page = admin.services.admin.events(user_ref.id()?, query.0).await;
    let page = page.map_err(|error| user_ref.problem(error))?;
    Ok(ApiResponse::json(&PageView::new(&page, EventView::of)))
}

pub(super) fn doc() -> OperationDoc {
    let event = json!({ "kind": "signed-up", "at": "2026-11-22T14:31:02.007Z", "address": "203.0.113.9", "by": null });
    OperationDoc::new("list_account_events", "List the events of an account")
        .description("Newest first. Retained events of a deleted user are listed too.")
        .response(ResponseDoc::page::<EventView>("A page of events", &event))
        .problems([ProblemKind::UserNotFound])
}
