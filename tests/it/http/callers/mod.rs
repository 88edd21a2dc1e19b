//! Who may call what: every route with every caller, what is shown and is not good, other sites, addresses.

mod address;
mod cors;
mod credentials;
mod cross_site;
mod keyring;
mod protected;
mod table;
