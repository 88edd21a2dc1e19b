//! Values and rules of accounts. No I/O, no framework; clock and randomness are arguments.
//!
//! Each value is parsed from outside text and is valid by construction: a [`CanonicalEmail`] needs no further check. To
//! add a value: one file, one type, one error enum that names the rule broken, and a property test.

mod account_status;
mod actor;
mod api_key;
pub mod clock;
mod display_name;
mod email;
mod encoding;
mod error_chain;
mod event;
mod finding;
pub mod input;
mod password;
pub mod random;
mod rate_limit;
mod refresh;
mod rules;
mod secret;
mod session;
mod session_id;
pub mod settings;
mod string_enum;
#[cfg(feature = "test-doubles")]
mod test_doubles;
mod timestamp;
mod token_secret;
mod trusted_device;
mod user;

pub use account_status::AccountStatus;
pub use actor::{Actor, PrincipalId, USER_AGENT_BYTES_MAX, UserAgent, address_from_bytes, address_to_bytes};
pub use api_key::{ApiKeyDigest, ApiKeyId, ApiKeyToken, Scope};
pub use display_name::{DISPLAY_NAME_CHARS_MAX, DisplayName, DisplayNameError};
pub use email::{
    CANONICAL_VERSION, CanonicalEmail, EMAIL_BYTES_MAX, EMAIL_LOCAL_BYTES_MAX, Email, EmailError, EmailPrefix,
};
pub use error_chain::error_chain;
pub use event::{AccountEvent, EventKind};
pub use finding::{FindingKind, FindingState};
pub use password::{
    IMPORTED_SALT_BYTES_MAX, ImportedHash, ImportedHashError, ImportedScheme, PASSWORD_ATTEMPT_BYTES_MAX,
    PASSWORD_CHARS_MAX_CEILING, PASSWORD_CHARS_MIN_FLOOR, PASSWORD_HASH_BYTES_MAX, Password, PasswordAttempt,
    PasswordError, PasswordHash, PasswordHashError, PasswordPolicy, Pbkdf2Digest, Prehash, STORED_OUTPUT_BYTES_MAX,
};
pub use rate_limit::{
    AccountKey, BucketDecision, BucketKey, NetworkKey, RateLimit, RateLimitBucket, RateLimitDecision, RateLimitName,
};
pub use refresh::{RefreshOutcome, RefreshState, RefreshToken};
pub use rules::check_rules;
pub use secret::{REDACTED, SecretString};
pub use session::{Session, SessionLimits, SessionToken, TOUCH_INTERVAL_MS};
pub use session_id::{SessionId, SessionProof};
pub use string_enum::StringEnum;
pub use timestamp::{TIMESTAMP_BYTES, Timestamp};
pub use token_secret::SECRET_BYTES;
pub use trusted_device::{DeviceKey, TRUSTED_DEVICE_TTL_MS, TrustedDevice};
pub use user::{User, UserId, UserVersion};
