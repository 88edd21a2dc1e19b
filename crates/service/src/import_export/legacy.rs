//! Legacy records as users. All are read twice: the first pass finds e-mails that occur more than once. None of those
//! users is imported, since nothing shows which of them is right.

use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::reader::{ImportEntry, SourcePosition};
use super::record::{InvalidRecord, check_hash_supported};
use super::timestamps::parse_lenient;
use crate::hashing::HashSettings;
use userd_core::{AccountStatus, DisplayName, Email, PasswordHash, User, UserId, UserVersion};
use userd_store::{AccountRecord, LegacyRecord, LegacySource, StoreError};

/// E-mails that occur more than once, as sorted digests. The search keeps 32 bytes for each user.
pub(super) struct DuplicateEmails(Vec<[u8; 16]>);

impl DuplicateEmails {
    /// Reads every record; `watch` is called with the number read. `None` if `stop` was set before the end.
    pub(super) async fn find(
        source: &dyn LegacySource,
        stop: &watch::Receiver<bool>,
        watch: &(dyn Fn(u64) + Sync),
    ) -> Result<Option<Self>, StoreError> {
        let (mut seen, mut place) = (Vec::<([u8; 16], [u8; 16])>::new(), Some(0));
        while let Some(at) = place {
            if *stop.borrow() {
                return Ok(None);
            }
            let page = source.page(at).await?;
            for record in &page.records {
                if let Some(email) = email_digest(record) {
                    // Not the id: one id under two keys is a duplicate, too. A scan may return a key twice, which is
                    // not.
                    seen.push((email, digest(&record.key)));
                }
            }
            watch(seen.len() as u64);
            place = page.next;
        }
        seen.sort_unstable();
        seen.dedup();
        let duplicates = seen.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0);
        let mut duplicates: Vec<_> = duplicates.collect();
        duplicates.dedup();
        Ok(Some(Self(duplicates)))
    }

    /// The record as a user, or why it is invalid.
    pub(super) fn validate(&self, record: &LegacyRecord, hashes: &HashSettings) -> ImportEntry {
        let id = id_of(&record.key);
        let validated = user(record, id, hashes).and_then(|user| match email_digest(record) {
            Some(email) if self.0.binary_search(&email).is_ok() => {
                Err("another key has the same e-mail; none of them is imported; delete all but one".to_owned())
            }
            _ => Ok(AccountRecord { user, sessions: Vec::new() }),
        });
        let validated = validated.map_err(|reason| InvalidRecord { id: id.map(|id| id.to_string()), reason });
        (SourcePosition::Key(record.key.clone()), validated)
    }
}

pub(super) fn digest(text: &str) -> [u8; 16] {
    let digest = Sha256::digest(text.as_bytes());
    std::array::from_fn(|place| digest[place])
}

fn email_digest(record: &LegacyRecord) -> Option<[u8; 16]> {
    let email = Email::parse(record.email.as_deref()?).ok()?;
    Some(digest(email.canonical().as_str()))
}

/// The UUID at the end of a key, whatever its prefix.
fn id_of(key: &str) -> Option<UserId> {
    let last = key.rsplit([':', '/', '.']).next().unwrap_or_default();
    UserId::parse(last).or_else(|| UserId::parse(key.get(key.len().checked_sub(36)?..)?))
}

fn user(record: &LegacyRecord, id: Option<UserId>, hashes: &HashSettings) -> Result<User, String> {
    let field = |name: &str, value: &Option<String>| value.clone().ok_or_else(|| format!("`{name}` is missing"));
    let moment = |name: &str, text: &str| {
        parse_lenient(text)
            .ok_or_else(|| format!("`{name}` is not a timestamp: neither RFC 3339 nor seconds or milliseconds"))
    };
    let id = id.ok_or("the key does not end with a UUID")?;
    let name = DisplayName::parse(&field("name", &record.name)?).map_err(|error| format!("`name` {error}"))?;
    let email = Email::parse(&field("email", &record.email)?).map_err(|error| format!("`email` {error}"))?;
    let hash = field("hashed_password", &record.hashed_password)?;
    let hash = PasswordHash::from_imported(hash.trim()).map_err(|error| {
        format!(
            "`hashed_password` does not have its scheme and parameters: {error} (the field `salt` alone does not have \
             them either)"
        )
    })?;
    check_hash_supported(&hash, hashes).map_err(|rule| format!("`hashed_password` {rule}"))?;
    let created_at = moment("created", &field("created", &record.created)?)?;
    let updated = record.updated.as_deref().filter(|text| !text.is_empty());
    let updated_at = updated.map_or(Ok(created_at), |text| moment("updated", text))?;
    let (status, version) = (AccountStatus::default(), UserVersion::FIRST);
    Ok(User { id, name, email, password_hash: hash, status, created_at, updated_at, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_uuid_at_the_end_of_a_key() {
        let id = "0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa5f3";
        for key in [id.to_owned(), format!("user:{id}"), format!("users-{id}"), format!("a:b:{}", id.replace('-', ""))]
        {
            assert_eq!(id_of(&key).map(|id| id.to_string()).as_deref(), Some(id), "{key}");
        }
        assert_eq!((id_of("user:7"), id_of(""), id_of("ü")), (None, None, None));
    }
}
