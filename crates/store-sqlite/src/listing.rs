//! Pages of users: first the rowids from an index, then the rows, in one snapshot.
//!
//! The index alone determines order and keys, so that a damaged row keeps its position.

use async_trait::async_trait;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, params};

use super::errors::{DatabaseError, RowError};
use super::events;
use super::read_only::ReadOnlyDatabase;
use super::rows::{limit, query_all, query_user};
use super::sql::{EMAILS, EMAILS_DOWN, IDS, IDS_DOWN, ROW};
use super::store::SqliteStore;
use userd_core::{AccountEvent, CanonicalEmail, EmailPrefix, User, UserId};
use userd_store::{EventPosition, KeyRange, ListedUser, SortOrder, StoreError, UserListing};

/// Scans the whole index; only for a damaged row.
const ID_AT: &str = "SELECT id FROM users INDEXED BY sqlite_autoindex_users_1 WHERE +rowid = ?1";

/// Greater than any id.
const ID_UPPER_BOUND: [u8; 17] = [0xff; 17];

/// The listing is the same for the store and for a database that is opened read-only.
macro_rules! impl_user_listing {
    ($store:ty) => {
        #[async_trait]
        impl UserListing for $store {
            fn kind(&self) -> &'static str {
                "sqlite"
            }

            async fn events_page(
                &self,
                user: UserId,
                after: Option<EventPosition>,
                order: SortOrder,
                most: usize,
            ) -> Result<Vec<(EventPosition, AccountEvent)>, StoreError> {
                self.readers.read(|connection| events::page(connection, user, after, order, most))
            }

            async fn users_by_id(
                &self,
                after: Option<UserId>,
                order: SortOrder,
                most: usize,
            ) -> Result<Vec<ListedUser>, StoreError> {
                let mut range = KeyRange::before(ID_UPPER_BOUND);
                if let Some(after) = after {
                    range.continue_after(after.as_bytes(), order);
                }
                self.readers.read(|connection| by_id(connection, &range, order, most))
            }

            async fn users_by_email(
                &self,
                prefix: &EmailPrefix,
                after: Option<&CanonicalEmail>,
                order: SortOrder,
                most: usize,
            ) -> Result<Vec<(CanonicalEmail, ListedUser)>, StoreError> {
                let range = KeyRange::emails(prefix, after, order);
                self.readers.read(|connection| by_email(connection, &range, order, most))
            }
        }
    };
}

impl_user_listing!(SqliteStore);
impl_user_listing!(ReadOnlyDatabase);

fn by_id(
    connection: &Connection,
    range: &KeyRange,
    order: SortOrder,
    most: usize,
) -> Result<Vec<ListedUser>, DatabaseError> {
    let snapshot = connection.unchecked_transaction()?;
    let sql = if order == SortOrder::Ascending { IDS } else { IDS_DOWN };
    query_all(&snapshot, sql, params![&range.from, &range.to, limit(most)], |row| {
        let (place, id): (i64, [u8; 16]) = (row.get(0)?, row.get(1)?);
        let Some(id) = UserId::from_slice(&id) else { return Ok(None) };
        Ok(Some(listed_user(id, user_at(&snapshot, place, |user| user.id == id)?)))
    })
}

fn by_email(
    connection: &Connection,
    range: &KeyRange,
    order: SortOrder,
    most: usize,
) -> Result<Vec<(CanonicalEmail, ListedUser)>, DatabaseError> {
    let snapshot = connection.unchecked_transaction()?;
    let sql = if order == SortOrder::Ascending { EMAILS } else { EMAILS_DOWN };
    query_all(&snapshot, sql, params![text(&range.from), text(&range.to), limit(most)], |row| {
        let (place, email): (i64, String) = (row.get(0)?, row.get(1)?);
        let email = CanonicalEmail::from_stored(email);
        let found = user_at(&snapshot, place, |user| *user.email.canonical() == email)?;
        let id = if let Ok(user) = &found { Some(user.id) } else { id_at(&snapshot, place)? };
        Ok(id.map(|id| (email, listed_user(id, found))))
    })
}

/// The user at the rowid `place`, which an index names; the inner error if the row can't be parsed or is not the
/// listed user's.
fn user_at(
    snapshot: &Connection,
    place: i64,
    is_listed: impl FnOnce(&User) -> bool,
) -> Result<Result<User, DatabaseError>, DatabaseError> {
    match query_user(snapshot, ROW, [place]) {
        Ok(Some(user)) if is_listed(&user) => Ok(Ok(user)),
        Ok(_) => Ok(Err(DatabaseError::Row { key: format!("users/rowid {place}"), source: RowError::Checksum })),
        Err(damaged @ DatabaseError::Row { .. }) => Ok(Err(damaged)),
        Err(error) => Err(error),
    }
}

fn listed_user(id: UserId, found: Result<User, DatabaseError>) -> ListedUser {
    match found {
        Ok(user) => ListedUser::User(Box::new(user)),
        Err(damaged) => ListedUser::unreadable(id, &damaged.into_store_error()),
    }
}

/// The id of the row at `place`, from the index of ids: the row's own may be damaged.
fn id_at(snapshot: &Connection, place: i64) -> Result<Option<UserId>, DatabaseError> {
    let id: Option<[u8; 16]> = snapshot.prepare_cached(ID_AT)?.query_row([place], |row| row.get(0)).optional()?;
    Ok(id.as_ref().and_then(|id| UserId::from_slice(id)))
}

/// Bytes to compare with text; they need not be valid UTF-8.
fn text(bytes: &[u8]) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(bytes))
}
