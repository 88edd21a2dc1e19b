//! Sessions: sign-in, sign-out, listing and revocation.

mod get_current;
mod list;
mod revoke;
mod revoke_others;
mod sign_in;
mod sign_out;

endpoints![
    "sessions":
    sign_in::sign_in,
    get_current::get_current,
    sign_out::sign_out,
    list::list,
    revoke::revoke,
    revoke_others::revoke_others,
];
