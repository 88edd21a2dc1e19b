//! The endpoints, one a file: this listing is the API's table of contents. `docs/API.md` says what each does.

mod files;
mod health;
mod ping;
mod users_count;
mod users_create;
mod users_delete;
mod users_password;
mod users_replace;
mod users_show;

use rocket::{Route, routes};

pub(super) use files::StaticDir;

/// Every route there is.
pub(super) fn routes() -> Vec<Route> {
    routes![
        ping::ping,
        health::live,
        health::ready,
        users_create::create,
        users_count::count,
        users_show::show,
        users_replace::replace,
        users_password::change,
        users_delete::delete,
        files::file,
    ]
}
