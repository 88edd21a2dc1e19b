//! What breaks, broken on purpose.

mod redis_protocol;
mod redis_server;
