//! Reads a database in the layout of the Rocket + Redis tutorial (`legacy`): one hash for each user, at the top level
//! of the key space. Writes nothing.
//!
//! Other keys, such as the sorted sets of that layout, are ignored.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Pipeline, Value};
use async_trait::async_trait;

use crate::connection::dial_for_reading;
use crate::settings::{RedisSettings, ServerTopology};
use crate::store::RedisStartError;
use userd_store::{LegacyPage, LegacyRecord, LegacySource, StoreError};

/// The fields of a user. `salt` is not read, because a PHC string contains its salt.
const FIELDS: [&str; 5] = ["name", "email", "hashed_password", "created", "updated"];

/// How many keys are read in one round trip.
const PAGE_KEYS: usize = 1000;

/// A database in the `legacy` layout.
pub struct LegacyDatabase {
    connection: MultiplexedConnection,
    timeout: Duration,
}

impl LegacyDatabase {
    /// Connects to the server in `settings`.
    ///
    /// # Errors
    /// The reason in words.
    pub async fn open(settings: &RedisSettings) -> Result<Self, RedisStartError> {
        let ServerTopology::Standalone(address) = &settings.servers else {
            return Err(RedisStartError("the legacy layout has one server: write redis://HOST:PORT/DB".to_owned()));
        };
        let connecting = tokio::time::timeout(settings.timeout, dial_for_reading(settings, address)).await;
        let late = || RedisStartError(format!("{address} does not answer"));
        let connection = connecting.map_err(|_| late())?.map_err(RedisStartError)?;
        Ok(Self { connection, timeout: settings.timeout })
    }

    async fn send(&self, pipeline: &Pipeline, count: usize) -> Result<Vec<Value>, StoreError> {
        let mut connection = self.connection.clone();
        let answers = tokio::time::timeout(self.timeout, connection.send_packed_commands(pipeline, 0, count)).await;
        answers.map_err(|_| StoreError::unavailable("no answer in time"))?.map_err(StoreError::unavailable)
    }
}

#[async_trait]
impl LegacySource for LegacyDatabase {
    async fn page(&self, place: u64) -> Result<LegacyPage, StoreError> {
        let mut scan = Pipeline::new();
        scan.cmd("SCAN").arg(place).arg("COUNT").arg(PAGE_KEYS).arg("TYPE").arg("hash");
        let answer = self.send(&scan, 1).await?.pop().unwrap_or(Value::Nil);
        let answer = answer.extract_error().map_err(StoreError::unavailable)?;
        let (next, keys): (u64, Vec<Vec<u8>>) = ::redis::from_redis_value(answer).map_err(StoreError::unavailable)?;
        let mut reads = Pipeline::with_capacity(keys.len());
        for key in &keys {
            reads.cmd("HMGET").arg(key).arg(&FIELDS);
        }
        let answers = if keys.is_empty() { Vec::new() } else { self.send(&reads, keys.len()).await? };
        let mut page = LegacyPage { next: (next != 0).then_some(next), ..LegacyPage::default() };
        for (key, answer) in keys.into_iter().zip(answers) {
            match parse_record(&key, answer) {
                Some(record) => page.records.push(record),
                None => page.others += 1,
            }
        }
        Ok(page)
    }
}

/// The record, if it has an e-mail address and a hashed password.
fn parse_record(key: &[u8], answer: Value) -> Option<LegacyRecord> {
    let fields: Vec<Option<Vec<u8>>> = ::redis::from_redis_value(answer).ok()?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let mut fields = fields.into_iter().map(|field| field.map(text));
    let mut next = || fields.next().flatten();
    let key = String::from_utf8_lossy(key).into_owned();
    let (name, email, hashed_password) = (next(), next(), next());
    let record = LegacyRecord { key, name, email, hashed_password, created: next(), updated: next() };
    (record.email.is_some() && record.hashed_password.is_some()).then_some(record)
}
