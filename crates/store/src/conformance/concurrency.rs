//! Runs calls at the same moment.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// Runs the calls as tasks that start together; returns their results in the same order.
pub async fn run_concurrently<T, F>(acts: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let acts: Vec<F> = acts.into_iter().collect();
    let barrier = Arc::new(Barrier::new(acts.len()));
    let mut tasks = JoinSet::new();
    for (place, act) in acts.into_iter().enumerate() {
        let barrier = Arc::clone(&barrier);
        tasks.spawn(async move {
            barrier.wait().await;
            (place, act.await)
        });
    }
    let mut results = tasks.join_all().await;
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}
