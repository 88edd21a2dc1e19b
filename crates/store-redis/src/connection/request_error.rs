//! Why a request has no answer, and what that means for the record that it concerned.

use ::redis::RedisError;

use userd_store::StoreError;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// More requests are in flight than `redis.in_flight_max`.
    #[error("more than {0} requests to Redis are in flight")]
    Overloaded(usize),
    /// No answer before the deadline, or no connection.
    #[error("Redis did not answer in time{}", .0.as_deref().map(|why| format!(": {why}")).unwrap_or_default())]
    TimedOut(Option<String>),
    /// The keys of the request are being moved to another node of the cluster.
    #[error("the slot of the keys is being moved to another node of the cluster")]
    Resharding,
    /// The change was made, but replicas or disks did not acknowledge it. A failover may undo it.
    #[error("the change was not acknowledged as redis.acknowledge requires: {0}")]
    NotAcknowledged(String),
    /// The server answered with an error.
    #[error("Redis answered with an error")]
    Server(#[source] RedisError),
}

impl RequestError {
    /// What this means for the record at `key`.
    pub(crate) fn at(self, key: &str) -> StoreError {
        match self {
            Self::Server(error) if error.code() == Some("WRONGTYPE") => {
                StoreError::corrupt(key, "the key holds another type")
            }
            other => StoreError::unavailable(other),
        }
    }
}
