//! The endpoints of administrators, one a file. They are listed with all others, in the module above.

pub(super) mod events_list;
pub(super) mod sessions_end;
pub(super) mod sessions_end_one;
pub(super) mod sessions_list;
pub(super) mod stats;
pub(super) mod users_create;
pub(super) mod users_delete;
pub(super) mod users_list;
pub(super) mod users_password;
pub(super) mod users_rule;
pub(super) mod users_show;
