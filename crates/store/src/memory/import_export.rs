//! Import and export of users, in maps.

use std::sync::Arc;

use crate::{AccountRecord, ExportRecord, ExportStore, ImportOutcome, ImportStore, StoreError};
use async_trait::async_trait;
use userd_core::{Actor, EventKind, SessionLimits, Timestamp, UserId};

use super::store::{MemoryState, MemoryStore, is_taken};

#[async_trait]
impl ImportStore for MemoryStore {
    async fn import_users(
        &self,
        batch: Arc<[AccountRecord]>,
        _limits: &SessionLimits,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<ImportOutcome>, StoreError> {
        self.call(|stored| batch.iter().map(|account| import(stored, account, actor, now)).collect())
    }
}

fn import(stored: &mut MemoryState, account: &AccountRecord, actor: &Actor, now: Timestamp) -> ImportOutcome {
    let user = &account.user;
    match stored.users.get(&user.id) {
        Some(there) if account.matches_stored(there) => ImportOutcome::Same,
        Some(_) => ImportOutcome::Differs,
        None if is_taken(&stored.users, user.email.canonical(), None) => ImportOutcome::EmailTaken,
        None => {
            stored.users.insert(user.id, user.clone());
            let sessions = account.sessions.iter().map(|session| ((user.id, session.id), session.clone()));
            stored.sessions.extend(sessions);
            stored.record_event(user.id, EventKind::Imported, actor, now);
            ImportOutcome::Imported
        }
    }
}

#[async_trait]
impl ExportStore for MemoryStore {
    async fn export_users(&self, ids: &[UserId]) -> Result<Vec<ExportRecord>, StoreError> {
        self.call(|stored| {
            let account = |id: &UserId| {
                let Some(user) = stored.users.get(id).cloned() else { return ExportRecord::NotFound };
                let own = stored.sessions.iter().filter(|((of, _), _)| of == id);
                let mut sessions: Vec<_> = own.map(|(_, session)| session.clone()).collect();
                sessions.sort_by_key(|session| std::cmp::Reverse((session.created_at, session.id)));
                ExportRecord::Account(Box::new(AccountRecord { user, sessions }))
            };
            ids.iter().map(account).collect()
        })
    }
}
