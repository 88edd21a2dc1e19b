//! The use cases. They know the store's contract, the clock and randomness, and no framework.
//!
//! To add a use case: a method of the service that owns it, or a module with a service of its own and a field of
//! [`Services`]; a variant of [`Error`] if callers treat its failure differently.

mod admin;
mod api_keys;
mod cooldown;
mod credentials;
mod dependencies;
mod device_key;
pub mod doctor;
mod error;
pub mod hashing;
pub mod import_export;
mod key_encryption;
mod rate_limit;
mod services;
mod sessions;
mod signing_keys;
mod single_flight;
mod tokens;
mod users;

pub use admin::{
    AdminService, CreateAccountRequest, EVENTS_ORDER, InvalidCursor, PageCursor, PageRequest, ResultPage, ServiceStats,
    SetPasswordRequest, UpdateStatusRequest, UserListingRequest,
};

pub use api_keys::{API_KEY_NAME_CHARS_MAX, API_KEYS_MAX, ApiKey, ApiKeyCache, ApiKeyService};
pub use dependencies::{KeyDependencies, ServiceDependencies};
pub use error::{Error, LimitExceeded};
pub use key_encryption::{KeyDecryptError, KeyEncryption, KeyEncryptionSettings};
pub use rate_limit::SignInLimits;
pub use services::{ServiceSettings, Services};
pub use sessions::{SessionService, SessionSettings, SignInRequest, SignInSuccess};
pub use signing_keys::{
    JWKS_MAX_AGE_S, Jwk, KeyGenerationError, RotationOutcome, SigningAlgorithm, SigningKeyEntry, SigningKeyInfo,
    SigningKeyService, SigningKeySet, SigningKeyState, propagation_delay_ms,
};
pub use tokens::{MintedToken, TokenService, TokenSettings};
pub use userd_core::SecretString;
pub use users::{
    ChangePasswordRequest, DeleteUserRequest, Precondition, SignUpRequest, UpdateUserRequest, UserService,
};
