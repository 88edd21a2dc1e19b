//! Authorization: every route with every caller, invalid credentials, other sites, client addresses.

mod address;
mod api_key_cache;
mod cors;
mod credentials;
mod cross_site;
mod protected;
mod table;
