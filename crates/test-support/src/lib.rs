//! What tests share: stores, real servers, the real program, fixtures, clients and injected faults.
//!
//! Not tests, and nothing that the product uses. To add a helper, give it a file whose name says what it is; what only
//! one test file needs stays there.

#![expect(missing_docs, reason = "for our own tests alone: a field or a method says by its name what it is")]
#![expect(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::new_without_default,
    clippy::return_self_not_must_use,
    reason = "for our own tests alone: a helper panics where a test can't go on"
)]
#![expect(clippy::expect_used, reason = "a test that can't go on fails with the sentence in `expect`")]

pub mod chaos;
pub mod churn_workload;
pub mod clock_skew;
pub mod commands;
pub mod crashed_redis;
pub mod damage_kit;
pub mod database_image;
pub mod durability_table;
pub mod fault_proxy;
pub mod fault_report;
pub mod forged_tokens;
pub mod http_client;
pub mod key_space;
pub mod linearizability;
pub mod load;
pub mod paths;
pub mod power_journal;
pub mod power_loss;
pub mod program_tokens;
pub mod random_numbers;
pub mod recovery;
pub mod redis_acl;
pub mod redis_audit;
pub mod redis_cluster;
pub mod redis_sentinel;
pub mod redis_server;
pub mod redis_settings;
pub mod redis_targets;
pub mod redis_topology;
pub mod retry;
pub mod run_scale;
pub mod scheduler_proxy;
pub mod scripted_store;
pub mod server_plan;
pub mod sign_in_requests;
pub mod slot_migration;
pub mod small_disk;
pub mod stores;
pub mod terminal;
pub mod test_authority;
pub mod tricky_strings;
pub mod userd_process;
pub mod verifiers;

pub use userd_store::conformance::{gcra_vectors, session_fixtures, user_fixtures as fixtures};
