//! What is sent to a server, and what an error of it calls for. Holds no connection.

use std::time::Duration;

use ::redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value};

use super::node::Live;
use super::slots::parse_redirection;
use crate::Address;
use crate::script::Script;
use userd_metrics::Trip;

/// What is sent, as often as it takes.
pub(super) enum Request<'a> {
    /// A read.
    Read(&'a Cmd),
    /// A read that a verdict rests on.
    ConfirmedRead(&'a Cmd),
    /// A step.
    Script {
        /// Which.
        script: Script,
        /// Its keys, all in one shard.
        keys: &'a [&'a str],
        /// Its arguments.
        args: &'a [&'a [u8]],
        /// How long a slot that is being moved is waited for; `None`: until the deadline.
        moving_patience: Option<Duration>,
    },
}

impl Request<'_> {
    /// As what it is counted.
    pub(super) fn trip(&self) -> Trip {
        match self {
            Self::Read(_) => Trip::Read,
            Self::ConfirmedRead(_) => Trip::ConfirmedRead,
            Self::Script { .. } => Trip::Script,
        }
    }

    /// Whether replicas and disks have to confirm it where the operator asks for that.
    pub(super) fn is_confirmed(&self) -> bool {
        match self {
            Self::Read(_) => false,
            Self::ConfirmedRead(_) => true,
            Self::Script { script, .. } => script.is_confirmed(),
        }
    }

    /// Whether it is not asked again after an answer that got lost.
    pub(super) fn is_sent_once(&self) -> bool {
        matches!(self, Self::Script { script, .. } if script.is_sent_once())
    }

    /// How long a slot that is being moved is waited for.
    pub(super) fn moving_patience(&self) -> Option<Duration> {
        match self {
            Self::Script { moving_patience, .. } => *moving_patience,
            Self::Read(_) | Self::ConfirmedRead(_) => None,
        }
    }
}

/// Sends it once; `asking`: to the node that a slot is being moved to. The connection hands a server's error over
/// as a value; here it becomes one.
pub(super) async fn send(live: &Live, request: &Request<'_>, asking: bool) -> RedisResult<Value> {
    match *request {
        Request::Read(command) | Request::ConfirmedRead(command) => one(live.reads.clone(), command, asking).await,
        Request::Script { script, keys, args, .. } => {
            let mut command = script.evalsha(&live.digests, keys);
            command.arg(args);
            match one(live.writes.clone(), &command, asking).await {
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    let mut whole = Cmd::new();
                    whole.arg("EVAL").arg(script.text()).arg(keys.len()).arg(keys).arg(args);
                    one(live.writes.clone(), &whole, asking).await
                }
                answer => answer,
            }
        }
    }
}

async fn one(mut connection: ::redis::aio::MultiplexedConnection, command: &Cmd, asking: bool) -> RedisResult<Value> {
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
pub(super) enum Cure {
    /// Another connection, then the same again.
    Reconnect,
    /// The same at another node, for good.
    Moved(Address),
    /// The same at another node, this once.
    AskAt(Address),
    /// A little time, until the slot has arrived where it is being moved.
    Moving,
    /// A little time, then the same again.
    Wait,
    /// Nothing that we could do.
    None,
}

/// What helps against an error of the server at `from`.
pub(super) fn cure(error: &RedisError, from: &Address) -> Cure {
    let redirection = || error.redirect_node().and_then(|(to, _)| parse_redirection(to, from));
    match error.kind() {
        // A demoted primary answers READONLY for ever, and a client that stays with it loses what it writes.
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::BusyLoading) => {
            Cure::Reconnect
        }
        ErrorKind::Server(ServerErrorKind::Moved) => redirection().map_or(Cure::None, Cure::Moved),
        ErrorKind::Server(ServerErrorKind::Ask) => redirection().map_or(Cure::None, Cure::AskAt),
        ErrorKind::Server(ServerErrorKind::TryAgain) => Cure::Moving,
        ErrorKind::Server(ServerErrorKind::ClusterDown) => Cure::Wait,
        _ if error.code() == Some("BUSY") => Cure::Wait,
        ErrorKind::Io | ErrorKind::Parse => Cure::Reconnect,
        _ if error.is_connection_dropped() || error.is_unrecoverable_error() => Cure::Reconnect,
        _ => Cure::None,
    }
}
