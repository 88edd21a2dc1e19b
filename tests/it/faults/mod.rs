//! What breaks, broken on purpose: the stores by themselves, then the real program (`program_…`).

mod cluster_shard;
mod embedded;
mod embedded_disk;
mod history;
mod history_random;
mod program_clients;
mod program_crash;
mod program_disk;
mod program_hashing;
mod program_input;
mod program_oversized;
mod program_protocol;
mod program_races;
mod program_redis;
mod program_stop;
mod redis_lost_answer;
mod redis_protocol;
mod redis_server;
mod storms;
