//! What several tests share: stores to test on, and things to put in them.

pub(crate) mod stores;
