//! What tests stand on: fresh stores, real servers, the real program, and things that break on purpose.

pub mod authority;
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
pub mod redis_cluster;
pub mod redis_sentinel;
pub mod redis_server;
pub mod redis_slot_move;
pub mod redis_topology;
pub mod server_plan;
pub mod stores;
pub mod storm;
