//! The consistency check (doctor): walks over all names, then all users, with the steps of the protocol only.

use super::client::{FlowContext, NameClient, TaskPhase};
use super::record::{NameRecord, NameStep, RecordState, StepAnswer};
use super::values::{HolderPointer, NameOps, NameSet, StaleClaimSet};

/// The next message.
pub(crate) fn request(context: FlowContext<'_>, client: NameClient) -> NameStep {
    let (index, held) = (client.index, client.held);
    let user = context.users.get(usize::from(index)).copied().unwrap_or_default();
    let name = client.ops.names().first().unwrap_or_default();
    let own = HolderPointer::new(user, client.ops.get(name));
    let (stale_name, stale_op) = client.stale.first().unwrap_or_default();
    match client.phase {
        TaskPhase::DoctorResolve => {
            NameStep::ResolveClaim { user: held.user(), name: index, op: held.op(), passed: false }
        }
        TaskPhase::DoctorRelease => NameStep::ReleaseClaim { name: index, pointer: held },
        TaskPhase::DoctorUser => NameStep::ReadRecord { user },
        TaskPhase::DoctorAbort => NameStep::ResolveClaim { user, name, op: client.ops.get(name), passed: false },
        TaskPhase::DoctorClaim => NameStep::TakeClaim { name, expected: HolderPointer::NONE, mine: own },
        TaskPhase::DoctorHolder => NameStep::ResolveClaim { user: held.user(), name, op: held.op(), passed: false },
        TaskPhase::DoctorTakeAway => NameStep::TakeAway { user, name, op: own.op() },
        TaskPhase::DoctorTakeOver => NameStep::TakeClaim { name, expected: held, mine: own },
        TaskPhase::DoctorStale => {
            NameStep::ReleaseClaim { name: stale_name, pointer: HolderPointer::new(user, stale_op) }
        }
        TaskPhase::DoctorClear => NameStep::ClearStale { user, name: stale_name, op: stale_op },
        _ => NameStep::ReadClaim { name: index },
    }
}

/// What the doctor does with the answer.
pub(crate) fn advance(context: FlowContext<'_>, client: NameClient, answer: StepAnswer) -> NameClient {
    let index = client.index;
    match (client.phase, answer) {
        (TaskPhase::Start | TaskPhase::DoctorName, StepAnswer::Claim(held)) if !held.is_none() => {
            NameClient { held, ..place(client, TaskPhase::DoctorResolve, index) }
        }
        (TaskPhase::DoctorResolve, StepAnswer::Dead) => NameClient { phase: TaskPhase::DoctorRelease, ..client },
        (TaskPhase::Start | TaskPhase::DoctorName | TaskPhase::DoctorResolve | TaskPhase::DoctorRelease, _) => {
            if index + 1 < context.names {
                place(client, TaskPhase::DoctorName, index + 1)
            } else {
                to_user(context, client, 0)
            }
        }
        (TaskPhase::DoctorUser, StepAnswer::Record(record)) => check_record(context, client, record),
        (TaskPhase::DoctorAbort, StepAnswer::Dead) => to_user(context, client, index),
        (TaskPhase::DoctorClaim, StepAnswer::Claim(held)) => {
            NameClient { phase: TaskPhase::DoctorHolder, held, ..client }
        }
        (TaskPhase::DoctorHolder, StepAnswer::Dead) => NameClient { phase: TaskPhase::DoctorTakeOver, ..client },
        (TaskPhase::DoctorHolder, StepAnswer::Owned) if client.held.user() != user_at(context, index) => {
            // Only after a loss of data. The one without the claim keeps the account and loses the name.
            NameClient { phase: TaskPhase::DoctorTakeAway, ..client }
        }
        (
            TaskPhase::DoctorClaim | TaskPhase::DoctorHolder | TaskPhase::DoctorTakeAway | TaskPhase::DoctorTakeOver,
            _,
        ) => next_claim(context, client),
        (TaskPhase::DoctorStale, _) => NameClient { phase: TaskPhase::DoctorClear, ..client },
        (TaskPhase::DoctorClear, _) => {
            let stale = client.stale.first().map_or(client.stale, |(name, op)| client.stale.without(name, op));
            release(context, client, stale)
        }
        _ => to_user(context, client, index + 1),
    }
}

fn user_at(context: FlowContext<'_>, index: u8) -> u8 {
    context.users.get(usize::from(index)).copied().unwrap_or_default()
}

fn place(client: NameClient, phase: TaskPhase, index: u8) -> NameClient {
    NameClient { at: client.at, phase, index, ..NameClient::default() }
}

fn to_user(context: FlowContext<'_>, client: NameClient, index: u8) -> NameClient {
    if usize::from(index) < context.users.len() { place(client, TaskPhase::DoctorUser, index) } else { client.finish() }
}

/// A record as read: an overdue intent is resolved, then the claims of its names are checked.
fn check_record(context: FlowContext<'_>, client: NameClient, record: NameRecord) -> NameClient {
    let abort = |name: Option<u8>, op| {
        let ops = NameOps::all(name.map_or(NameSet::EMPTY, NameSet::one), op);
        NameClient { ops, ..place(client, TaskPhase::DoctorAbort, client.index) }
    };
    match record.state {
        RecordState::Absent => to_user(context, client, client.index + 1),
        RecordState::Pending => {
            let name = record.ops.names().first();
            abort(name, name.map_or(0, |name| record.ops.get(name)))
        }
        RecordState::Active if !record.chg_add.is_empty() => abort(record.chg_add.first(), record.chg_op),
        RecordState::Active if !record.ops.names().is_empty() => {
            let (ops, stale) = (record.ops, record.stale);
            NameClient { stale, ops, ..place(client, TaskPhase::DoctorClaim, client.index) }
        }
        _ => release(context, client, record.stale),
    }
}

fn next_claim(context: FlowContext<'_>, client: NameClient) -> NameClient {
    let ops = client.ops.names().first().map_or(client.ops, |name| client.ops.with(name, 0));
    if ops.names().is_empty() {
        return release(context, client, client.stale);
    }
    NameClient { ops, stale: client.stale, ..place(client, TaskPhase::DoctorClaim, client.index) }
}

fn release(context: FlowContext<'_>, client: NameClient, stale: StaleClaimSet) -> NameClient {
    if stale.is_empty() {
        return to_user(context, client, client.index + 1);
    }
    NameClient { stale, ..place(client, TaskPhase::DoctorStale, client.index) }
}
