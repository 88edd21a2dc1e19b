//! The use cases, a file a noun. Knows the store's contract, the clock and randomness; knows no framework.

mod administration;
mod api_keys;
mod credentials;
mod device_key;
pub mod doctor;
mod error;
pub mod hashing;
mod keyring;
pub mod moving;
mod pause;
mod seal;
mod secret;
mod sessions;
mod signing_keys;
mod tokens;
mod tries;
mod turns;
mod use_cases;
mod users;

pub use administration::{
    Administration, Cursor, EVENTS_ORDER, ForeignCursor, GivenPassword, NewAccount, NewStanding, Page, Stats,
    UsersWanted, Wanted,
};
pub use api_keys::{API_KEY_NAME_CHARS_MAX, API_KEYS_MAX, ApiKey, ApiKeys};
pub use credentials::Credentials;
pub use device_key::DeviceKeys;
pub use error::{Error, PasswordField};
pub use keyring::Keyring;
pub use seal::{SEAL_KEY_BYTES, Seal, UnsealError};
pub use secret::Secret;
pub use sessions::{SessionSettings, Sessions, SignIn, SignedInNow};
pub use signing_keys::{
    Jwk, KEYS_MAX_AGE_S, KeyGround, KeyMaking, KeyState, ListedKey, Rotation, SigningAlgorithm, SigningKeys,
    SigningRecord, SigningRing, publish_lead_ms,
};
pub use tokens::{Minted, TokenSettings, Tokens};
pub use tries::{LimitMet, Tries, TryRates};
pub use use_cases::{Ground, ServiceSettings, UseCases};
pub use users::{NewPassword, Precondition, Removal, Replacement, SignUp, Users};
