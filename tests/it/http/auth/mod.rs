//! Who may call what: every route with every caller, what is shown and is not good, other sites, addresses.

mod address;
mod api_key_cache;
mod cors;
mod credentials;
mod cross_site;
mod protected;
mod table;
