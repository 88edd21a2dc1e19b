//! The servers that other tests stand on do what is relied on: groups form, fail over, reshard and speak TLS.
//!
//! Here speaks no userd, only commands of Redis.

mod audit;
mod cluster;
mod sentinel;
mod single;
