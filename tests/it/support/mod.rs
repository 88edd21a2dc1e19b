//! What several tests stand on.

pub(crate) mod memory_store;
