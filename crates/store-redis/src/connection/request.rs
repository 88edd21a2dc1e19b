//! What is sent to a server, and what an error of it calls for. Holds no connection.

use std::time::Duration;

use ::redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value};

use super::node::LiveConnections;
use super::slots::parse_redirection;
use crate::NodeAddress;
use crate::script::Script;
use userd_metrics::RedisRoundTrip;

/// What is sent, as often as it takes.
pub(super) enum ServerRequest<'a> {
    /// A read.
    Read(&'a Cmd),
    /// A read that a verdict rests on.
    AcknowledgedRead(&'a Cmd),
    /// A step.
    Script {
        /// Which.
        script: Script,
        /// Its keys, all in one shard.
        keys: &'a [&'a str],
        /// Its arguments.
        args: &'a [&'a [u8]],
        /// How long a slot that is being moved is waited for; `None`: until the deadline.
        resharding_timeout: Option<Duration>,
    },
}

impl ServerRequest<'_> {
    /// As what it is counted.
    pub(super) fn trip(&self) -> RedisRoundTrip {
        match self {
            Self::Read(_) => RedisRoundTrip::Read,
            Self::AcknowledgedRead(_) => RedisRoundTrip::AcknowledgedRead,
            Self::Script { .. } => RedisRoundTrip::Script,
        }
    }

    /// Whether replicas and disks have to confirm it where the operator asks for that.
    pub(super) fn needs_acknowledgement(&self) -> bool {
        match self {
            Self::Read(_) => false,
            Self::AcknowledgedRead(_) => true,
            Self::Script { script, .. } => script.needs_acknowledgement(),
        }
    }

    /// Whether it is not asked again after an answer that got lost.
    pub(super) fn is_non_idempotent(&self) -> bool {
        matches!(self, Self::Script { script, .. } if script.is_non_idempotent())
    }

    /// How long a slot that is being moved is waited for.
    pub(super) fn resharding_timeout(&self) -> Option<Duration> {
        match self {
            Self::Script { resharding_timeout, .. } => *resharding_timeout,
            Self::Read(_) | Self::AcknowledgedRead(_) => None,
        }
    }
}

/// Sends it once; `asking`: to the node that a slot is being moved to. The connection hands a server's error over
/// as a value; here it becomes one.
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

async fn send_one(
    mut connection: ::redis::aio::MultiplexedConnection,
    command: &Cmd,
    asking: bool,
) -> RedisResult<Value> {
    if !asking {
        return connection.send_packed_command(command).await?.extract_error();
    }
    // In one piece, so that nobody else's request comes between the two.
    let mut pair = Pipeline::with_capacity(2);
    pair.cmd("ASKING").add_command(command.clone());
    let answers = connection.send_packed_commands(&pair, 1, 1).await?;
    answers.into_iter().next().unwrap_or(Value::Nil).extract_error()
}

/// What helps against an error.
pub(super) enum ErrorAction {
    /// Another connection, then the same again.
    Reconnect,
    /// The same at another node, for good.
    Moved(NodeAddress),
    /// The same at another node, this once.
    AskAt(NodeAddress),
    /// A little time, until the slot has arrived where it is being moved.
    Resharding,
    /// A little time, then the same again.
    Wait,
    /// Nothing that we could do.
    Fail,
}

/// What helps against an error of the server at `from`.
pub(super) fn action_for(error: &RedisError, from: &NodeAddress) -> ErrorAction {
    let redirection = || error.redirect_node().and_then(|(to, _)| parse_redirection(to, from));
    match error.kind() {
        // A demoted primary answers READONLY for ever, and a client that stays with it loses what it writes.
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
