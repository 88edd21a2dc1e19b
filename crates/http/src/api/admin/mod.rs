//! The admin API: accounts, their sessions and events, statistics.

mod events_list;
mod pages;
mod sessions_list;
mod sessions_revoke;
mod sessions_revoke_all;
mod stats;
mod users_create;
mod users_delete;
mod users_get;
mod users_list;
mod users_set_password;
mod users_update;
mod views;

pub use self::events_list::EventView;
pub use self::pages::PageView;
pub use self::stats::StatsView;
pub use self::users_list::{AccountListItemView, UnreadableAccountView};
pub use self::views::AccountView;

endpoints![
    "admin":
    users_list::list,
    users_create::create,
    users_get::get,
    users_update::update,
    users_set_password::set_password,
    users_delete::delete,
    sessions_list::list,
    sessions_revoke::revoke,
    sessions_revoke_all::revoke_all,
    events_list::list,
    stats::stats,
];
