//! Rocket's own settings.

use std::net::SocketAddr;

use rocket::Config;
use rocket::fairing::AdHoc;
use rocket::figment::{Figment, Profile};

use crate::settings::{HttpSettings, OnListening};

/// Rocket's settings, from its compiled-in defaults alone: neither `Rocket.toml` nor `ROCKET_…` is read.
pub(crate) fn figment(settings: &HttpSettings) -> Figment {
    let config = Config { profile: Profile::const_new("userd"), ..Config::release_default() };
    // Rocket closes connections at the end of its grace period; ours ends earlier, in `serve_until`.
    let grace_s = settings.shutdown_grace.as_secs().saturating_add(1);
    Figment::from(config)
        .merge(("address", settings.listen.ip()))
        .merge(("port", settings.listen.port()))
        .merge(("workers", settings.workers))
        .merge(("keep_alive", settings.limits.keep_alive_s))
        // No `Server` header: it tells an attacker the version.
        .merge(("ident", false))
        // No header is trusted for the client's address; `auth::address` reads it.
        .merge(("ip_header", false))
        // Rocket's own log lines contain whole paths, which contain e-mails.
        .merge(("log_level", "off"))
        .merge(("cli_colors", false))
        // `serve` handles signals.
        .merge(("shutdown.ctrlc", false))
        .merge(("shutdown.signals", Vec::<String>::new()))
        .merge(("shutdown.grace", grace_s))
        .merge(("shutdown.mercy", 1))
        .select("userd")
}

/// Reports the address, with the actual port, once the service listens on it.
pub(crate) fn announce_address(on_listening: Option<OnListening>) -> AdHoc {
    AdHoc::on_liftoff("address", move |rocket| {
        Box::pin(async move {
            if let Some(callback) = on_listening {
                callback(SocketAddr::new(rocket.config().address, rocket.config().port));
            }
        })
    })
}
