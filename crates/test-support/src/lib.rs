//! What tests stand on: fresh stores, real servers, the real program, and things that break on purpose.

#![expect(missing_docs, reason = "for our own tests alone: a field or a method says by its name what it is")]
#![expect(clippy::expect_used, reason = "a test that can't go on fails with the sentence in `expect`")]

pub mod authority;
pub mod clock_jumps;
pub mod comings_and_goings;
pub mod crashed_redis;
pub mod disk;
pub mod durability;
pub mod fault_report;
pub mod fault_time;
pub mod gcra_vectors;
pub mod history;
pub mod http;
pub mod image;
pub mod key_space;
pub mod load;
pub mod naughty;
pub mod paths;
pub mod people;
pub mod power_journal;
pub mod power_loss;
pub mod program;
pub mod proxy;
pub mod recovery;
pub mod redis_audit;
pub mod redis_cluster;
pub mod redis_ground;
pub mod redis_rights;
pub mod redis_sentinel;
pub mod redis_server;
pub mod redis_slot_move;
pub mod redis_topology;
pub mod server_plan;
pub mod sign_ins;
pub mod signed_in;
pub mod stepped;
pub mod stepper;
pub mod stores;
pub mod storm;
pub mod terminal;
pub mod verifiers;
pub mod waiting;
pub mod ward;
