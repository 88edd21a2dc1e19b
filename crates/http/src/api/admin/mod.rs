//! The endpoints of administrators, one a file.

mod events_list;
mod sessions_end;
mod sessions_end_one;
mod sessions_list;
mod stats;
mod users_create;
mod users_delete;
mod users_list;
mod users_password;
mod users_rule;
mod users_show;

use rocket::{Route, routes};

use crate::openapi::Endpoint;
use userd_core::PasswordPolicy;

endpoints![
    users_list::list,
    users_create::create,
    users_show::show,
    users_rule::rule,
    users_password::set,
    users_delete::delete,
    sessions_list::list,
    sessions_end_one::end_one,
    sessions_end::end,
    events_list::list,
    stats::stats,
];
