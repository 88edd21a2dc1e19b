//! Where every setting comes from and what it means.
//!
//! A section of the configuration *is* the settings type of the layer that uses it (`[hash]` is
//! `userd_service::hashing::HashSettings`): a serde struct whose fields carry range, choices and description as schema
//! attributes. `userd.default.toml`, compiled in, holds every key with its default; `userd.toml`, `.env`, the
//! environment and the flags override it, see [`ConfigSources`].
//!
//! [`Config::load`] reports every mistake at once, each with its source and what would be right; no message contains a
//! secret. `load` lists the sections, `reader` reads one, `schema` knows what may be written, `layers` merges the
//! sources. What the settings do is not known here.
//!
//! To add a setting, change three files:
//! 1. its section's struct: a field with `///` (the description) and `#[schemars(range(min = …, max = …))]`; a field of
//!    type `SecretString` is hidden and gets a `…_file` twin;
//! 2. `userd.default.toml`: the key with its default and a comment;
//! 3. the page of `docs/operations` that explains it.
//!
//! To add a section: the same, with a new struct and its line in `load`. Rules between two keys are in `rules`.

mod error;
mod layers;
mod legacy_env;
mod load;
mod reader;
mod redis_target;
mod rules;
mod schema;
mod sections;
mod show;
mod sources;
mod store_choice;
mod store_target;
mod store_target_error;
mod unknown_keys;

pub use error::ConfigError;
pub use layers::DEFAULTS;
pub use load::{Config, json_schema};
pub use redis_target::RedisTarget;
pub use sections::{DoctorConfig, EventsConfig, LogFormat, OtlpConfig};
pub use show::ConfigEntry;
pub use sources::{API_KEY_VARIABLE, CONFIG_VARIABLE, CliFlags, ConfigSources};
pub use store_target::StoreTarget;
pub use store_target_error::StoreTargetError;
