//! Waits for a store or a condition by retrying.

use std::time::{Duration, Instant};

use userd_store::StoreError;

/// Far above the duration of a failover: a test that reaches it has found a hang.
const LIMIT: Duration = Duration::from_secs(60);

/// Retries until the store answers.
pub async fn retry_until_served<T, F>(mut call: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, StoreError>>,
{
    let until = Instant::now() + LIMIT;
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(error) => assert!(Instant::now() < until, "the store does not come back: {error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Retries until there is a value.
pub async fn retry_until_some<T, F>(what: &str, mut call: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let until = Instant::now() + LIMIT;
    loop {
        if let Some(answer) = call().await {
            return answer;
        }
        assert!(Instant::now() < until, "it never comes to this: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
