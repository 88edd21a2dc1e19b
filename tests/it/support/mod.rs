//! What tests stand on: fresh stores, real servers, the real program, and things that break on purpose.

pub mod memory_store;
pub mod people;
pub mod proxy;
pub mod redis_audit;
pub mod redis_server;
pub mod stores;
