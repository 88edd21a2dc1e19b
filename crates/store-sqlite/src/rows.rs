//! Rows of `users`: validating them, and looking one up. Other tables: see `session_rows`, `events` and `key_rows`.
//!
//! STRICT columns and CHECKs reject invalid rows, but a file can be damaged or edited by hand. An invalid row is
//! reported by its key and affects no other. **Invariant:** no message here contains a value of the row.

use std::net::IpAddr;

use rusqlite::types::{FromSqlResult, ValueRef};
use rusqlite::{Connection, Params, Row};
use userd_core::{
    AccountStatus, CanonicalEmail, DisplayName, EMAIL_BYTES_MAX, Email, PasswordHash, Timestamp, User, UserId,
    UserVersion, address_from_bytes,
};

use super::checksum::{COLUMNS, verified};
use super::errors::{DatabaseError, RowError};

/// The user in `row`, which has the columns of [`user_columns`](super::sql::user_columns).
///
/// # Errors
/// [`DatabaseError::Row`] with the row's key if it is invalid.
pub(super) fn user_from_row(row: &Row<'_>) -> Result<User, DatabaseError> {
    verified(row, 0, user_from_values)?.map_err(|source| DatabaseError::Row { key: key(row), source })
}

/// The user that `sql` finds.
pub(super) fn query_user(connection: &Connection, sql: &str, key: impl Params) -> Result<Option<User>, DatabaseError> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.query(key)?.next()?.map(user_from_row).transpose()
}

/// What `read` makes of each row of a statement, without the rows of which it makes nothing.
pub(super) fn query_all<T>(
    connection: &Connection,
    sql: &str,
    key: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<Option<T>, DatabaseError>,
) -> Result<Vec<T>, DatabaseError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(key)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.extend(read(row)?);
    }
    Ok(all)
}

/// `most` rows, as the parameter of a `LIMIT`.
pub(super) fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// Whether a user has this id.
pub(super) fn user_exists(connection: &Connection, id: UserId) -> Result<bool, DatabaseError> {
    Ok(connection.prepare_cached("SELECT 1 FROM users WHERE id = ?1")?.exists([&id.as_bytes()[..]])?)
}

fn user_from_values(
    [id, name, email, canonical, hash, created_at, updated_at, version]: [ValueRef<'_>; COLUMNS],
) -> Result<User, RowError> {
    let written = address("email", email)?;
    let canonical = CanonicalEmail::from_stored(address("canonical", canonical)?);
    let (status, hash) = AccountStatus::decode_from_hash(read("password_hash", hash.as_str())?);
    Ok(User {
        id: id.as_blob().ok().and_then(UserId::from_slice).ok_or(RowError::Id)?,
        name: DisplayName::parse(read("name", name.as_str())?).map_err(RowError::DisplayName)?,
        email: Email::from_stored(written, canonical),
        password_hash: PasswordHash::parse(&hash).map_err(RowError::PasswordHash)?,
        status,
        created_at: Timestamp::from_millis(number("created_at", created_at, 0)?),
        updated_at: Timestamp::from_millis(number("updated_at", updated_at, 0)?),
        version: UserVersion::from_number(number("version", version, UserVersion::FIRST.number())?),
    })
}

pub(super) fn read<T>(column: &'static str, value: FromSqlResult<T>) -> Result<T, RowError> {
    value.map_err(|source| RowError::Kind(column, source))
}

fn address(column: &'static str, value: ValueRef<'_>) -> Result<String, RowError> {
    let text = read(column, value.as_str())?;
    // The address as written may have a full-width @.
    let plausible = match column {
        "canonical" => text.contains('@') && text.len() <= EMAIL_BYTES_MAX,
        _ => !text.is_empty(),
    };
    if plausible { Ok(text.to_owned()) } else { Err(RowError::Email(column)) }
}

pub(super) fn number(column: &'static str, value: ValueRef<'_>, least: u64) -> Result<u64, RowError> {
    let number = read(column, value.as_i64())?;
    u64::try_from(number).ok().filter(|&number| number >= least).ok_or(RowError::TooSmall(column))
}

/// The client address in the column.
pub(super) fn address_from(value: ValueRef<'_>) -> Result<Option<IpAddr>, RowError> {
    address_from_bytes(read("address", value.as_blob())?).map_err(|_| RowError::Other("address"))
}

fn key(row: &Row<'_>) -> String {
    let id = row.get_ref(0).ok().and_then(|value| value.as_blob().ok().and_then(UserId::from_slice));
    match (id, row.get_ref(COLUMNS + 1).ok().and_then(|value| value.as_i64().ok())) {
        (Some(id), _) => format!("users/{id}"),
        (None, Some(rowid)) => format!("users/rowid {rowid}"),
        (None, None) => "users".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::types::Value;

    use super::*;
    use crate::checksum::checksum;

    fn good() -> [Value; 10] {
        [
            Value::Blob(vec![7; 16]),
            Value::Text("Ann".to_owned()),
            Value::Text("Ann@x.org".to_owned()),
            Value::Text("ann@x.org".to_owned()),
            Value::Text("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g".to_owned()),
            Value::Integer(1),
            Value::Integer(2),
            Value::Integer(3),
            Value::Integer(0),
            Value::Integer(42),
        ]
    }

    /// The values with their checksum.
    fn summed(mut values: [Value; 10]) -> [Value; 10] {
        let mut covered = [ValueRef::Null; COLUMNS];
        for (covered, value) in covered.iter_mut().zip(&values) {
            *covered = value.into();
        }
        values[COLUMNS] = Value::Integer(checksum(covered));
        values
    }

    fn parsed(values: &[Value; 10]) -> Result<User, DatabaseError> {
        let memory = Connection::open_in_memory().expect("a database in memory");
        let mut statement = memory.prepare("SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10").expect("a statement");
        statement.query_row(rusqlite::params_from_iter(values), |row| Ok(user_from_row(row))).expect("a row")
    }

    #[test]
    fn a_valid_row_is_its_user() {
        let user = parsed(&summed(good())).expect("a user");
        assert_eq!(user.email.as_written(), "Ann@x.org");
        assert_eq!(user.email.canonical().as_str(), "ann@x.org");
        assert_eq!((user.created_at.as_millis(), user.updated_at.as_millis()), (1, 2));
        assert_eq!(user.version, UserVersion::from_number(3));
    }

    #[test]
    fn an_email_written_with_a_full_width_at_is_valid() {
        let mut values = good();
        values[2] = Value::Text("ａｎｎ＠ｘ．ｏｒｇ".to_owned());
        assert_eq!(parsed(&summed(values.clone())).expect("a user").email.as_written(), "ａｎｎ＠ｘ．ｏｒｇ");
        values[2] = Value::Text(String::new());
        assert!(parsed(&summed(values)).is_err());
    }

    #[test]
    fn an_invalid_row_is_named_by_its_id_or_else_by_its_rowid() {
        for (column, value, key) in [
            (0, Value::Blob(vec![7; 15]), "users/rowid 42"),
            (1, Value::Text(String::new()), "users/07070707-0707-0707-0707-070707070707"),
            (3, Value::Text("x".repeat(300)), "users/07070707-0707-0707-0707-070707070707"),
            (4, Value::Text("plain".to_owned()), "users/07070707-0707-0707-0707-070707070707"),
            (5, Value::Integer(-1), "users/07070707-0707-0707-0707-070707070707"),
            (7, Value::Integer(0), "users/07070707-0707-0707-0707-070707070707"),
        ] {
            let mut values = good();
            values[column] = value;
            match parsed(&summed(values)) {
                Err(DatabaseError::Row { key: found, .. }) => assert_eq!(found, key, "column {column}"),
                other => panic!("column {column}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_valid_row_that_is_not_what_was_written_is_rejected() {
        let good = summed(good());
        for column in 0..=COLUMNS {
            let mut values = good.clone();
            values[column] = match &values[column] {
                Value::Blob(id) => Value::Blob(id.iter().map(|byte| byte ^ 1).collect()),
                Value::Text(text) => Value::Text(text.replace('x', "y").replace("Ann", "Bnn").replace("m=8", "m=9")),
                Value::Integer(number) => Value::Integer(number + 1),
                other => panic!("{other:?}"),
            };
            assert_ne!(values[column], good[column], "column {column}");
            let read = parsed(&values);
            assert!(
                matches!(read, Err(DatabaseError::Row { source: RowError::Checksum, .. })),
                "column {column}: {read:?}"
            );
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::Integer),
            (-1.0e9..1.0e9).prop_map(Value::Real),
            ".{0,40}".prop_map(Value::Text),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::Blob),
        ]
    }

    proptest! {
        #[test]
        fn no_row_makes_it_panic_and_only_whole_users_come_out(
            column in 0_usize..10, other in 0_usize..10, first in any_value(), second in any_value(),
            with_its_checksum in any::<bool>()
        ) {
            let mut values = good();
            values[column] = first;
            values[other] = second;
            if with_its_checksum {
                values = summed(values);
            }
            match parsed(&values) {
                Ok(user) => {
                    prop_assert_eq!(DisplayName::parse(user.name.as_str()), Ok(user.name.clone()));
                    prop_assert!(user.version >= UserVersion::FIRST);
                }
                Err(DatabaseError::Row { key, .. }) => prop_assert!(key.starts_with("users")),
                Err(other) => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
