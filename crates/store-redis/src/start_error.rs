//! Why the store does not start.

/// Why the store does not start: a message for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RedisStartError(pub(crate) String);
