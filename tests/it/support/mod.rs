//! What tests stand on: fresh stores, real servers, the real program, and things that break on purpose.

pub mod disk;
pub mod http;
pub mod image;
pub mod key_space;
pub mod load;
pub mod memory_store;
pub mod naughty;
pub mod people;
pub mod program;
pub mod proxy;
pub mod recovery;
pub mod redis_audit;
pub mod redis_server;
pub mod stepped;
pub mod stepper;
pub mod stores;
