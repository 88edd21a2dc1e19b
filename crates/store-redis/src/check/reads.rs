//! How the checks read: many keys in few round trips, and pauses between repeated reads.

use ::redis::{Cmd, Value};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::context::{PAGE, PAGE_CONCURRENCY, RECHECK_PAUSE, RECHECKS};
use crate::connection::RequestError;
use crate::layout::Shard;
use crate::settings::AckRequirement;
use crate::store::RedisStore;
use userd_store::StoreError;

impl RedisStore {
    /// The suspicions that persist, by `recheck`, after each of a few pauses. If changes wait for replicas or disks, a
    /// running operation has certainly ended only after the time limit of a request.
    pub(super) async fn persistent<T, F>(
        &self,
        mut suspects: Vec<T>,
        recheck: impl Fn(Vec<T>) -> F,
    ) -> Result<Vec<T>, StoreError>
    where
        F: Future<Output = Result<Vec<T>, StoreError>>,
    {
        let waits = self.router.settings().acknowledge != AckRequirement::Primary;
        for number in 1..=RECHECKS {
            if suspects.is_empty() {
                break;
            }
            let pause = if waits && number == RECHECKS { self.router.settings().timeout } else { RECHECK_PAUSE };
            tokio::time::sleep(pause.max(RECHECK_PAUSE)).await;
            suspects = recheck(suspects).await?;
        }
        Ok(suspects)
    }

    /// Sends commands on keys of many shards, in pipelines of bounded length, some of them concurrently.
    pub(super) async fn read_many(&self, mut commands: Vec<(Shard, Cmd)>) -> Result<Vec<Value>, StoreError> {
        let mut pipelines = Vec::new();
        while !commands.is_empty() {
            let later = commands.split_off(commands.len().min(2 * PAGE));
            let some = std::mem::replace(&mut commands, later);
            pipelines.push(async { self.router.fan_out(self.router.deadline(), some).await });
        }
        let answers: Vec<Vec<Value>> = stream::iter(pipelines)
            .buffered(PAGE_CONCURRENCY)
            .try_collect()
            .await
            .map_err(|error: RequestError| error.at("many keys"))?;
        Ok(answers.into_iter().flatten().collect())
    }
}
