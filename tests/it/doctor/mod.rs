//! The doctor: every kind of damage is planted around the store, reported by its kind, and repaired or left as manual;
//! an undamaged store has no findings and is not changed. (The benchmark measures its pace.)

mod many_users;
mod program;
mod redis_cluster;
mod redis_damage;
mod redis_killed;
mod redis_load;
mod sqlite_damage;
mod sqlite_orphans;
