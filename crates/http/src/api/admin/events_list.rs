//! `GET /admin/users/<id>/events`: the events of an account, the newest first.

use std::net::IpAddr;

use super::pages::PageView;
use crate::api::prelude::*;
use userd_core::{AccountEvent, Timestamp};
use userd_service::PageRequest;

/// An event of an account. Unknown values are null.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
struct EventView<'a> {
    /// The kind of event, such as `signed-in`.
    kind: &'a str,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    at: DisplayText<Timestamp>,
    /// The client's address.
    #[schema(value_type = Option<String>, required)]
    address: Option<IpAddr>,
    /// The actor: `session:<id>` or `key:<id>`.
    #[schema(required)]
    by: Option<String>,
}

impl<'a> EventView<'a> {
    fn of(event: &'a AccountEvent) -> Self {
        Self {
            kind: event.kind.as_str(),
            at: DisplayText(event.at),
            address: event.actor.address,
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
