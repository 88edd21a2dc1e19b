//! Tokens for other services (JWT): issuance, refresh, and what services need to verify them.

mod create;
mod jwks;
mod openid_configuration;
mod refresh;
mod views;

endpoints!["tokens": create::create, refresh::refresh, jwks::jwks, openid_configuration::openid_configuration,];
