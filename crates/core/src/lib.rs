//! Values and rules of accounts. No I/O, no clock, no randomness, no framework.
//!
//! Each value is made by `parse` from outside text and can't hold a wrong one: whoever has a
//! [`CanonicalEmail`] need not check it again. To add a value: one file, one type, one error enum that names
//! the rule broken, a property test beside it.

mod api_key;
mod client;
pub mod clock;
mod device;
mod email;
mod encoding;
mod event;
mod name;
mod password;
pub mod random;
mod refresh;
mod session;
mod standing;
mod throttle;
mod timestamp;
mod token_secret;
mod user;

pub use api_key::{ApiKeyDigest, ApiKeyId, ApiKeyToken, Scope};
pub use client::{AGENT_BYTES_MAX, Agent, CallerId, Client, address_from_bytes, address_to_bytes};
pub use device::{DEVICE_MS, Device, DeviceKey};
pub use email::{
    CANONICAL_VERSION, CanonicalEmail, EMAIL_BYTES_MAX, EMAIL_LOCAL_BYTES_MAX, Email, EmailError, EmailPrefix,
};
pub use event::{Event, EventKind};
pub use name::{NAME_CHARS_MAX, Name, NameError};
pub use password::{
    FOREIGN_SALT_BYTES_MAX, ForeignHash, ForeignHashError, ForeignScheme, OUTPUT_BYTES_KEPT,
    PASSWORD_ATTEMPT_BYTES_MAX, PASSWORD_CHARS_MAX_CEILING, PASSWORD_CHARS_MIN_FLOOR, PASSWORD_HASH_BYTES_MAX,
    Password, PasswordAttempt, PasswordError, PasswordHash, PasswordHashError, PasswordPolicy, Pbkdf2Digest, Prehash,
};
pub use refresh::{Refresh, RefreshState, RefreshToken, SALT_BYTES};
pub use session::{SEEN_EVERY_MS, Session, SessionId, SessionLimits, SessionProof, SessionToken};
pub use standing::Standing;
pub use throttle::{AccountKey, Bucket, BucketKey, Decision, NetworkKey, Rate, Taken};
pub use timestamp::{MOMENT_BYTES, Timestamp};
pub use token_secret::SECRET_BYTES;
pub use user::{User, UserId, Version};
