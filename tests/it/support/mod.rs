//! What tests stand on: fresh stores, real servers, the real program, and things that break on purpose.

pub mod disk;
pub mod fault_report;
pub mod history;
pub mod http;
pub mod load;
pub mod memory_store;
pub mod naughty;
pub mod people;
pub mod program;
pub mod proxy;
pub mod recovery;
pub mod redis_audit;
pub mod redis_server;
pub mod stores;
pub mod storm;
