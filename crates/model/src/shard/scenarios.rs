//! Who does what on one shard at the same time.

use crate::replication::AcknowledgeMode;

use super::clients::ShardTask;
use super::invariants::{ACKNOWLEDGED_IS_THERE, FINISHED_STAYS, HAS_HAPPENED, SEEN_IN_ORDER};
use super::scenario::{AdversaryBudget, ShardScenario};
use super::steps::ShardRules;
use super::store::{OneTimeSecret, ShardFlaw, ShardStore, UserEdit};

/// A change that does nothing else.
const EDIT: UserEdit = UserEdit { consume: false, put: false, delete: false, post: None };
/// What an adversary may do at most in the scenarios without replica.
const CALM: AdversaryBudget = AdversaryBudget { copies: 0, losses: 0, trims: 0, failovers: 0, expires: false };

fn edit(user: u8, request: u8) -> ShardTask {
    ShardTask::Update { user, request, edit: EDIT }
}

fn consume(request: u8) -> ShardTask {
    ShardTask::Update { user: 0, request, edit: UserEdit { consume: true, ..EDIT } }
}

fn hand_out(request: u8) -> ShardTask {
    ShardTask::Update { user: 0, request, edit: UserEdit { put: true, ..EDIT } }
}

fn remove(request: u8) -> ShardTask {
    ShardTask::Update { user: 0, request, edit: UserEdit { delete: true, ..EDIT } }
}

fn posting(request: u8, job: u8) -> ShardTask {
    ShardTask::Update { user: 0, request, edit: UserEdit { post: Some(job), ..EDIT } }
}

fn ask(request: u8) -> ShardTask {
    ShardTask::Ask { request, job: 0 }
}

fn work(fails: bool) -> ShardTask {
    ShardTask::Work { job: 0, fails }
}

const READ: ShardTask = ShardTask::Read { fails: false };
const FAILING_READ: ShardTask = ShardTask::Read { fails: true };

fn scenario(title: &'static str, programs: &[&[ShardTask]], budget: AdversaryBudget) -> ShardScenario {
    let mut store = ShardStore::default();
    for user in &mut store.users {
        (user.is_active, user.rev) = (true, 1);
    }
    ShardScenario {
        title,
        rules: ShardRules { flaw: None, jobs_max: 2 },
        programs: programs.iter().map(|program| program.to_vec()).collect(),
        store,
        budget,
        mode: None,
        tolerated: &[],
    }
}

impl ShardScenario {
    fn with_secret(mut self) -> Self {
        self.store.users[0].secret = OneTimeSecret::Usable;
        self
    }

    fn with_queue_of_one(mut self) -> Self {
        self.rules.jobs_max = 1;
        self
    }

    /// The same scenario under a broken variant of the protocol.
    pub(crate) fn with_flaw(mut self, flaw: ShardFlaw) -> Self {
        self.rules.flaw = Some(flaw);
        self
    }

    /// With a replica.
    pub(crate) fn with_mode(mut self, mode: AcknowledgeMode, failovers: u8) -> Self {
        self.mode = Some(mode);
        self.budget.failovers = failovers;
        self.tolerated = match mode {
            AcknowledgeMode::Primary => &[ACKNOWLEDGED_IS_THERE, FINISHED_STAYS, HAS_HAPPENED, SEEN_IN_ORDER],
            AcknowledgeMode::Writes => &[HAS_HAPPENED],
            AcknowledgeMode::WritesAndReads => &[],
        };
        self
    }
}

/// Secrets that are consumed by one change of the user.
pub(crate) fn secrets() -> Vec<ShardScenario> {
    let (first, second) = (consume(0), consume(1));
    vec![
        scenario(
            "one secret, 2 requests, 1 lost answer, 1 copy",
            &[&[first], &[second]],
            AdversaryBudget { losses: 1, copies: 1, ..CALM },
        )
        .with_secret(),
        scenario(
            "one secret, an edit, 2 lost answers",
            &[&[first], &[edit(0, 1)], &[edit(0, 2)]],
            AdversaryBudget { losses: 2, ..CALM },
        )
        .with_secret(),
        scenario(
            "one secret, expiry, deletion, 1 copy",
            &[&[first], &[second], &[remove(2)]],
            AdversaryBudget { copies: 1, expires: true, ..CALM },
        )
        .with_secret(),
        scenario(
            "a secret is handed out, 2 requests, 2 copies",
            &[&[hand_out(0)], &[consume(1)], &[consume(2)]],
            AdversaryBudget { copies: 2, ..CALM },
        ),
        scenario(
            "a secret, 3 requests, 2 lost answers, 2 copies",
            &[&[first], &[second], &[edit(0, 2)]],
            AdversaryBudget { losses: 2, copies: 2, expires: true, ..CALM },
        )
        .with_secret(),
    ]
}

/// The event feed.
pub(crate) fn feed() -> Vec<ShardScenario> {
    let (one, other) = (edit(0, 0), edit(1, 1));
    vec![
        scenario("2 writers, 2 readers", &[&[one, edit(0, 2)], &[other], &[READ], &[READ]], CALM),
        scenario(
            "2 writers, 2 readers, 2 trims",
            &[&[one, edit(0, 2)], &[other], &[READ], &[READ]],
            AdversaryBudget { trims: 2, ..CALM },
        ),
        scenario(
            "a writer, 2 readers, 2 copies, 1 trim",
            &[&[one, other], &[READ, READ], &[READ]],
            AdversaryBudget { copies: 2, trims: 1, ..CALM },
        ),
        scenario(
            "2 writers, 2 readers, an event is set aside",
            &[&[one, edit(0, 2)], &[other], &[FAILING_READ], &[READ]],
            CALM,
        ),
        scenario(
            "2 writers, 3 lost answers, 2 readers",
            &[&[one], &[edit(0, 2)], &[READ], &[READ]],
            AdversaryBudget { losses: 3, ..CALM },
        ),
    ]
}

/// Jobs.
pub(crate) fn jobs() -> Vec<ShardScenario> {
    vec![
        scenario(
            "a change posts a job, 2 workers, 2 copies",
            &[&[posting(0, 0)], &[work(false)], &[work(true), work(false)]],
            AdversaryBudget { copies: 2, ..CALM },
        ),
        scenario(
            "a job is posted twice, 2 workers, 1 copy",
            &[&[posting(0, 0), posting(1, 0)], &[work(false)], &[work(false), work(false)]],
            AdversaryBudget { copies: 1, ..CALM },
        ),
        scenario(
            "a job is posted, 2 lost answers, 2 workers",
            &[&[posting(0, 0)], &[edit(0, 1)], &[work(false)], &[work(false)]],
            AdversaryBudget { losses: 2, ..CALM },
        ),
        scenario(
            "a request without a user, 2 workers, 2 copies",
            &[&[ask(0)], &[work(false)], &[work(false), work(true)]],
            AdversaryBudget { copies: 2, expires: true, ..CALM },
        ),
        scenario(
            "2 jobs in a queue of one, 1 copy",
            &[&[posting(0, 0)], &[ShardTask::Ask { request: 1, job: 1 }], &[work(false)]],
            AdversaryBudget { copies: 1, ..CALM },
        )
        .with_queue_of_one(),
    ]
}

/// What is run with replication.
pub(crate) fn with_failover() -> Vec<ShardScenario> {
    vec![
        scenario("one secret, 2 requests", &[&[consume(0)], &[consume(1)]], CALM).with_secret(),
        scenario("2 writers, 2 readers", &[&[edit(0, 0), edit(0, 2)], &[edit(1, 1)], &[READ], &[READ]], CALM),
        scenario("a job, 2 workers", &[&[posting(0, 0)], &[work(false)], &[work(false), work(false)]], CALM),
        scenario(
            "a writer, 2 readers, 1 trim",
            &[&[edit(0, 0), edit(0, 1)], &[READ], &[READ]],
            AdversaryBudget { trims: 1, ..CALM },
        ),
        scenario(
            "2 writers, 2 readers, an event is set aside",
            &[&[edit(0, 0)], &[edit(0, 1)], &[FAILING_READ], &[READ]],
            CALM,
        ),
    ]
}

/// Larger ones.
pub(crate) fn larger() -> Vec<ShardScenario> {
    let (one, other) = (edit(0, 0), edit(1, 1));
    let copies = AdversaryBudget { copies: 2, trims: 1, ..CALM };
    vec![
        scenario(
            "2 writers, 2 readers, an event is set aside, 2 copies, 1 trim",
            &[&[one, edit(0, 2)], &[other], &[FAILING_READ], &[READ]],
            copies,
        ),
        scenario(
            "3 changes of a user, 2 readers fail, 1 trim",
            &[&[one, edit(0, 2), edit(0, 3)], &[other], &[FAILING_READ, READ], &[FAILING_READ]],
            AdversaryBudget { trims: 1, ..CALM },
        ),
        scenario("2 writers, 2 readers, 2 copies, 1 trim", &[&[one, edit(0, 2)], &[other], &[READ], &[READ]], copies),
        scenario(
            "2 writers, 3 leases, 2 trims",
            &[&[one, edit(0, 2)], &[other], &[READ, READ], &[READ]],
            AdversaryBudget { trims: 2, ..CALM },
        ),
        scenario(
            "a job is posted twice, 3 workers, 2 copies",
            &[&[posting(0, 0), posting(1, 0)], &[work(false)], &[work(true)], &[work(false), work(false)]],
            AdversaryBudget { copies: 2, losses: 1, ..CALM },
        ),
    ]
}
