//! Users who come in and go out, in maps.

use std::sync::Arc;

use crate::{Account, Arrival, Departure, Exporting, Importing, StoreError};
use async_trait::async_trait;
use userd_core::{Client, EventKind, SessionLimits, Timestamp, UserId};

use super::{Kept, MemoryStore, is_taken};

#[async_trait]
impl Importing for MemoryStore {
    async fn import_users(
        &self,
        batch: Arc<[Account]>,
        _limits: &SessionLimits,
        client: &Client,
        now: Timestamp,
    ) -> Result<Vec<Arrival>, StoreError> {
        self.call(|kept| batch.iter().map(|account| import(kept, account, client, now)).collect())
    }
}

fn import(kept: &mut Kept, account: &Account, client: &Client, now: Timestamp) -> Arrival {
    let user = &account.user;
    match kept.users.get(&user.id) {
        Some(there) if account.is_kept_as(there) => Arrival::Same,
        Some(_) => Arrival::Differs,
        None if is_taken(&kept.users, user.email.canonical(), None) => Arrival::EmailTaken,
        None => {
            kept.users.insert(user.id, user.clone());
            let sessions = account.sessions.iter().map(|session| ((user.id, session.id), session.clone()));
            kept.sessions.extend(sessions);
            kept.note(user.id, EventKind::Imported, client, now);
            Arrival::Inserted
        }
    }
}

#[async_trait]
impl Exporting for MemoryStore {
    async fn accounts(&self, ids: &[UserId]) -> Result<Vec<Departure>, StoreError> {
        self.call(|kept| {
            let account = |id: &UserId| {
                let Some(user) = kept.users.get(id).cloned() else { return Departure::Gone };
                let own = kept.sessions.iter().filter(|((of, _), _)| of == id);
                let mut sessions: Vec<_> = own.map(|(_, session)| session.clone()).collect();
                sessions.sort_by_key(|session| std::cmp::Reverse((session.made_at, session.id)));
                Departure::Account(Box::new(Account { user, sessions }))
            };
            ids.iter().map(account).collect()
        })
    }
}
