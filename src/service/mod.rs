//! The use cases, a file a noun. Knows the store's contract, the clock and randomness; knows no framework.

pub mod doctor;
mod error;
pub mod hashing;
mod users;

pub use error::{Error, PasswordField};
pub use users::{NewPassword, Precondition, Removal, Replacement, SignUp, Users};
