//! The pool with jobs that block until the test releases them: no sleep, no measured time.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::*;

/// A test that waits this long has failed.
const LONG: Duration = Duration::from_secs(60);

type Tasks = JoinSet<Result<(), HashError>>;

fn pool(workers: usize, queue: usize) -> Arc<HashPool<()>> {
    pool_that_waits(workers, queue, LONG)
}

fn pool_that_waits(workers: usize, queue: usize, wait: Duration) -> Arc<HashPool<()>> {
    Arc::new(HashPool::start("test-pool", vec![(); workers], queue, wait, Arc::default()).unwrap())
}

/// The number of waiting requests, as the metrics have it.
fn queued(pool: &HashPool<()>) -> u64 {
    pool.metrics.hashes.queued.get()
}

/// Occupies a thread until the sender is dropped.
async fn hold(pool: &Arc<HashPool<()>>, tasks: &mut Tasks) -> mpsc::Sender<()> {
    let (begun, has_begun) = oneshot::channel();
    let (release, released) = mpsc::channel::<()>();
    let pool = Arc::clone(pool);
    tasks.spawn(async move {
        pool.run(move |()| {
            begun.send(()).unwrap();
            let _ = released.recv();
        })
        .await
    });
    has_begun.await.unwrap();
    release
}

/// Queues a job that counts itself while no thread is idle.
async fn enqueue(pool: &Arc<HashPool<()>>, tasks: &mut Tasks, done: &Arc<AtomicUsize>) {
    let before = queued(pool);
    let (pool_too, work) = (Arc::clone(pool), counting(done));
    tasks.spawn(async move { pool_too.run(work).await });
    while queued(pool) == before {
        tokio::task::yield_now().await;
    }
}

fn counting(done: &Arc<AtomicUsize>) -> impl FnOnce(&mut ()) + Send + 'static {
    let done = Arc::clone(done);
    move |()| {
        done.fetch_add(1, Ordering::SeqCst);
    }
}

/// The result of a future that must not wait.
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
    let pool = pool(1, 1);
    let name = pool.run(|()| thread::current().name().map(str::to_owned)).await.unwrap();
    assert_eq!(name.as_deref(), Some("test-pool-0"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn workers_have_the_lowest_priority_and_others_keep_theirs() {
    let own = || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
    let before = own();
    let pool = pool(1, 1);
    assert_eq!(pool.run(move |()| own()).await, Ok(NICE_LOWEST));
    assert_eq!(own(), before);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let (pool, mut tasks, done) = (pool(1, 2), Tasks::new(), Arc::default());
    let release = hold(&pool, &mut tasks).await;
    enqueue(&pool, &mut tasks, &done).await;
    enqueue(&pool, &mut tasks, &done).await;
    assert_eq!(at_once(pool.run(counting(&done))).await, Err(HashError::Busy));
    drop(release);
    all_succeed(&mut tasks).await;
    assert_eq!(done.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn idle_workers_count_as_room() {
    let (pool, mut tasks, done) = (pool(4, 1), Tasks::new(), Arc::default());
    for _ in 0..5 {
        let (pool, work) = (Arc::clone(&pool), counting(&done));
        tasks.spawn(async move { pool.run(work).await });
    }
    all_succeed(&mut tasks).await;
    assert_eq!(done.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn work_that_no_thread_began_in_time_is_rejected_and_never_done() {
    let (pool, mut tasks, done) = (pool_that_waits(1, 5, Duration::ZERO), Tasks::new(), Arc::default());
    let release = hold(&pool, &mut tasks).await;
    assert_eq!(pool.run(counting(&done)).await, Err(HashError::Busy));
    assert_eq!(queued(&pool), 0, "its place is free at once");
    drop(release);
    all_succeed(&mut tasks).await;
    // First in, first out: the request before this one was skipped.
    assert_eq!(pool.run(|()| ()).await, Ok(()));
    assert_eq!(done.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn work_that_was_begun_is_awaited_beyond_the_wait() {
    let pool = pool_that_waits(1, 1, Duration::from_millis(1));
    let (begun, has_begun) = oneshot::channel();
    let (release, released) = mpsc::channel::<()>();
    let mut answer = Box::pin(pool.run(move |()| {
        let _ = begun.send(());
        let _ = released.recv();
        7
    }));
    tokio::select! {
        biased;
        // Timed out before a thread was idle: also correct, and then nothing was done.
        outcome = &mut answer => assert_eq!(outcome, Err(HashError::Busy)),
        _ = has_begun => {
            assert!(tokio::time::timeout(Duration::from_millis(5), &mut answer).await.is_err(), "still awaited");
            drop(release);
            assert_eq!(answer.await, Ok(7));
        }
    }
}

#[tokio::test]
async fn work_whose_requester_went_away_is_never_done_and_takes_no_room() {
    let (pool, mut tasks, done) = (pool(1, 1), Tasks::new(), Arc::default());
    let release = hold(&pool, &mut tasks).await;
    let gone = tokio::time::timeout(Duration::ZERO, pool.run(counting(&done))).await;
    assert!(gone.is_err() && queued(&pool) == 0, "its place is free at once");
    let (pool_too, kept) = (Arc::clone(&pool), Arc::new(AtomicUsize::new(0)));
    let work = counting(&kept);
    tasks.spawn(async move { pool_too.run(work).await });
    tokio::task::yield_now().await;
    drop(release);
    all_succeed(&mut tasks).await;
    assert_eq!((done.load(Ordering::SeqCst), kept.load(Ordering::SeqCst)), (0, 1));
}

#[tokio::test]
async fn a_panic_is_answered_and_the_worker_goes_on() {
    let pool = pool(1, 1);
    assert_eq!(pool.run(|()| -> () { panic!("on purpose") }).await, Err(HashError::Failed));
    assert_eq!(pool.run(|()| 7).await, Ok(7));
}

#[tokio::test]
async fn dropping_the_pool_ends_its_threads_and_what_waits() {
    let alive = Arc::new(());
    let states = [Arc::clone(&alive), Arc::clone(&alive), Arc::clone(&alive)];
    let pool = HashPool::start("test-pool", states, 1, LONG, Arc::default()).unwrap();
    assert_eq!(pool.run(|_| ()).await, Ok(()));
    assert_eq!(Arc::strong_count(&alive), 4);
    drop(pool);
    assert_eq!(Arc::strong_count(&alive), 1, "each thread has dropped its state");
}
