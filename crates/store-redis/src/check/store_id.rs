//! Checks the marks of the shards: whether each shard belongs to this store and still has its data.

use ::redis::Value;

use super::context::{RECHECK_PAUSE, RECHECKS};
use super::findings::manual_finding;
use crate::connection::{MarkEvidence, MarkVerdict, MetaEntry, RequestError, StoreMark};
use crate::layout::Shard;
use crate::store::{RedisStore, command};
use userd_store::{Finding, FindingKind, StoreError};

/// How many shards a finding names.
const SHARDS_NAMED: usize = 8;

impl RedisStore {
    /// At most one finding: that shards have lost their data, or belong to another store. Another userd may be marking
    /// the store meanwhile, so it has to persist.
    pub(super) async fn check_store_id(&self) -> Result<Option<Finding>, StoreError> {
        let mut rechecks = 0;
        loop {
            let evidence = self.mark_evidence().await?;
            let MarkVerdict::Damaged(what) = evidence.verdict() else { return Ok(None) };
            if rechecks == RECHECKS {
                let damaged = evidence.damaged_shards();
                let named: Vec<String> =
                    damaged.iter().take(SHARDS_NAMED).map(|shard| format!("{:03x}", shard.number())).collect();
                let more = if damaged.len() > named.len() { ", …" } else { "" };
                let detail = format!("{what} (shards {}{more})", named.join(", "));
                return Ok(Some(manual_finding(FindingKind::LostShard, None, self.keys.meta(), detail)));
            }
            rechecks += 1;
            tokio::time::sleep(RECHECK_PAUSE).await;
        }
    }

    async fn mark_evidence(&self) -> Result<MarkEvidence, StoreError> {
        let read = |shard| (shard, command(&["GET", &self.keys.store_id(shard)]));
        let answers = self.router.fan_out(self.router.deadline(), Shard::all().map(read).collect()).await;
        let answers = answers.map_err(|error| error.at("the marks of the shards"))?;
        let mark = |answer| StoreMark::in_answer(answer).map_err(StoreError::unavailable);
        let marks = Shard::all().zip(answers).map(|(shard, answer)| Ok((shard, mark(answer)?)));
        let marks = marks.collect::<Result<_, StoreError>>()?;
        Ok(MarkEvidence { meta: self.meta_entry().await?, marks })
    }

    /// The entry of `meta`, from the one server that holds it.
    async fn meta_entry(&self) -> Result<Option<MetaEntry>, StoreError> {
        let read = command(&["HMGET", &self.keys.meta(), "id", "marked"]);
        for server in self.router.servers() {
            match self.router.run_on_server(self.router.deadline(), &server, &read).await {
                Ok(Value::Array(fields)) => return Ok(MetaEntry::in_fields(&fields)),
                // Another node of the cluster holds it.
                Ok(_) | Err(RequestError::Server(_)) => {}
                Err(error) => return Err(error.at(&self.keys.meta())),
            }
        }
        Ok(None)
    }
}
