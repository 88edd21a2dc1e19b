//! A real store whose calls proceed one step at a time, under control of a test, and can be run again from the start.
//!
//! Everything that a call depends on is fixed: its randomness restarts with each run, time is an argument, and the test
//! supplies the answers. So the same answers lead to the same steps.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use userd_core::random::{Random, SeededRandom};
use userd_store_redis::{RedisSettings, RedisStore};

use super::redis_settings;
use super::scheduler_proxy::{HeldStep, SchedulerProxy};

/// Longer than any test: a held call never times out.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

/// The outcome of the step that a client waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HeldStepReply {
    /// The server's answer.
    Answer(Vec<u8>),
    /// The connection is cut and the outcome unknown. The store retries the step.
    Lost,
}

impl HeldStepReply {
    /// Whether the answer says that the step was done, now or before.
    pub fn is_ok(&self) -> bool {
        let Self::Answer(answer) = self else { return false };
        [&b"*1\r\n$2\r\nok\r\n"[..], b"*2\r\n$2\r\nok\r\n", b"$2\r\nok\r\n"].iter().any(|ok| answer.starts_with(ok))
    }

    /// Whether the answer says that the holder of this e-mail address may still commit.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Answer(answer) if answer.starts_with(b"*2\r\n$4\r\nBUSY\r\n"))
    }
}

/// How far a client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptState {
    /// It waits for the answer to this message.
    AwaitsReply(Vec<u8>),
    /// It has finished its program.
    Finished,
}

/// The outcomes that a client's program records.
pub type OutcomeLog<O> = Arc<Mutex<Vec<O>>>;

/// See the module's documentation. `O` is the type of the recorded outcomes.
pub struct ScriptedStore<O> {
    store: Arc<RedisStore>,
    random: Arc<RewindableRandom>,
    proxy: SchedulerProxy,
    program: JoinSet<()>,
    notes: OutcomeLog<O>,
    held: Option<HeldStep>,
}

impl<O: Clone + Send + 'static> ScriptedStore<O> {
    /// A client of the server at `port`.
    pub async fn of(port: u16) -> Self {
        let proxy = SchedulerProxy::in_front_of(port).await;
        let settings = RedisSettings {
            timeout: FOR_EVER,
            recheck_every: FOR_EVER,
            store_id_every: FOR_EVER,
            busy_pause: Duration::ZERO,
            ..redis_settings::at("127.0.0.1", proxy.port())
        };
        let random = Arc::new(RewindableRandom::default());
        let store = RedisStore::start(settings, Arc::clone(&random) as Arc<dyn Random>).await.expect("a store");
        let (program, notes) = (JoinSet::new(), OutcomeLog::default());
        Self { store: Arc::new(store), random, proxy, program, notes, held: None }
    }

    /// Starts a program with the randomness of `seed`, up to its first step.
    pub async fn begin<F>(
        &mut self,
        seed: usize,
        program: impl FnOnce(Arc<RedisStore>, OutcomeLog<O>) -> F,
    ) -> ScriptState
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.crash().await;
        self.random.rewind(seed);
        self.notes = OutcomeLog::default();
        self.program.spawn(program(Arc::clone(&self.store), Arc::clone(&self.notes)));
        self.run_to_next_step().await
    }

    /// Proceeds to the next step.
    pub async fn resume(&mut self, reply: &HeldStepReply) -> ScriptState {
        let step = self.held.take().expect("a client that waits");
        match reply {
            HeldStepReply::Answer(answer) => step.answer(answer.clone()),
            HeldStepReply::Lost => step.cut(),
        }
        self.run_to_next_step().await
    }

    /// The recorded outcomes.
    pub fn notes(&self) -> Vec<O> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the program where it is. The store can be used again: a pending answer is dropped.
    pub async fn crash(&mut self) {
        self.program.shutdown().await;
        if let Some(step) = self.held.take() {
            step.answer(b"$-1\r\n".to_vec());
        }
    }

    async fn run_to_next_step(&mut self) -> ScriptState {
        tokio::select! {
            step = self.proxy.next() => {
                let request = step.request.clone();
                self.held = Some(step);
                ScriptState::AwaitsReply(request)
            }
            done = self.program.join_next() => {
                done.expect("a program runs").expect("it does not panic");
                ScriptState::Finished
            }
        }
    }
}

/// Randomness that can be restarted.
#[derive(Default)]
struct RewindableRandom {
    seed: AtomicUsize,
    taken: AtomicUsize,
}

impl RewindableRandom {
    fn rewind(&self, seed: usize) {
        self.seed.store(seed, Ordering::SeqCst);
        self.taken.store(0, Ordering::SeqCst);
    }
}

impl Random for RewindableRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let taken = self.taken.fetch_add(1, Ordering::SeqCst);
        let seed = self.seed.load(Ordering::SeqCst) * 1000 + taken;
        SeededRandom::from_seed(u64::try_from(seed).unwrap_or(u64::MAX)).fill(bytes);
    }
}
