//! The servers of the other tests work as those expect: groups form, fail over, reshard and speak TLS.
//!
//! These tests send commands of Redis; userd is not involved.

mod audit;
mod cluster;
mod sentinel;
mod single;
