//! What must hold for secrets, events and jobs of one shard.

use crate::explorer::{PropertyViolation, violated};

use super::clients::{ShardClient, ShardTask};
use super::scenario::{ShardMove, ShardRemains, ShardState};
use super::steps::{ShardRules, run_step};
use super::store::{EventEntry, JOBS, JobState, OneTimeSecret, ShardAnswer, ShardHistory, ShardStep, ShardStore};

/// S1: a secret has at most one effect.
pub(crate) const ONE_EFFECT: &str = "S1 one effect";
/// S2: a secret is gone only together with its effect.
pub(crate) const CONSUMED_WITH_EFFECT: &str = "S2 consumed with its effect";
/// S3: a secret that has expired, or was consumed, has no effect.
pub(crate) const NO_LATE_EFFECT: &str = "S3 no late effect";
/// W1: what was acknowledged is there.
pub(crate) const ACKNOWLEDGED_IS_THERE: &str = "W1 acknowledged is there";
/// W2: what was refused for good has not happened.
pub(crate) const REFUSED_IS_NOT: &str = "W2 refused has not happened";
/// W3: a request happens at most once.
pub(crate) const HAPPENS_ONCE: &str = "W3 happens once";
/// W4: versions never go back, deleted users never come back.
pub(crate) const VERSIONS_GROW: &str = "W4 versions grow";
/// U1: what is attached to a user dies with the user.
pub(crate) const DIES_WITH_USER: &str = "U1 dies with the user";
/// E1: no event is passed before it was seen, reported in a gap, or set aside.
pub(crate) const NOTHING_PASSED: &str = "E1 nothing passed unseen";
/// E2: a user's events are first seen in order (those reported in a gap may still come).
pub(crate) const SEEN_IN_ORDER: &str = "E2 seen in order";
/// E3: every change has its event.
pub(crate) const EVENT_FOR_CHANGE: &str = "E3 every change has its event";
/// E4: a position never goes back.
pub(crate) const POSITIONS_GROW: &str = "E4 positions grow";
/// E5: from any state, with all nodes crashed, another one brings the receiver everything that is left.
pub(crate) const FEED_RECOVERS: &str = "E5 the feed recovers";
/// E6: what the receiver sees has happened, and is not forgotten.
pub(crate) const HAS_HAPPENED: &str = "E6 what is seen has happened";
/// J1: a job leaves the queue only after it was done.
pub(crate) const DONE_ONCE_AT_LEAST: &str = "J1 done at least once";
/// J2: a job is not leased any more after the holder of its lease has finished it.
pub(crate) const FINISHED_STAYS: &str = "J2 finished stays finished";
/// J3: the queue is bounded.
pub(crate) const QUEUE_BOUNDED: &str = "J3 the queue is bounded";
/// J4: from any state, with all workers crashed, another one does every job.
pub(crate) const JOBS_RECOVER: &str = "J4 jobs recover";

/// How many steps one client needs at most when it is alone.
const SOLO_STEPS_MAX: usize = 100;

/// Checks one state.
pub(crate) fn check_state(rules: ShardRules, state: &ShardState) -> Result<(), PropertyViolation> {
    let (store, history) = (&state.store, &state.history);
    check_users(store)?;
    for request in 0..4 {
        let count = store.happened(request);
        let is_in = |set: u8| set >> request & 1 == 1;
        if count > 1 {
            return violated(HAPPENS_ONCE, format!("request {request} has happened {count} times"));
        }
        if is_in(state.refused) && count > 0 {
            return violated(REFUSED_IS_NOT, format!("request {request} was refused, and has happened"));
        }
        let is_asked = store.jobs.iter().any(|row| row.posted_by >> request & 1 == 1);
        if is_in(state.acknowledged) && count == 0 && !is_asked {
            return violated(ACKNOWLEDGED_IS_THERE, format!("request {request} was acknowledged"));
        }
    }
    check_position(store, history)?;
    let waiting = store.jobs.iter().filter(|row| row.state != JobState::Absent).count();
    if waiting > rules.jobs_max {
        return violated(QUEUE_BOUNDED, format!("{waiting} jobs wait"));
    }
    for (job, row) in store.jobs.iter().enumerate() {
        if row.state == JobState::Absent && row.posting != 0 && history.done >> row.posting & 1 == 0 {
            return violated(DONE_ONCE_AT_LEAST, format!("job {job} is gone and was not done"));
        }
    }
    Ok(())
}

fn check_users(store: &ShardStore) -> Result<(), PropertyViolation> {
    for (user, row) in store.users.iter().enumerate() {
        if row.effects > 1 {
            return violated(ONE_EFFECT, format!("user {user}: {} effects", row.effects));
        }
        if !row.is_active && row.secret == OneTimeSecret::Usable {
            return violated(DIES_WITH_USER, format!("the secret of user {user} is usable"));
        }
        if row.secret == OneTimeSecret::Consumed && row.effects == 0 {
            return violated(CONSUMED_WITH_EFFECT, format!("the secret of user {user} is gone without effect"));
        }
        if row.rev != row.events + 1 && row.rev != 0 {
            return violated(EVENT_FOR_CHANGE, format!("user {user}: version {}, {} events", row.rev, row.events));
        }
    }
    Ok(())
}

fn check_position(store: &ShardStore, history: &ShardHistory) -> Result<(), PropertyViolation> {
    if store.position > store.appended {
        return violated(NOTHING_PASSED, format!("the position is {}, the end {}", store.position, store.appended));
    }
    let passed = (0..store.position)
        .map(|index| store.entry(index))
        .find(|entry| !is_known(history, *entry) && store.aside >> entry.serial & 1 == 0);
    passed.map_or(Ok(()), |entry| violated(NOTHING_PASSED, format!("{entry:?} was passed unseen")))
}

/// Whether the receiver has seen an event, or has been notified of a gap that it is in.
fn is_known(history: &ShardHistory, entry: EventEntry) -> bool {
    (history.seen | history.in_gap) >> entry.serial & 1 == 1
}

/// Checks one move.
pub(crate) fn check_move(before: &ShardState, taken: &ShardMove, after: &ShardState) -> Result<(), PropertyViolation> {
    if matches!(taken, ShardMove::Failover) {
        return Ok(());
    }
    for (user, (old, new)) in before.store.users.iter().zip(&after.store.users).enumerate() {
        if new.rev < old.rev || (new.is_active && !old.is_active) {
            return violated(VERSIONS_GROW, format!("user {user}: {old:?} became {new:?}"));
        }
        if new.effects > old.effects && !matches!(old.secret, OneTimeSecret::Usable | OneTimeSecret::Consumed) {
            return violated(NO_LATE_EFFECT, format!("user {user}: {old:?} became {new:?}"));
        }
    }
    if after.store.position < before.store.position {
        return violated(POSITIONS_GROW, format!("from {} to {}", before.store.position, after.store.position));
    }
    if let ShardMove::Step(_, ShardStep::DeliverEvent { entry }, ..) = taken {
        check_delivery(before, *entry)?;
    }
    let leased = match taken {
        ShardMove::Step(_, _, ShardAnswer::JobLeased { posting, .. }, _)
        | ShardMove::LateCopy(_, ShardAnswer::JobLeased { posting, .. }) => *posting,
        _ => return Ok(()),
    };
    if before.history.finished >> leased & 1 == 1 {
        return violated(FINISHED_STAYS, format!("posting {leased} was finished, and is leased again"));
    }
    Ok(())
}

/// E2 and E6, when the receiver gets an event.
fn check_delivery(before: &ShardState, entry: EventEntry) -> Result<(), PropertyViolation> {
    let entries = &before.store.entries[..usize::from(before.store.appended)];
    if !entries.contains(&entry) {
        return violated(HAS_HAPPENED, format!("{entry:?} is delivered, and its change is forgotten"));
    }
    let is_later = |other: &&EventEntry| {
        other.user == entry.user && other.serial > entry.serial && before.history.seen >> other.serial & 1 == 1
    };
    if !is_known(&before.history, entry)
        && let Some(later) = entries.iter().find(is_later)
    {
        return violated(SEEN_IN_ORDER, format!("{entry:?} was seen after {later:?}"));
    }
    Ok(())
}

/// All clients have crashed, all leases are over: one node reads to the end, one worker does every job.
pub(crate) fn check_recovery(rules: ShardRules, remains: &ShardRemains) -> Result<(), PropertyViolation> {
    let mut after = *remains;
    run_alone(rules, &mut after, ShardTask::Read { fails: false });
    check_position(&after.store, &after.history)?;
    let entries = &after.store.entries[..usize::from(after.store.appended)];
    if let Some(entry) = entries.iter().find(|entry| !is_known(&after.history, **entry)) {
        return violated(FEED_RECOVERS, format!("{entry:?} does not arrive any more"));
    }
    for job in 0..JOBS {
        run_alone(rules, &mut after, ShardTask::Work { job: u8::try_from(job).unwrap_or_default(), fails: false });
        let row = after.store.jobs[job];
        if row.state != JobState::Absent || (row.posting != 0 && after.history.done >> row.posting & 1 == 0) {
            return violated(JOBS_RECOVER, format!("job {job} is {row:?}"));
        }
    }
    Ok(())
}

fn run_alone(rules: ShardRules, remains: &mut ShardRemains, task: ShardTask) {
    let mut client = ShardClient::default();
    for _ in 0..SOLO_STEPS_MAX {
        if client.at != 0 {
            return;
        }
        let answer = run_step(rules, &mut remains.store, &mut remains.history, client.request(task));
        client = client.advance(task, rules.flaw, answer).0;
    }
}
