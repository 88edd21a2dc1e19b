//! The use cases, a file a noun. Knows the store's contract, the clock and randomness; knows no framework.

pub mod hashing;
mod users;

pub use users::Users;
