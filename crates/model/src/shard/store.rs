//! One shard: users with a one-time secret each, the event stream, a reader's position, jobs. And the steps' messages.
//!
//! Marked as *remembered* is what a real store does not keep: the model needs it to say whether a promise was kept.

/// How many users a shard has.
pub(crate) const USERS: usize = 2;
/// How many events a stream holds at most.
pub(crate) const EVENTS: usize = 6;
/// How many jobs there are.
pub(crate) const JOBS: usize = 2;

/// The one-time secret of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum OneTimeSecret {
    /// None was handed out.
    #[default]
    Absent,
    /// It can be consumed.
    Usable,
    /// It has expired by the store's clock.
    Expired,
    /// It was consumed; remembered.
    Consumed,
}

/// A user, as far as one shard is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct ShardUser {
    pub(crate) is_active: bool,
    /// The version, raised by every change.
    pub(crate) rev: u8,
    /// The nonce of the last change.
    pub(crate) by: u8,
    pub(crate) secret: OneTimeSecret,
    /// Effects of the secret; remembered.
    pub(crate) effects: u8,
    /// Events that were appended; remembered.
    pub(crate) events: u8,
}

/// The state of a job in its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum JobState {
    #[default]
    Absent,
    /// Due now or later.
    Waiting,
    /// Leased; the lease ends at its deadline.
    Leased,
}

/// A job. Its id is given by the change that posts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct QueuedJob {
    pub(crate) state: JobState,
    /// The fence of the present lease.
    pub(crate) fence: u8,
    /// Which posting this is, 0 for none; remembered.
    pub(crate) posting: u8,
    /// The requests that have posted it, one bit each; remembered.
    pub(crate) posted_by: u8,
}

/// Everything that one shard stores. It falls back as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct ShardStore {
    pub(crate) users: [ShardUser; USERS],
    /// The events: user and serial number. Trimmed ones are remembered.
    pub(crate) entries: [EventEntry; EVENTS],
    pub(crate) appended: u8,
    /// How many entries have been trimmed.
    pub(crate) trimmed: u8,
    /// The reader's position: how many entries are done.
    pub(crate) position: u8,
    /// Events that could not be delivered and wait apart, one bit for each serial number.
    pub(crate) aside: u16,
    /// The fence of the reader's present lease.
    pub(crate) reader_fence: u8,
    pub(crate) jobs: [QueuedJob; JOBS],
    /// Requests that were asked for before a user is known, one bit each: the rows that make them idempotent.
    pub(crate) asked: u8,
    /// How often the effect of each request has happened (4 bits each); remembered.
    pub(crate) happened: u16,
}

/// An event: its user, and a serial number that no other event ever has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub(crate) struct EventEntry {
    pub(crate) user: u8,
    pub(crate) serial: u8,
}

/// What the model counts, independent of the store: no failover takes it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct ShardHistory {
    /// The serial number of the last event.
    pub(crate) serials: u8,
    /// The last fence: unique, as a random number is.
    pub(crate) fences: u8,
    /// The last posting.
    pub(crate) postings: u8,
    /// Events that the receiver has seen, one bit for each serial number.
    pub(crate) seen: u16,
    /// Events that were reported as lost in a gap.
    pub(crate) in_gap: u16,
    /// Postings that were done, one bit each.
    pub(crate) done: u16,
    /// Postings whose finish was acknowledged to the holder of the lease.
    pub(crate) finished: u16,
}

impl ShardStore {
    pub(crate) fn user(&self, user: u8) -> ShardUser {
        self.users[usize::from(user)]
    }

    pub(crate) fn entry(&self, index: u8) -> EventEntry {
        self.entries[usize::from(index)]
    }

    /// Appends the event of a user.
    pub(crate) fn append(&mut self, history: &mut ShardHistory, user: u8) {
        history.serials += 1;
        let place = usize::from(self.appended).min(EVENTS - 1);
        self.entries[place] = EventEntry { user, serial: history.serials };
        self.appended += 1;
        self.users[usize::from(user)].events += 1;
    }

    /// Whether the entry that ends at this position is this one.
    pub(crate) fn has_entry(&self, to: u8, entry: EventEntry) -> bool {
        to <= self.appended && self.entry(to - 1) == entry
    }

    /// The oldest event that waits apart.
    pub(crate) fn first_aside(&self) -> Option<EventEntry> {
        self.entries.iter().copied().find(|entry| self.aside >> entry.serial & 1 == 1)
    }

    /// Whether an event of this user waits apart.
    pub(crate) fn has_aside(&self, user: u8) -> bool {
        self.entries.iter().any(|entry| entry.user == user && self.aside >> entry.serial & 1 == 1)
    }

    /// How often the effect of a request has happened.
    pub(crate) fn happened(&self, request: u8) -> u8 {
        (self.happened >> (4 * request) & 15) as u8
    }

    pub(crate) fn count(&mut self, request: u8) {
        self.happened += 1 << (4 * request);
    }
}

/// What a change does beside raising the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct UserEdit {
    /// Consumes the secret: it has an effect.
    pub(crate) consume: bool,
    /// Hands out a secret.
    pub(crate) put: bool,
    /// Deletes the user.
    pub(crate) delete: bool,
    /// Posts a job.
    pub(crate) post: Option<u8>,
}

/// A message: one step on the shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ShardStep {
    /// Reads a user.
    ReadUser { user: u8 },
    /// Changes a user: compares the version, then does everything or nothing. Its event and job are part of it.
    UpdateUser { user: u8, rev: u8, nonce: u8, request: u8, edit: UserEdit },
    /// The effect of a secret that was consumed before (a broken variant).
    LateEffect { user: u8, request: u8 },
    /// The event of a change that was made before (a broken variant).
    LateEvent { user: u8 },
    /// Takes a request without a user, and posts its job.
    AskFirst { request: u8, job: u8 },
    /// Leases the reader's position.
    LeaseReader,
    /// Reads the entry after a position.
    ReadAfter { position: u8 },
    /// Moves the position over one entry.
    AdvanceOver { fence: u8, from: u8, to: u8, entry: EventEntry },
    /// Moves the position over a gap.
    AdvanceGap { fence: u8, from: u8, to: u8 },
    /// Moves the position over an entry that could not be delivered: it waits apart from now on.
    SetAside { fence: u8, from: u8, to: u8, entry: EventEntry },
    /// Removes an event that waited apart and is delivered now.
    ForgetAside { fence: u8, entry: EventEntry },
    /// Leases a job.
    LeaseJob { job: u8 },
    /// Removes a job that was done.
    FinishJob { job: u8, fence: u8 },
    /// Gives a job back, to be done later.
    PostponeJob { job: u8, fence: u8 },
    /// Not a message: the receiver gets an event from the node that read it.
    DeliverEvent { entry: EventEntry },
    /// Not a message: the receiver is notified of a gap.
    DeliverGap { from: u8, to: u8 },
    /// Not a message: a worker does the job.
    DoJob { posting: u8 },
}

impl ShardStep {
    /// Whether it is an act outside of the store.
    pub(crate) fn is_outside(self) -> bool {
        matches!(self, Self::DeliverEvent { .. } | Self::DeliverGap { .. } | Self::DoJob { .. })
    }

    /// Whether a late copy of it, or a lost answer, is of interest.
    pub(crate) fn may_repeat(self) -> bool {
        !self.is_outside() && !matches!(self, Self::ReadUser { .. } | Self::ReadAfter { .. })
    }
}

/// The answer of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ShardAnswer {
    /// Done, also to a repeat.
    Done,
    /// The version, or the fence, is another one.
    Stale,
    /// The secret is not there, or has expired.
    Gone,
    /// No such user, or no such job.
    Missing,
    /// The queue is full.
    Full,
    /// The user as read.
    User(ShardUser),
    /// The lease of the position.
    Leased { fence: u8, position: u8 },
    /// The next entry; whether an earlier event of its user waits apart.
    Entry { index: u8, entry: EventEntry, follows_aside: bool },
    /// The end of the stream, and an event that waits apart.
    Aside { entry: EventEntry },
    /// Entries were trimmed before they were read.
    Gap { to: u8 },
    /// No more entries.
    End,
    /// The lease of a job.
    JobLeased { fence: u8, posting: u8 },
}

/// A guard that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShardFlaw {
    /// The secret is consumed in one step, and has its effect in another.
    ConsumeThenEffect,
    /// A change does not recognise its own repeat.
    UpdateWithoutNonce,
    /// A repeat that is refused counts as proof that nothing happened.
    RefusedRepeatTrusted,
    /// The caller's clock decides whether a secret has expired.
    ExpiryByCaller,
    /// A secret is handed out without comparing the user's version.
    PutUnfenced,
    /// The event is appended in a step of its own.
    EventLater,
    /// The position is advanced before the event is delivered.
    AdvanceBeforeDelivery,
    /// The position is set, without comparing fence and position.
    AdvanceUnfenced,
    /// The entry that the position moves over need not be there.
    AdvanceOverAnything,
    /// Fences are counted in the row of the job, which begins again with each posting.
    CountedFences,
    /// What was trimmed before it was read is passed without a gap.
    TrimSilently,
    /// An event that can not be delivered is set aside, and later ones of its user are delivered.
    SetAsideAlone,
    /// A job is finished without comparing the fence.
    FinishUnfenced,
    /// A late copy of a change posts its job again.
    PostedAgain,
    /// A job is removed when it is leased.
    RemovedAtLease,
    /// The row of a request is deleted with its job, before a late copy can arrive.
    AskForgotten,
    /// A job is finished before it is done.
    FinishBeforeDone,
}
