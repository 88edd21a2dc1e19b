//! The gate with work that stands still until it is told to go on: no sleep, no look at a watch.

use std::sync::atomic::AtomicUsize;
use std::sync::mpsc;

use tokio::task::JoinSet;

use super::*;

/// Long enough that a test which waits for it has failed.
const LONG: Duration = Duration::from_secs(60);

type Tasks = JoinSet<Result<(), Refusal>>;

fn gate(workers: usize, queue: usize) -> Arc<Gate<()>> {
    Arc::new(Gate::start("test-gate", vec![(); workers], queue, LONG, Arc::default()).unwrap())
}

/// Occupies a worker until the sender is dropped.
async fn hold(gate: &Arc<Gate<()>>, tasks: &mut Tasks) -> mpsc::Sender<()> {
    let (begun, has_begun) = oneshot::channel();
    let (release, released) = mpsc::channel::<()>();
    let gate = Arc::clone(gate);
    tasks.spawn(async move {
        gate.run(move |()| {
            begun.send(()).unwrap();
            let _ = released.recv();
        })
        .await
    });
    has_begun.await.unwrap();
    release
}

/// Puts work that counts itself into the queue, without a worker to begin it.
async fn enqueue(gate: &Arc<Gate<()>>, tasks: &mut Tasks, done: &Arc<AtomicUsize>) {
    let before = gate.queued();
    let (gate_too, work) = (Arc::clone(gate), counting(done));
    tasks.spawn(async move { gate_too.run(work).await });
    while gate.queued() == before {
        tokio::task::yield_now().await;
    }
}

fn counting(done: &Arc<AtomicUsize>) -> impl FnOnce(&mut ()) + Send + 'static {
    let done = Arc::clone(done);
    move |()| {
        done.fetch_add(1, Ordering::SeqCst);
    }
}

/// What a future gives that must not wait for anything.
async fn at_once<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::ZERO, future).await.expect("an answer at once")
}

async fn all_succeed(tasks: &mut Tasks) {
    while let Some(outcome) = tasks.join_next().await {
        assert_eq!(outcome.unwrap(), Ok(()));
    }
}

#[tokio::test]
async fn work_is_done_on_named_threads_and_answered() {
    let gate = gate(1, 1);
    let name = gate.run(|()| thread::current().name().map(str::to_owned)).await.unwrap();
    assert_eq!(name.as_deref(), Some("test-gate-0"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn workers_have_the_lowest_priority_and_others_keep_theirs() {
    let own = || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
    let before = own();
    let gate = gate(1, 1);
    assert_eq!(gate.run(move |()| own()).await, Ok(NICE_LOWEST));
    assert_eq!(own(), before);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let (gate, mut tasks, done) = (gate(1, 2), Tasks::new(), Arc::default());
    let release = hold(&gate, &mut tasks).await;
    enqueue(&gate, &mut tasks, &done).await;
    enqueue(&gate, &mut tasks, &done).await;
    assert_eq!(at_once(gate.run(counting(&done))).await, Err(Refusal::Busy));
    drop(release);
    all_succeed(&mut tasks).await;
    assert_eq!(done.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn idle_workers_count_as_room() {
    let (gate, mut tasks, done) = (gate(4, 1), Tasks::new(), Arc::default());
    for _ in 0..5 {
        let (gate, work) = (Arc::clone(&gate), counting(&done));
        tasks.spawn(async move { gate.run(work).await });
    }
    all_succeed(&mut tasks).await;
    assert_eq!(done.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn work_that_nobody_began_in_time_is_refused_and_never_done() {
    let (gate, mut tasks, done) = (gate(1, 5), Tasks::new(), Arc::default());
    let release = hold(&gate, &mut tasks).await;
    assert_eq!(gate.run_within(Duration::ZERO, counting(&done)).await, Err(Refusal::Busy));
    assert_eq!(gate.queued(), 1);
    drop(release);
    // First in, first out: when this is answered, the one before it was passed over.
    assert_eq!(gate.run(|()| ()).await, Ok(()));
    assert_eq!(done.load(Ordering::SeqCst), 0);
    all_succeed(&mut tasks).await;
}

#[tokio::test]
async fn work_that_was_begun_is_awaited_beyond_the_wait() {
    let gate = gate(1, 1);
    let (begun, has_begun) = oneshot::channel();
    let (release, released) = mpsc::channel::<()>();
    let mut answer = Box::pin(gate.run_within(Duration::from_millis(1), move |()| {
        let _ = begun.send(());
        let _ = released.recv();
        7
    }));
    tokio::select! {
        biased;
        // Given up before the worker came: also right, and then nothing was done.
        outcome = &mut answer => assert_eq!(outcome, Err(Refusal::Busy)),
        _ = has_begun => {
            assert!(tokio::time::timeout(Duration::from_millis(5), &mut answer).await.is_err(), "still awaited");
            drop(release);
            assert_eq!(answer.await, Ok(7));
        }
    }
}

#[tokio::test]
async fn work_whose_requester_went_away_is_never_done_and_takes_no_room() {
    let (gate, mut tasks, done) = (gate(1, 1), Tasks::new(), Arc::default());
    let release = hold(&gate, &mut tasks).await;
    let gone = tokio::time::timeout(Duration::ZERO, gate.run(counting(&done))).await;
    assert!(gone.is_err() && gate.queued() == 1);
    let (gate_too, kept) = (Arc::clone(&gate), Arc::new(AtomicUsize::new(0)));
    let work = counting(&kept);
    tasks.spawn(async move { gate_too.run(work).await });
    tokio::task::yield_now().await;
    drop(release);
    all_succeed(&mut tasks).await;
    assert_eq!((done.load(Ordering::SeqCst), kept.load(Ordering::SeqCst)), (0, 1));
}

#[tokio::test]
async fn a_panic_is_answered_and_the_worker_goes_on() {
    let gate = gate(1, 1);
    assert_eq!(gate.run(|()| -> () { panic!("on purpose") }).await, Err(Refusal::Panicked));
    assert_eq!(gate.run(|()| 7).await, Ok(7));
}

#[tokio::test]
async fn dropping_the_gate_ends_its_threads_and_what_waits() {
    let alive = Arc::new(());
    let states = [Arc::clone(&alive), Arc::clone(&alive), Arc::clone(&alive)];
    let gate = Gate::start("test-gate", states, 1, LONG, Arc::default()).unwrap();
    assert_eq!(gate.run(|_| ()).await, Ok(()));
    assert_eq!(Arc::strong_count(&alive), 4);
    drop(gate);
    assert_eq!(Arc::strong_count(&alive), 1, "each thread has dropped its state");
}
