//! API keys of other services: `service` creates, lists and revokes them, `cache` answers each request from memory.
//!
//! Not here: what a scope allows (`http`). To store one more property of a key: a field of `ApiKey` and of its record.

mod cache;
mod service;

pub use cache::ApiKeyCache;
pub use service::{API_KEY_NAME_CHARS_MAX, API_KEYS_MAX, ApiKey, ApiKeyService};
