//! What breaks, broken on purpose.

mod embedded;
mod redis_protocol;
mod redis_server;
