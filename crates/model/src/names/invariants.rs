//! What must hold: in every state, between two states, when requests have ended, and after a crash of everything.

use crate::explorer::{PropertyViolation, violated};

use super::client::{NameClient, NameTask};
use super::record::{NameStep, NameStore, RecordState, SecretState};
use super::scenario::{AcknowledgedSet, NameMove, NameScenario, NameState, task_advance, task_request};
use super::steps::run_step;
use super::values::{FRESH_USER, NameSet, USERS, letter};

/// I1: there are never two active users with one name.
pub(crate) const ONE_OWNER: &str = "I1 one owner";
/// I2: each name of an active user has exactly that user's claim, under that operation id.
pub(crate) const CLAIM_OF_OWNER: &str = "I2 the claim is the owner's";
/// I2b: what a request has committed is not gone when it verifies it.
pub(crate) const COMMITTED_STAYS: &str = "I2b committed stays";
/// I3: an acknowledged user is active until an acknowledged deletion, an acknowledged effect of a secret is there.
pub(crate) const ACKNOWLEDGED_STAYS: &str = "I3 acknowledged stays";
/// I4: from any state, with all clients crashed, a new sign-up for a free name succeeds, for a taken one fails.
pub(crate) const NOT_BLOCKED: &str = "I4 no name is blocked";
/// I5: a tombstone never becomes active, versions never go back.
pub(crate) const FENCE_GROWS: &str = "I5 tombstones and versions";
/// I6: a deleted user never comes back.
pub(crate) const DELETED_STAYS: &str = "I6 deleted stays";
/// I7: one run of the doctor leaves claims = names of active users, no leftovers, and changes no active user.
pub(crate) const DOCTOR_REPAIRS: &str = "I7 the doctor repairs";
/// I8: a request that ends leaves no claim that no record accounts for.
pub(crate) const ENDS_CLEAN: &str = "I8 requests end clean";
/// I9: where no deadline passes and no client crashes, one of several that want the same names succeeds.
pub(crate) const ONE_SUCCEEDS: &str = "I9 one succeeds";
/// I10: a change that was announced before an edit does not become effective after it.
pub(crate) const EDIT_SUPERSEDES: &str = "I10 an edit supersedes";
/// I11: a message that was done, or that came too late, has no effect on a record when a copy of it arrives.
pub(crate) const COPIES_DO_NOTHING: &str = "I11 late copies do nothing";
/// S1: a secret has at most one effect.
pub(crate) const ONE_EFFECT: &str = "S1 one effect";
/// S2: a secret is gone only together with its effect.
pub(crate) const CONSUMED_WITH_EFFECT: &str = "S2 consumed with its effect";

/// S3: a secret that has expired, or was consumed, has no effect.
pub(crate) const NO_LATE_EFFECT: &str = "S3 no late effect";

/// How many steps one client needs at most when it is alone.
const SOLO_STEPS_MAX: usize = 400;

/// I1, I2, S1, S2.
pub(crate) fn check_store(scenario: &NameScenario, store: &NameStore) -> Result<(), PropertyViolation> {
    let (mut taken, mut confirmed) = (NameSet::EMPTY, 0);
    for user in scenario.users.iter().copied().chain([FRESH_USER]) {
        let record = store.record(user);
        let names = record.active_names();
        if let Some(name) = names.intersection(taken).first() {
            return violated(ONE_OWNER, format!("{} has a second owner, user {user}", letter(name)));
        }
        taken = taken.union(names);
        let has_been_user = matches!(record.state, RecordState::Active | RecordState::Deleted);
        confirmed += u8::from(has_been_user && scenario.one_user_of >> user & 1 == 1);
        if confirmed > 1 {
            return violated(ONE_EFFECT, format!("one sign-up was confirmed, and user {user} is the second one"));
        }
        for name in names.iter() {
            let (claim, op) = (store.claim(name), record.ops.get(name));
            if claim.is_none() || claim.user() != user || claim.op() != op {
                let text = format!("user {user} has {} under {op}, the claim is {claim:?}", letter(name));
                return violated(CLAIM_OF_OWNER, text);
            }
        }
        if record.effects > 1 {
            return violated(ONE_EFFECT, format!("user {user}: {} effects", record.effects));
        }
        if record.secret == SecretState::Consumed && record.effects == 0 && record.chg_op == 0 {
            return violated(CONSUMED_WITH_EFFECT, format!("the secret of user {user} is gone without effect"));
        }
    }
    Ok(())
}

/// I2b, I3, I6.
pub(crate) fn check_acknowledged(
    scenario: &NameScenario,
    store: &NameStore,
    acknowledged: &AcknowledgedSet,
) -> Result<(), PropertyViolation> {
    let lost = acknowledged.lost_claim | acknowledged.lost_user;
    if lost != 0 {
        return violated(COMMITTED_STAYS, format!("users (bits) {lost:b}: committed, then found gone"));
    }
    for user in scenario.users.iter().copied() {
        let record = store.record(user);
        let has = |set: u8| set >> user & 1 == 1;
        let is_deleted = record.state == RecordState::Deleted;
        let may_be_deleted = is_deleted && scenario.deletes(user);
        if has(acknowledged.created) && !has(acknowledged.deleted) && !record.is_active() && !may_be_deleted {
            return violated(ACKNOWLEDGED_STAYS, format!("user {user} is {record:?}"));
        }
        if has(acknowledged.deleted) && !is_deleted && record.state != RecordState::Absent {
            return violated(DELETED_STAYS, format!("user {user} is {record:?}"));
        }
        if has(acknowledged.consumed) && record.effects == 0 && !is_deleted {
            return violated(ACKNOWLEDGED_STAYS, format!("the acknowledged effect of user {user} is gone"));
        }
    }
    Ok(())
}

/// I5, and that an acknowledged change is in the record, unless a later operation came.
pub(crate) fn check_move(
    scenario: &NameScenario,
    before: &NameState,
    taken: &NameMove,
    after: &NameState,
) -> Result<(), PropertyViolation> {
    if matches!(taken, NameMove::Expiry(_)) {
        return Ok(());
    }
    check_copy(before, taken, after)?;
    for user in scenario.users.iter().copied() {
        let (old, new) = (before.store.record(user), after.store.record(user));
        if new.ver < old.ver {
            return violated(
                FENCE_GROWS,
                format!("the version of user {user} went back from {} to {}", old.ver, new.ver),
            );
        }
        // An import begins again where an earlier attempt was aborted, under a greater operation id.
        let begins_again = new.state == RecordState::Pending
            && old.state == RecordState::Aborted
            && new.digest != 0
            && new.ver > old.ver;
        let is_tombstone = matches!(old.state, RecordState::Aborted | RecordState::Deleted);
        if is_tombstone && new.state != old.state && !begins_again {
            return violated(FENCE_GROWS, format!("the tombstone of user {user} became {new:?}"));
        }
        if new.is_active() && old.chg_op != 0 && new.ops != old.ops && old.ver != old.chg_op && new.chg_op == 0 {
            return violated(EDIT_SUPERSEDES, format!("{old:?} became {new:?}"));
        }
        if new.effects > old.effects && old.secret != SecretState::Usable {
            return violated(NO_LATE_EFFECT, format!("{old:?} became {new:?}"));
        }
        let index = usize::from(user);
        let added = after.acknowledged.changed[index].minus(before.acknowledged.changed[index]);
        let op = if let NameMove::Step(client, ..) = taken { before.clients[usize::from(*client)].op } else { 0 };
        let is_there = |name| new.ops.get(name) == op || new.ver > op || new.state == RecordState::Deleted;
        if let Some(name) = added.iter().find(|name| !is_there(*name)) {
            return violated(
                ACKNOWLEDGED_STAYS,
                format!("the change that gave {} to user {user} is acknowledged, and not there", letter(name)),
            );
        }
    }
    Ok(())
}

/// I11. Steps that take back what was begun are exempt: a copy may abort a later attempt, which is safe.
fn check_copy(before: &NameState, taken: &NameMove, after: &NameState) -> Result<(), PropertyViolation> {
    let NameMove::LateCopy(step, _) = taken else { return Ok(()) };
    let has_effect = matches!(
        step,
        NameStep::SignUpCommit { .. }
            | NameStep::ImportCommit { .. }
            | NameStep::ChangeIntend { .. }
            | NameStep::ChangeCommit { .. }
            | NameStep::EditNames { .. }
            | NameStep::RemoveUser { .. }
    );
    if has_effect && before.store.users != after.store.users {
        return violated(COPIES_DO_NOTHING, format!("a copy of {step:?}: {:?}", after.store.users));
    }
    Ok(())
}

/// I8 and I9, once every client has ended.
pub(crate) fn check_end(scenario: &NameScenario, state: &NameState) -> Result<(), PropertyViolation> {
    let is_running = (0..scenario.programs.len()).any(|index| scenario.task(index, state.clients[index]).is_some());
    if is_running || state.copies.iter().any(Option::is_some) {
        return Ok(());
    }
    if !scenario.deadlines_pass {
        let changed = state.acknowledged.changed.iter().any(|names| !names.is_empty());
        let initial = scenario.initial_state().acknowledged.created;
        if state.acknowledged.created == initial && !changed {
            return violated(ONE_SUCCEEDS, "every request was refused");
        }
    }
    for name in (0..scenario.names).filter(|_| scenario.ends_clean) {
        let claim = state.store.claim(name);
        if claim.is_none() {
            continue;
        }
        let record = state.store.record(claim.user());
        let is_held = record.ops.get(name) == claim.op();
        let is_in_flight = record.chg_op == claim.op() && record.chg_add.contains(name);
        if !is_held && !is_in_flight && !record.stale.contains(name, claim.op()) {
            return violated(ENDS_CLEAN, format!("the claim {claim:?} on {} is in no record", letter(name)));
        }
    }
    Ok(())
}

/// I4 and I7: all clients have crashed, all deadlines have passed.
pub(crate) fn check_recovery(scenario: &NameScenario, store: &NameStore) -> Result<(), PropertyViolation> {
    let owned = owned_names(store);
    for name in 0..scenario.names {
        let names = NameSet::one(name);
        let mut alone = *store;
        alone.users[usize::from(FRESH_USER)] = super::record::NameRecord::default();
        run_alone(scenario, &mut alone, NameTask::SignUp { user: FRESH_USER, names, is_reversed: false })?;
        let succeeded = alone.record(FRESH_USER).is_active();
        if succeeded == owned.contains(name) {
            let text = if succeeded { "has a second owner" } else { "is blocked for ever" };
            return violated(NOT_BLOCKED, format!("{} {text}: {store:?}", letter(name)));
        }
        check_store(scenario, &alone)?;
    }
    let mut repaired = *store;
    run_alone(scenario, &mut repaired, NameTask::Doctor)?;
    check_repaired(scenario, store, &repaired)?;
    check_store(scenario, &repaired)
}

fn check_repaired(scenario: &NameScenario, before: &NameStore, after: &NameStore) -> Result<(), PropertyViolation> {
    let owned = owned_names(before);
    for name in 0..scenario.names {
        if after.claim(name).is_none() == owned.contains(name) {
            let text = format!("the claim on {} is {:?}, owned are {owned:?}", letter(name), after.claim(name));
            return violated(DOCTOR_REPAIRS, text);
        }
    }
    for user in scenario.users.iter().copied() {
        let (old, new) = (before.record(user), after.record(user));
        if new.state == RecordState::Pending || new.chg_op != 0 || !new.stale.is_empty() {
            return violated(DOCTOR_REPAIRS, format!("left over: {new:?}"));
        }
        if old.is_active() && !(new.is_active() && new.ops == old.ops) {
            return violated(DOCTOR_REPAIRS, format!("user {user} was changed from {old:?} to {new:?}"));
        }
    }
    Ok(())
}

fn owned_names(store: &NameStore) -> NameSet {
    let all = (0..USERS).map(|user| store.users[user].active_names());
    all.fold(NameSet::EMPTY, NameSet::union)
}

/// Runs one client to its end; every deadline has passed.
pub(crate) fn run_alone(
    scenario: &NameScenario,
    store: &mut NameStore,
    task: NameTask,
) -> Result<(), PropertyViolation> {
    let mut client = NameClient::default();
    for _ in 0..SOLO_STEPS_MAX {
        let Some(step) = task_request(scenario.context(), task, client).filter(|_| client.at == 0) else {
            return Ok(());
        };
        let step: NameStep = step.with_deadline_passed().unwrap_or(step);
        let answer = run_step(scenario.rules, store, step);
        client = task_advance(scenario.context(), task, client, answer).0;
    }
    violated(NOT_BLOCKED, "a client that is alone does not end")
}

impl NameScenario {
    /// Whether a client deletes this user.
    fn deletes(&self, user: u8) -> bool {
        self.programs.iter().flatten().any(|task| matches!(task, NameTask::Delete { user: of, .. } if *of == user))
    }
}
