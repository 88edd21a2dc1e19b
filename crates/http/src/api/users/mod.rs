//! Users: sign-up, look-up, profile, password, deletion.

mod change_password;
mod count;
mod create;
mod delete;
mod get;
mod update;

endpoints![
    "users":
    create::create,
    count::count,
    get::get,
    update::update,
    change_password::change_password,
    delete::delete,
];
