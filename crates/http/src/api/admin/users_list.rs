//! `GET /admin/users`: users in pages, in sign-up order, or filtered by a prefix of the e-mail.

use super::pages::{CURSOR, LIMIT, PageView};
use super::views::AccountView;
use crate::api::prelude::*;
use userd_core::EmailPrefix;
use userd_core::input::ObjectReader;
use userd_service::{PageRequest, UserListingRequest};
use userd_store::{ListedUser, SortOrder};

const ORDER: QueryParam = QueryParam {
    name: "order",
    description: "Ascending or descending order of ids; with `email`, of e-mails.",
    schema: || json!({ "type": "string", "enum": ["asc", "desc"] }),
};

const EMAIL: QueryParam = QueryParam {
    name: "email",
    description: "Selects the users whose e-mail starts with this text, in any spelling.",
    schema: || json!({ "type": "string" }),
};

impl FromQuery for UserListingRequest {
    const PARAMS: &'static [QueryParam] = &[LIMIT, CURSOR, ORDER, EMAIL];

    fn from_query(params: &mut ObjectReader<'_>) -> Option<Self> {
        let page = PageRequest::from_query(params);
        let order = params.optional("order", parse_order);
        let prefix = params.optional("email", EmailPrefix::parse);
        Some(Self { page: page?, order: order.ok()?, prefix: prefix.ok()? })
    }
}

fn parse_order(text: &str) -> Result<SortOrder, &'static str> {
    match text {
        "asc" => Ok(SortOrder::Ascending),
        "desc" => Ok(SortOrder::Descending),
        _ => Err("must be asc or desc"),
    }
}

/// An account whose record can't be read.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = UnreadableAccount)]
pub struct UnreadableAccountView {
    /// The user's id.
    #[schema(format = "uuid")]
    pub id: String,
    /// Always true.
    pub unreadable: bool,
}

/// An account, or one whose record can't be read.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AccountListItem)]
#[serde(untagged)]
pub enum AccountListItemView {
    /// The account.
    User(AccountView),
    /// An account whose record can't be read.
    Unreadable(UnreadableAccountView),
}

impl AccountListItemView {
    /// The view of `listed`.
    #[must_use]
    pub fn of(listed: &ListedUser) -> Self {
        match listed {
            ListedUser::User(user) => Self::User(AccountView::of(user)),
            ListedUser::Unreadable(id) => {
                Self::Unreadable(UnreadableAccountView { id: id.to_string(), unreadable: true })
            }
        }
    }
}

#[get("/admin/users")]
pub(super) async fn list(
    admin: Authorized<'_, Administer>,
    query: ValidatedQuery<UserListingRequest>,
) -> Result<ApiResponse, Problem> {
    let page = admin.services.admin.list(query.0).await?;
    Ok(ApiResponse::json(&PageView::new(&page, AccountListItemView::of)))
}

pub(super) fn doc() -> OperationDoc {
    OperationDoc::new("list_accounts", "List users")
        .description("Ordered by id, which is sign-up order; with `email`, ordered by e-mail.")
        .response(ResponseDoc::page::<AccountListItemView>("A page of users", &examples::account()))
}
