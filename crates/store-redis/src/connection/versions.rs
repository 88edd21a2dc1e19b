//! The versions of format and canonicalisation with which a key space is marked. They keep a userd from writing into
//! accounts that it cannot read.

use ::redis::aio::MultiplexedConnection;

use super::connect_error::{ConnectError, command_error, is_elsewhere, is_unable};
use crate::layout::KeyLayout;
use crate::script::{SCRIPT_COUNT, Script};
use crate::user_record::FORMAT_VERSION;
use userd_core::CANONICAL_VERSION;

/// Reads the mark: both versions, empty where there is no mark; `None` where another node of the cluster holds it.
pub(super) async fn read_versions(
    keys: &KeyLayout,
    connection: &mut MultiplexedConnection,
) -> Result<Option<(String, String)>, ConnectError> {
    let meta = keys.meta();
    let mut read = ::redis::cmd("HMGET");
    read.arg(&meta).arg("format").arg("canonical");
    match read.query_async::<(Option<String>, Option<String>)>(connection).await {
        Ok((format, canonical)) => Ok(Some((format.unwrap_or_default(), canonical.unwrap_or_default()))),
        Err(error) if is_elsewhere(&error) => Ok(None),
        Err(error) if error.code() == Some("WRONGTYPE") => Err(ConnectError::Refused(format!(
            "{meta} holds something that is not userd's; set redis.prefix to a free one"
        ))),
        Err(error) => Err(command_error(error, &format!("HMGET on the keys {}*", keys.prefix()))),
    }
}

/// Refuses a key space that another version of userd wrote and this one cannot read.
pub(super) fn check_versions(keys: &KeyLayout, versions: Option<(String, String)>) -> Result<(), ConnectError> {
    let ours = own_versions();
    match versions {
        None => Ok(()),
        Some(versions) if versions == ours || (versions.0.is_empty() && versions.1.is_empty()) => Ok(()),
        Some(theirs) => Err(ConnectError::Refused(format!(
            "the accounts below {} were written in format {} with e-mail canonicalisation {}; this userd knows format \
             {} and canonicalisation {}: run the userd that wrote them, or a newer one",
            keys.prefix(),
            theirs.0,
            theirs.1,
            ours.0,
            ours.1,
        ))),
    }
}

/// Marks an unmarked key space, if this server holds the mark. False if the server could not write it.
pub(super) async fn mark_versions(
    keys: &KeyLayout,
    connection: &mut MultiplexedConnection,
    digests: &[String; SCRIPT_COUNT],
) -> Result<bool, ConnectError> {
    let meta = keys.meta();
    let ours = own_versions();
    let mut command = Script::Namespace.evalsha(digests, std::slice::from_ref(&meta));
    command.arg(&ours.0).arg(&ours.1);
    match command.query_async::<(String, String)>(connection).await {
        Ok(versions) => check_versions(keys, Some(versions)).map(|()| true),
        Err(error) if error.code() == Some("MOVED") => Ok(true),
        // The mark could not be written; whether that matters depends on what is there.
        Err(error) if is_unable(&error) => {
            let versions = read_versions(keys, connection).await?;
            let marked = versions.as_ref().is_some_and(|versions| *versions == ours);
            check_versions(keys, versions).map(|()| marked)
        }
        Err(error) => Err(error.into()),
    }
}

fn own_versions() -> (String, String) {
    (FORMAT_VERSION.to_string(), CANONICAL_VERSION.to_string())
}
