//! The doctor: every kind of damage is planted past the store, found by its right name, and mended or left for a
//! person; and nothing is found, or harmed, where nothing is wrong. (The bench measures its pace.)

mod many_users;
mod program;
mod redis_cluster;
mod redis_damage;
mod redis_killed;
mod redis_load;
mod sqlite_damage;
mod sqlite_orphans;
