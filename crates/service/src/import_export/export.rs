//! Export: all users of a store as lines, in the order of ids, which is that of sign-up.
//!
//! Each record is consistent, the whole is not a snapshot: users that are created or deleted meanwhile may or may not
//! be included.

use std::io::{self, Write};
use std::sync::Arc;

use super::record::{FORMAT_VERSION, UserRecord};
use userd_core::{Timestamp, UserId};
use userd_store::{ExportRecord, ExportStore, ListedUser, SortOrder, StoreError, UserListing};

/// How many users are read at once.
const PAGE_USERS: usize = 1000;

/// Exports all users.
pub struct UserExporter {
    users: Arc<dyn UserListing>,
    /// The source of sessions, if they are exported too.
    sessions: Option<Arc<dyn ExportStore>>,
}

/// What was exported.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ExportSummary {
    /// The number of users.
    pub users: u64,
    /// Users that could not be read and are missing.
    pub unreadable: Vec<UserId>,
}

/// Why the export is incomplete.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store could not be read.
    #[error("can't read the store")]
    Store(#[from] StoreError),
    /// The output can't be written.
    #[error("can't write")]
    Output(#[from] io::Error),
}

impl UserExporter {
    /// Exports `users`; with their sessions if `sessions` is given.
    #[must_use]
    pub fn new(users: Arc<dyn UserListing>, sessions: Option<Arc<dyn ExportStore>>) -> Self {
        Self { users, sessions }
    }

    /// Writes all users with header and footer. `watch` is called with the number written so far.
    ///
    /// # Errors
    /// The footer is missing then.
    pub async fn write(
        &self,
        out: &mut (dyn Write + Send),
        now: Timestamp,
        watch: &(dyn Fn(u64) + Sync),
    ) -> Result<ExportSummary, ExportError> {
        let at = now.to_string();
        let header = serde_json::json!({"type": "userd-export", "version": FORMAT_VERSION, "exported_at": at});
        writeln!(out, "{header}")?;
        let (mut exported, mut after) = (ExportSummary::default(), None);
        loop {
            let page = self.users.users_by_id(after, SortOrder::Ascending, PAGE_USERS).await?;
            let Some(last) = page.last().map(ListedUser::id) else { break };
            after = Some(last);
            match &self.sessions {
                None => {
                    for listed in &page {
                        let user = match listed {
                            ListedUser::User(user) => Some(UserRecord::of(user, None)),
                            ListedUser::Unreadable(_) => None,
                        };
                        write_user(out, listed.id(), user, &mut exported)?;
                    }
                }
                Some(sessions) => {
                    let ids: Vec<UserId> = page.iter().map(ListedUser::id).collect();
                    for (id, record) in ids.iter().zip(sessions.export_users(&ids).await?) {
                        let user = match &record {
                            ExportRecord::Account(account) => {
                                Some(UserRecord::of(&account.user, Some(&account.sessions)))
                            }
                            ExportRecord::Unreadable => None,
                            ExportRecord::NotFound => continue,
                        };
                        write_user(out, *id, user, &mut exported)?;
                    }
                }
            }
            watch(exported.users);
            // Reading a file never waits, so yield to the task that waits for a signal.
            tokio::task::yield_now().await;
        }
        let unreadable = exported.unreadable.len();
        let end = serde_json::json!({"type": "end", "users": exported.users, "unreadable": unreadable});
        writeln!(out, "{end}")?;
        out.flush()?;
        Ok(exported)
    }
}

/// Writes the line of a user; `None` is one that could not be read.
fn write_user(
    mut out: &mut dyn Write,
    id: UserId,
    user: Option<UserRecord<'_>>,
    exported: &mut ExportSummary,
) -> io::Result<()> {
    let Some(user) = user else {
        exported.unreadable.push(id);
        return Ok(());
    };
    serde_json::to_writer(&mut out, &user)?;
    out.write_all(b"\n")?;
    exported.users += 1;
    Ok(())
}
