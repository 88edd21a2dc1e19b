//! What breaks, broken on purpose: the stores by themselves, then the real program (`program_…`).

mod embedded;
mod embedded_bits;
mod embedded_disk;
mod embedded_schema;
mod interleavings;
mod power_embedded;
mod power_failover;
mod power_loss;
mod power_redis;
mod program_clients;
mod program_crash;
mod program_disk;
mod program_hashing;
mod program_input;
mod program_oversized;
mod program_protocol;
mod program_races;
mod program_redis;
mod program_refusals;
mod program_stop;
mod redis_cluster;
mod redis_failover;
mod redis_lost_answer;
mod redis_protocol;
mod redis_rights;
mod redis_server;
