//! Tokens for other services (JWT): issuance, refresh, and what services need to verify them.

mod create;
mod jwks;
mod openid_configuration;
mod refresh;

pub(crate) use jwks::JwkSetView;
pub(crate) use openid_configuration::OpenIdConfigurationView;

endpoints![create::create, refresh::refresh, jwks::jwks, openid_configuration::openid_configuration,];
