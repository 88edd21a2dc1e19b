//! The steps on one shard, each atomic: a pure function from the shard and a message to the shard and an answer.

use super::store::{
    JobState, OneTimeSecret, QueuedJob, ShardAnswer, ShardFlaw, ShardHistory, ShardStep, ShardStore, UserEdit,
};

/// How a shard is run: the protocol or a broken variant, and how many jobs a queue takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShardRules {
    /// The guard that is left out.
    pub(crate) flaw: Option<ShardFlaw>,
    /// The most jobs in the queue.
    pub(crate) jobs_max: usize,
}

impl ShardRules {
    pub(crate) fn lacks(self, flaw: ShardFlaw) -> bool {
        self.flaw == Some(flaw)
    }
}

/// Runs one step.
pub(crate) fn run_step(
    rules: ShardRules,
    store: &mut ShardStore,
    history: &mut ShardHistory,
    step: ShardStep,
) -> ShardAnswer {
    match step {
        ShardStep::ReadUser { user } => ShardAnswer::User(store.user(user)),
        ShardStep::UpdateUser { user, rev, nonce, request, edit } => {
            update_user(rules, store, history, (user, rev, nonce, request), edit)
        }
        ShardStep::LateEffect { user, request } => {
            store.users[usize::from(user)].effects += 1;
            store.count(request);
            ShardAnswer::Done
        }
        ShardStep::LateEvent { user } => {
            store.append(history, user);
            ShardAnswer::Done
        }
        ShardStep::AskFirst { request, job } => ask_first(rules, store, history, request, job),
        ShardStep::LeaseJob { job } => lease_job(rules, store, history, job),
        ShardStep::FinishJob { job, fence } => finish_job(rules, store, job, fence),
        ShardStep::PostponeJob { job, fence } => postpone_job(store, job, fence),
        ShardStep::DoJob { posting } => {
            history.done |= 1 << posting;
            ShardAnswer::Done
        }
        ShardStep::DeliverEvent { entry } => {
            history.seen |= 1 << entry.serial;
            ShardAnswer::Done
        }
        ShardStep::DeliverGap { from, to } => {
            for index in from..to {
                history.in_gap |= 1 << store.entry(index).serial;
            }
            ShardAnswer::Done
        }
        feed => feed_step(rules, store, history, feed),
    }
}

/// The steps of a reader.
fn feed_step(rules: ShardRules, store: &mut ShardStore, history: &mut ShardHistory, step: ShardStep) -> ShardAnswer {
    match step {
        ShardStep::LeaseReader => {
            store.reader_fence = next_fence(history);
            ShardAnswer::Leased { fence: store.reader_fence, position: store.position }
        }
        ShardStep::ReadAfter { position } => read_after(rules, store, position),
        ShardStep::AdvanceOver { fence, from, to, entry } => {
            let is_there = store.has_entry(to, entry) || rules.lacks(ShardFlaw::AdvanceOverAnything);
            advance(rules, store, (fence, from, to), is_there)
        }
        ShardStep::SetAside { fence, from, to, entry } => {
            let is_there = store.has_entry(to, entry);
            let answer = advance(rules, store, (fence, from, to), is_there);
            if answer == ShardAnswer::Done {
                store.aside |= 1 << entry.serial;
            }
            answer
        }
        ShardStep::ForgetAside { fence, entry } => {
            if store.reader_fence != fence {
                return ShardAnswer::Stale;
            }
            store.aside &= !(1 << entry.serial);
            ShardAnswer::Done
        }
        ShardStep::AdvanceGap { fence, from, to } => {
            let is_trimmed = to <= store.trimmed;
            advance(rules, store, (fence, from, to), is_trimmed)
        }
        _ => ShardAnswer::Missing,
    }
}

fn next_fence(history: &mut ShardHistory) -> u8 {
    history.fences += 1;
    history.fences
}

/// One change of a user: version, secret, event, job, all or nothing.
fn update_user(
    rules: ShardRules,
    store: &mut ShardStore,
    history: &mut ShardHistory,
    (user, rev, nonce, request): (u8, u8, u8, u8),
    edit: UserEdit,
) -> ShardAnswer {
    let row = store.user(user);
    let is_repeat = row.rev == rev + 1 && row.by == nonce && !rules.lacks(ShardFlaw::UpdateWithoutNonce);
    if is_repeat {
        if rules.lacks(ShardFlaw::PostedAgain)
            && let Some(job) = edit.post
        {
            post(rules, store, history, job, request);
        }
        return ShardAnswer::Done;
    }
    if !row.is_active {
        return ShardAnswer::Missing;
    }
    let is_loose = edit.put && rules.lacks(ShardFlaw::PutUnfenced);
    if row.rev != rev && !is_loose {
        return ShardAnswer::Stale;
    }
    let is_usable = match row.secret {
        OneTimeSecret::Usable => true,
        OneTimeSecret::Expired => rules.lacks(ShardFlaw::ExpiryByCaller),
        _ => false,
    };
    if edit.consume && !is_usable {
        return ShardAnswer::Gone;
    }
    if edit.put && is_usable {
        return ShardAnswer::Stale;
    }
    apply_edit(rules, store, user, (nonce, request), edit);
    if let Some(job) = edit.post {
        post(rules, store, history, job, request);
    }
    if !rules.lacks(ShardFlaw::EventLater) {
        store.append(history, user);
    }
    ShardAnswer::Done
}

fn apply_edit(rules: ShardRules, store: &mut ShardStore, user: u8, (nonce, request): (u8, u8), edit: UserEdit) {
    let happens = !(edit.consume && rules.lacks(ShardFlaw::ConsumeThenEffect));
    let row = &mut store.users[usize::from(user)];
    row.rev += 1;
    row.by = nonce;
    if edit.put {
        row.secret = OneTimeSecret::Usable;
    }
    if edit.consume {
        row.effects += u8::from(happens);
        row.secret = OneTimeSecret::Consumed;
    }
    if edit.delete {
        row.is_active = false;
        row.secret = OneTimeSecret::Absent;
    }
    if happens {
        store.count(request);
    }
}

/// Posts a job, idempotent by id; false if the queue is full.
fn post(rules: ShardRules, store: &mut ShardStore, history: &mut ShardHistory, job: u8, request: u8) -> bool {
    let waiting = store.jobs.iter().filter(|row| row.state != JobState::Absent).count();
    let row = &mut store.jobs[usize::from(job)];
    if row.state != JobState::Absent {
        return true;
    }
    if waiting >= rules.jobs_max {
        return false;
    }
    let is_new = row.posted_by >> request & 1 == 0;
    if is_new {
        history.postings += 1;
    }
    let posting = if is_new { history.postings } else { row.posting };
    *row = QueuedJob { state: JobState::Waiting, fence: 0, posting, posted_by: row.posted_by | 1 << request };
    true
}

fn ask_first(
    rules: ShardRules,
    store: &mut ShardStore,
    history: &mut ShardHistory,
    request: u8,
    job: u8,
) -> ShardAnswer {
    if store.asked >> request & 1 == 1 {
        return ShardAnswer::Done;
    }
    if !post(rules, store, history, job, request) {
        return ShardAnswer::Full;
    }
    store.asked |= 1 << request;
    ShardAnswer::Done
}

fn read_after(rules: ShardRules, store: &ShardStore, position: u8) -> ShardAnswer {
    if position < store.trimmed && !rules.lacks(ShardFlaw::TrimSilently) {
        return ShardAnswer::Gap { to: store.trimmed };
    }
    let index = position.max(store.trimmed);
    if index >= store.appended {
        return store.first_aside().map_or(ShardAnswer::End, |entry| ShardAnswer::Aside { entry });
    }
    let entry = store.entry(index);
    let follows_aside = store.has_aside(entry.user) && !rules.lacks(ShardFlaw::SetAsideAlone);
    ShardAnswer::Entry { index, entry, follows_aside }
}

fn advance(rules: ShardRules, store: &mut ShardStore, (fence, from, to): (u8, u8, u8), is_there: bool) -> ShardAnswer {
    let is_held = store.reader_fence == fence && store.position == from;
    if store.reader_fence == fence && store.position == to {
        return ShardAnswer::Done;
    }
    if !is_there || !(is_held || rules.lacks(ShardFlaw::AdvanceUnfenced)) {
        return ShardAnswer::Stale;
    }
    store.position = to;
    ShardAnswer::Done
}

fn lease_job(rules: ShardRules, store: &mut ShardStore, history: &mut ShardHistory, job: u8) -> ShardAnswer {
    let posting = store.jobs[usize::from(job)].posting;
    if store.jobs[usize::from(job)].state == JobState::Absent {
        return ShardAnswer::Missing;
    }
    let row = &mut store.jobs[usize::from(job)];
    let fence = if rules.lacks(ShardFlaw::CountedFences) { row.fence + 1 } else { next_fence(history) };
    let state = if rules.lacks(ShardFlaw::RemovedAtLease) { JobState::Absent } else { JobState::Leased };
    (row.state, row.fence) = (state, fence);
    ShardAnswer::JobLeased { fence, posting }
}

fn postpone_job(store: &mut ShardStore, job: u8, fence: u8) -> ShardAnswer {
    let row = &mut store.jobs[usize::from(job)];
    if row.state != JobState::Leased || row.fence != fence {
        return ShardAnswer::Stale;
    }
    (row.state, row.fence) = (JobState::Waiting, 0);
    ShardAnswer::Done
}

fn finish_job(rules: ShardRules, store: &mut ShardStore, job: u8, fence: u8) -> ShardAnswer {
    let row = &mut store.jobs[usize::from(job)];
    let has_fence = row.fence == fence || rules.lacks(ShardFlaw::FinishUnfenced);
    let is_there =
        row.state == JobState::Leased || (rules.lacks(ShardFlaw::FinishUnfenced) && row.state != JobState::Absent);
    if !has_fence || !is_there {
        return ShardAnswer::Stale;
    }
    (row.state, row.fence) = (JobState::Absent, 0);
    if rules.lacks(ShardFlaw::AskForgotten) {
        store.asked = 0;
    }
    ShardAnswer::Done
}
