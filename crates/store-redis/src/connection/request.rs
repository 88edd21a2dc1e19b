//! One request to a server, and what its errors call for. Decides nothing about routing.
//!
//! To add an error of the server that calls for a retry: an arm of [`action_for`].

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value};

use super::connect::LiveConnections;
use super::slots::parse_redirection;
use crate::script::Script;
use crate::settings::NodeAddress;
use userd_metrics::RedisRoundTrip;

/// A request, sent until it is answered or its deadline has passed.
pub(super) enum ServerRequest<'a> {
    /// A read.
    Read(&'a Cmd),
    /// A read that the answer to a change depends on.
    AcknowledgedRead(&'a Cmd),
    /// A step: a script.
    Script {
        /// The script.
        script: Script,
        /// Its keys, all in one shard.
        keys: &'a [&'a str],
        /// Its arguments.
        args: &'a [&'a [u8]],
        /// How long to wait for a slot that is being moved; `None`: until the deadline.
        resharding_timeout: Option<Duration>,
    },
}

impl ServerRequest<'_> {
    /// The metric that counts it.
    pub(super) fn trip(&self) -> RedisRoundTrip {
        match self {
            Self::Read(_) => RedisRoundTrip::Read,
            Self::AcknowledgedRead(_) => RedisRoundTrip::AcknowledgedRead,
            Self::Script { .. } => RedisRoundTrip::Script,
        }
    }

    /// Whether replicas or disks have to acknowledge it, if `redis.acknowledge` requires that.
    pub(super) fn needs_acknowledgement(&self) -> bool {
        match self {
            Self::Read(_) => false,
            Self::AcknowledgedRead(_) => true,
            Self::Script { script, .. } => script.needs_acknowledgement(),
        }
    }

    /// Whether it may be sent again after its answer was lost.
    pub(super) fn is_repeatable(&self) -> bool {
        match self {
            Self::Read(_) | Self::AcknowledgedRead(_) => true,
            Self::Script { script, .. } => script.is_repeatable(),
        }
    }

    /// How long to wait for a slot that is being moved.
    pub(super) fn resharding_timeout(&self) -> Option<Duration> {
        match self {
            Self::Script { resharding_timeout, .. } => *resharding_timeout,
            Self::Read(_) | Self::AcknowledgedRead(_) => None,
        }
    }
}

/// Sends a request once. `asking`: to the node that a slot is being moved to. The connection returns a server's error
/// as a value; this function makes it an `Err`. A script that the server does not know is sent as a whole (`EVAL`).
pub(super) async fn send(live: &LiveConnections, request: &ServerRequest<'_>, asking: bool) -> RedisResult<Value> {
    match *request {
        ServerRequest::Read(command) | ServerRequest::AcknowledgedRead(command) => {
            send_one(live.reads.clone(), command, asking).await
        }
        ServerRequest::Script { script, keys, args, .. } => {
            let mut command = script.evalsha(&live.digests, keys);
            command.arg(args);
            match send_one(live.writes.clone(), &command, asking).await {
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    let mut whole = Cmd::new();
                    whole.arg("EVAL").arg(script.text()).arg(keys.len()).arg(keys).arg(args);
                    send_one(live.writes.clone(), &whole, asking).await
                }
                answer => answer,
            }
        }
    }
}

async fn send_one(mut connection: MultiplexedConnection, command: &Cmd, asking: bool) -> RedisResult<Value> {
    if !asking {
        return connection.send_packed_command(command).await?.extract_error();
    }
    // In one packet, so that no other request comes between the two.
    let mut pair = Pipeline::with_capacity(2);
    pair.cmd("ASKING").add_command(command.clone());
    let answers = connection.send_packed_commands(&pair, 1, 1).await?;
    answers.into_iter().next().unwrap_or(Value::Nil).extract_error()
}

/// How to react to an error.
pub(super) enum ErrorAction {
    /// Retry on another connection.
    Reconnect,
    /// Retry at another node, which serves the shard from now on.
    Moved(NodeAddress),
    /// Retry at another node, this time only.
    AskAt(NodeAddress),
    /// Retry after a pause: the slot is being moved.
    Resharding,
    /// Retry after a pause.
    Wait,
    /// Return the error.
    Fail,
}

/// How to react to an error of the server at `from`.
pub(super) fn action_for(error: &RedisError, from: &NodeAddress) -> ErrorAction {
    let redirection = || error.redirect_node().and_then(|(to, _)| parse_redirection(to, from));
    match error.kind() {
        // A demoted primary answers READONLY for ever, and a client that stays with it loses its writes.
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::BusyLoading) => {
            ErrorAction::Reconnect
        }
        ErrorKind::Server(ServerErrorKind::Moved) => redirection().map_or(ErrorAction::Fail, ErrorAction::Moved),
        ErrorKind::Server(ServerErrorKind::Ask) => redirection().map_or(ErrorAction::Fail, ErrorAction::AskAt),
        ErrorKind::Server(ServerErrorKind::TryAgain) => ErrorAction::Resharding,
        ErrorKind::Server(ServerErrorKind::ClusterDown) => ErrorAction::Wait,
        _ if error.code() == Some("BUSY") => ErrorAction::Wait,
        ErrorKind::Io | ErrorKind::Parse => ErrorAction::Reconnect,
        _ if error.is_connection_dropped() || error.is_unrecoverable_error() => ErrorAction::Reconnect,
        _ => ErrorAction::Fail,
    }
}
