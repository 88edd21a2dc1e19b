//! The steps: each is one script on one shard, atomic and idempotent. A pure function from a shard's value and a
//! message to the new value and the answer.

use super::record::{NameRecord, NameStep, NameStore, RecordState, SecretState, ShardKey, StepAnswer};
use super::rules::{NameFlaw, NameRules};
use super::values::{HolderPointer, NameOps, NameSet};

/// Runs one step on the store.
pub(crate) fn run_step(rules: NameRules, store: &mut NameStore, step: NameStep) -> StepAnswer {
    match step {
        NameStep::ImportIntend { user, names, digest, passed } => {
            import_intend(rules, store, user, names, digest, passed)
        }
        NameStep::TakeClaim { name, expected, mine } => {
            claim_step(&mut store.claims[usize::from(name)], |held| take_claim(rules, held, expected, mine))
        }
        NameStep::ReadClaim { name } => StepAnswer::Claim(store.claim(name)),
        NameStep::ReleaseClaim { name, pointer } => {
            claim_step(&mut store.claims[usize::from(name)], |held| release_claim(rules, held, pointer))
        }
        NameStep::ReadWaiting { name, user } => {
            if store.waiting[usize::from(name)] >> user & 1 == 1 {
                StepAnswer::Done
            } else {
                StepAnswer::SecretGone
            }
        }
        NameStep::ForgetWaiting { name, user } => {
            store.waiting[usize::from(name)] &= !(1 << user);
            StepAnswer::Done
        }
        other => {
            let ShardKey::User(user) = other.shard() else { return StepAnswer::Dead };
            let record = &mut store.users[usize::from(user)];
            let (after, answer) = record_step(rules, *record, other);
            *record = after;
            answer
        }
    }
}

fn claim_step(
    claim: &mut HolderPointer,
    step: impl FnOnce(HolderPointer) -> (HolderPointer, StepAnswer),
) -> StepAnswer {
    let (after, answer) = step(*claim);
    *claim = after;
    answer
}

/// A step on one record.
fn record_step(rules: NameRules, record: NameRecord, step: NameStep) -> (NameRecord, StepAnswer) {
    match step {
        NameStep::SignUpIntend { names, .. } => sign_up_intend(record, names),
        NameStep::SignUpCommit { names, .. } => sign_up_commit(rules, record, names),
        NameStep::SignUpAbort { .. } => sign_up_abort(rules, record),
        NameStep::ReadRecord { .. } => (record, StepAnswer::Record(record)),
        NameStep::ChangeIntend { ver, add, drop, nonce, consume, .. } => {
            change_intend(rules, record, ver, (add, drop), nonce, consume)
        }
        NameStep::ChangeCommit { op, consume, .. } => change_commit(rules, record, op, consume),
        NameStep::ChangeAbort { op, .. } => change_abort(record, op),
        NameStep::EditNames { ver, drop, .. } => edit_names(rules, record, ver, drop),
        NameStep::RemoveUser { ver: Some(ver), .. } if record.is_active() && record.ver != ver => {
            (record, StepAnswer::Dead)
        }
        NameStep::RemoveUser { .. } => remove_user(rules, record),
        NameStep::ClearStale { name, op, .. } => {
            (NameRecord { stale: record.stale.without(name, op), ..record }, StepAnswer::Done)
        }
        NameStep::TakeAway { name, op, .. } => {
            let is_it = record.is_active() && record.ops.get(name) == op;
            let ops = if is_it { record.ops.with(name, 0) } else { record.ops };
            (NameRecord { ops, ..record }, StepAnswer::Done)
        }
        NameStep::ResolveClaim { name, op, passed, .. } => resolve_claim(rules, record, name, op, passed),
        NameStep::ImportCommit { op, digest, .. } => import_commit(rules, record, op, digest),
        _ => (record, StepAnswer::Dead),
    }
}

fn sign_up_intend(record: NameRecord, names: NameSet) -> (NameRecord, StepAnswer) {
    match record.state {
        RecordState::Absent => {
            let state = RecordState::Pending;
            let created = NameRecord { state, ver: 1, ops: NameOps::all(names, 1), ..NameRecord::default() };
            (created, StepAnswer::Done)
        }
        RecordState::Pending if record.ops.names() == names => (record, StepAnswer::Done),
        RecordState::Active => (record, StepAnswer::Committed),
        _ => (record, StepAnswer::Dead),
    }
}

/// The moment of a sign-up.
fn sign_up_commit(rules: NameRules, record: NameRecord, names: NameSet) -> (NameRecord, StepAnswer) {
    if rules.lacks(NameFlaw::CommitWithoutIntent) {
        let created = if record.is_active() { record } else { NameRecord::active(names) };
        return (created, StepAnswer::Done);
    }
    match record.state {
        RecordState::Pending => (NameRecord { state: RecordState::Active, ..record }, StepAnswer::Done),
        RecordState::Active => (record, StepAnswer::Done),
        _ => (record, StepAnswer::Dead),
    }
}

fn sign_up_abort(rules: NameRules, record: NameRecord) -> (NameRecord, StepAnswer) {
    match record.state {
        RecordState::Pending => (record.aborted(), StepAnswer::Dead),
        RecordState::Active if !rules.lacks(NameFlaw::BlindAbort) => (record, StepAnswer::Committed),
        _ => (record, StepAnswer::Dead),
    }
}

fn change_intend(
    rules: NameRules,
    record: NameRecord,
    ver: u8,
    (add, drop): (NameSet, NameSet),
    nonce: u8,
    consume: bool,
) -> (NameRecord, StepAnswer) {
    if !record.is_active() {
        return (record, StepAnswer::Dead);
    }
    let held = record.ops.names();
    if add.minus(held).is_empty() && drop.intersection(held).is_empty() {
        return (record, StepAnswer::Unchanged);
    }
    let is_loose = rules.lacks(NameFlaw::IntendWithoutVersion);
    if record.ver != ver && !is_loose {
        return (record, StepAnswer::Dead);
    }
    if consume && record.secret != SecretState::Usable {
        return (record, StepAnswer::SecretGone);
    }
    let op = if is_loose { 10 + nonce } else { ver + 1 };
    let mut after = record.without_change();
    after.ver = record.ver.max(op);
    (after.chg_op, after.chg_add, after.chg_drop) = (op, add.minus(held), drop);
    if consume && rules.lacks(NameFlaw::IntentConsumes) {
        after.secret = SecretState::Consumed;
    }
    (after, StepAnswer::Intended(op))
}

/// The moment of a change: all names at once.
fn change_commit(rules: NameRules, record: NameRecord, op: u8, consume: bool) -> (NameRecord, StepAnswer) {
    if !record.is_active() {
        return (record, StepAnswer::Dead);
    }
    if record.chg_op != op {
        let is_done = record.ops.names().iter().any(|name| record.ops.get(name) == op);
        let answer = if is_done { StepAnswer::DoneWithStale(record.stale) } else { StepAnswer::Dead };
        return (record, answer);
    }
    let is_checked = !rules.lacks(NameFlaw::IntentConsumes) && !rules.lacks(NameFlaw::CommitConsumesBlindly);
    if consume && is_checked && record.secret != SecretState::Usable {
        return (record.without_change(), StepAnswer::SecretGone);
    }
    let replaced = record.chg_drop.intersection(record.ops.names());
    let mut after = record.without_names(replaced);
    if rules.lacks(NameFlaw::CommitForgetsReplaced) {
        for name in replaced.iter().skip(1) {
            after.stale = after.stale.without(name, record.ops.get(name));
        }
    }
    for name in record.chg_add.iter() {
        after.ops = after.ops.with(name, op);
    }
    (after.chg_op, after.chg_add, after.chg_drop) = (0, NameSet::EMPTY, NameSet::EMPTY);
    if consume {
        (after.secret, after.effects) = (SecretState::Consumed, record.effects + 1);
    }
    (after, StepAnswer::DoneWithStale(after.stale))
}

fn change_abort(record: NameRecord, op: u8) -> (NameRecord, StepAnswer) {
    if record.is_active() && record.chg_op == op {
        return (record.without_change(), StepAnswer::Dead);
    }
    let is_done = record.is_active() && record.ops.names().iter().any(|name| record.ops.get(name) == op);
    (record, if is_done { StepAnswer::Committed } else { StepAnswer::Dead })
}

fn edit_names(rules: NameRules, record: NameRecord, ver: u8, drop: NameSet) -> (NameRecord, StepAnswer) {
    if !record.is_active() || (record.ver != ver && !rules.lacks(NameFlaw::EditUncompared)) {
        return (record, StepAnswer::Dead);
    }
    let keeps_change = rules.lacks(NameFlaw::EditKeepsChange);
    let mut after = if keeps_change { record } else { record.without_change() };
    after = after.without_names(drop);
    after.ver += 1;
    (after, StepAnswer::DoneWithStale(after.stale))
}

/// The moment of a deletion.
fn remove_user(rules: NameRules, record: NameRecord) -> (NameRecord, StepAnswer) {
    match record.state {
        RecordState::Active => {
            let stale = record.without_change().without_names(record.ops.names()).stale;
            let tombstone = NameRecord {
                state: RecordState::Deleted,
                ver: record.ver,
                stale,
                secret: record.secret,
                effects: record.effects,
                ..NameRecord::default()
            };
            let after = if rules.lacks(NameFlaw::DeleteRemoves) { NameRecord::default() } else { tombstone };
            (after, StepAnswer::DoneWithStale(stale))
        }
        RecordState::Deleted => (record, StepAnswer::DoneWithStale(record.stale)),
        _ => (record, StepAnswer::Dead),
    }
}

/// May the claim "user, operation id" on this name be taken over? DEAD is final: what could still commit is aborted
/// first, with all names of its operation.
fn resolve_claim(rules: NameRules, record: NameRecord, name: u8, op: u8, passed: bool) -> (NameRecord, StepAnswer) {
    let knows = |names: NameSet| {
        if rules.lacks(NameFlaw::ResolveFirstOnly) { names.first() == Some(name) } else { names.contains(name) }
    };
    let has_it = record.ops.get(name) == op && op != 0 && knows(record.ops.names());
    let adds_it = record.chg_op == op && op != 0 && knows(record.chg_add);
    match record.state {
        RecordState::Pending if has_it && !passed => (record, StepAnswer::Busy),
        RecordState::Pending if has_it => {
            let after = if rules.lacks(NameFlaw::TakeoverWithoutAbort) {
                record
            } else if rules.lacks(NameFlaw::AbortDeletes) {
                NameRecord::default()
            } else {
                record.aborted()
            };
            (after, StepAnswer::Dead)
        }
        RecordState::Active if has_it => (record, StepAnswer::Owned),
        RecordState::Active if adds_it && !passed => (record, StepAnswer::Busy),
        RecordState::Active if adds_it && rules.lacks(NameFlaw::TakeoverWithoutAbort) => (record, StepAnswer::Dead),
        RecordState::Active if adds_it && rules.lacks(NameFlaw::ResolveAbortsOneName) => {
            let chg_add = record.chg_add.minus(NameSet::one(name));
            let after = NameRecord { chg_add, stale: record.stale.with(name, op), ..record };
            (if chg_add.is_empty() { after.without_change() } else { after }, StepAnswer::Dead)
        }
        RecordState::Active if adds_it => (record.without_change(), StepAnswer::Dead),
        _ => (record, StepAnswer::Dead),
    }
}

fn take_claim(
    rules: NameRules,
    held: HolderPointer,
    expected: HolderPointer,
    mine: HolderPointer,
) -> (HolderPointer, StepAnswer) {
    let is_overwritten = rules.lacks(NameFlaw::OwnClaimOverwritten) && !held.is_none() && held.user() == mine.user();
    if held == mine || held == expected || is_overwritten {
        (mine, StepAnswer::Done)
    } else {
        (held, StepAnswer::Claim(held))
    }
}

fn release_claim(rules: NameRules, held: HolderPointer, pointer: HolderPointer) -> (HolderPointer, StepAnswer) {
    let by_user = rules.lacks(NameFlaw::ReleaseByUser) && !held.is_none() && held.user() == pointer.user();
    (if held == pointer || by_user { HolderPointer::NONE } else { held }, StepAnswer::Done)
}

/// The intent for a given id. Each attempt that does not meet its own pending record gets a fresh operation id: greater
/// than that of the tombstone, and by the server's clock greater than all that were forgotten.
fn import_intend(
    rules: NameRules,
    store: &mut NameStore,
    user: u8,
    names: NameSet,
    digest: u8,
    passed: bool,
) -> StepAnswer {
    let record = store.record(user);
    match record.state {
        RecordState::Active => return StepAnswer::Committed,
        RecordState::Deleted => return StepAnswer::Dead,
        RecordState::Pending if record.ops.names() == names && record.digest == digest => {
            return StepAnswer::Intended(record.ver);
        }
        RecordState::Pending if !passed => return StepAnswer::Busy,
        _ => {}
    }
    let clock = if rules.lacks(NameFlaw::ImportClockBack) { 0 } else { store.clock };
    let op = if rules.lacks(NameFlaw::ImportFixedOp) { 1 } else { (record.ver + 1).max(clock + 1) };
    store.clock = store.clock.max(op);
    let (state, ops) = (RecordState::Pending, NameOps::all(names, op));
    store.users[usize::from(user)] = NameRecord { state, ver: op, ops, digest, ..NameRecord::default() };
    StepAnswer::Intended(op)
}

/// The moment of an import. The operation id must be the one that was claimed.
fn import_commit(rules: NameRules, record: NameRecord, op: u8, digest: u8) -> (NameRecord, StepAnswer) {
    let is_claimed = record.ver == op || record.ops.names().iter().any(|name| record.ops.get(name) == op);
    let has_op = rules.lacks(NameFlaw::ImportCommitAnyOp) || is_claimed;
    let is_ours = record.digest == digest && has_op;
    match record.state {
        RecordState::Pending if is_ours => (NameRecord { state: RecordState::Active, ..record }, StepAnswer::Done),
        RecordState::Active if is_ours => (record, StepAnswer::Done),
        _ => (record, StepAnswer::Dead),
    }
}
