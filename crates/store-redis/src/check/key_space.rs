//! Parses the name of a key. The reverse of `layout`, and as strict: a name that userd would not have written is
//! unknown.

use super::dependents::DependentKind;
use crate::layout::{KeyLayout, Shard};
use userd_core::{CanonicalEmail, UserId};
use userd_store::{KeyKind, mask_email};

/// What a key holds, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ParsedKey {
    /// A user's record.
    Record(UserId),
    /// The claim on an e-mail.
    Claim(CanonicalEmail),
    /// A shard's listing.
    Listing,
    /// A user's sessions.
    Sessions(UserId),
    /// A key that belongs to no single user, with its shard and name.
    Dependent(DependentKind, Shard, String),
    /// userd's own, checked elsewhere or without anything to check: the versions of the key space, the mark of a shard,
    /// a running self-test, a barrier, or the key of another userd with a longer prefix.
    Internal,
    /// Not userd's; the name as it may be logged.
    Unknown(String),
}

/// Parses the name of a key below the prefix.
pub(super) fn parse_key(keys: &KeyLayout, key: &[u8]) -> ParsedKey {
    let unknown = || ParsedKey::Unknown(printable(key));
    let Ok(text) = std::str::from_utf8(key) else { return unknown() };
    let Some(rest) = text.strip_prefix(keys.prefix()) else { return unknown() };
    if rest == "meta" || is_another_prefix(rest) {
        return ParsedKey::Internal;
    }
    let Some((tag, rest)) = rest.strip_prefix('{').and_then(|rest| rest.split_once("}:")) else { return unknown() };
    let Some(shard) = shard(tag) else { return unknown() };
    if rest == "users" || rest == "emails" {
        return ParsedKey::Listing;
    }
    if let Some(what) = dependent_kind(rest, shard) {
        return ParsedKey::Dependent(what, shard, text.to_owned());
    }
    if rest == "ack" || rest == "store" || rest.starts_with("self-test:") {
        return ParsedKey::Internal;
    }
    if let Some(id) = rest.strip_prefix("user:").and_then(UserId::parse) {
        // An id in another spelling, or in another shard, is never read from there.
        return if keys.user(id) == text { ParsedKey::Record(id) } else { unknown() };
    }
    if let Some(id) = rest.strip_prefix("sessions:").and_then(UserId::parse) {
        return if keys.sessions(id) == text { ParsedKey::Sessions(id) } else { unknown() };
    }
    if let Some(email) = rest.strip_prefix("claim:") {
        let email = CanonicalEmail::from_stored(email.to_owned());
        return if Shard::of_email(&email) == shard { ParsedKey::Claim(email) } else { unknown() };
    }
    unknown()
}

/// The kind of a key that belongs to no single user, from its name after the tag of `shard`.
fn dependent_kind(rest: &str, shard: Shard) -> Option<DependentKind> {
    if rest == "events" {
        return Some(DependentKind::Events);
    }
    if let Some(kind) = rest.strip_prefix("keys:") {
        let is_kind = KeyKind::ALL.iter().any(|one| one.as_str() == kind);
        return (is_kind && shard == Shard::FIRST).then_some(DependentKind::ServiceKeys);
    }
    let (letter, digests) = match rest.strip_prefix("throttle:")?.split_once(':') {
        Some((letter, digests)) => (letter, digests.split(':').map(digest).collect::<Option<Vec<_>>>()?),
        None => (rest.strip_prefix("throttle:")?, Vec::new()),
    };
    let is_right = match (letter, digests.as_slice()) {
        ("e", []) => shard == Shard::FIRST,
        ("a" | "n", [one]) | ("b" | "d", [one, _]) => shard == Shard::of_digest(one),
        _ => false,
    };
    is_right.then_some(DependentKind::RateLimitBucket)
}

/// The digest in 32 hexadecimal digits.
fn digest(text: &str) -> Option<[u8; 16]> {
    let number = u128::from_str_radix(text, 16).ok()?;
    (format!("{number:032x}") == text).then(|| number.to_be_bytes())
}

/// Whether this is a key of another userd whose prefix starts with this one's.
fn is_another_prefix(rest: &str) -> bool {
    let (more, key) = match rest.find('{') {
        Some(at) => rest.split_at(at),
        None => (rest.strip_suffix("meta").unwrap_or_default(), "meta"),
    };
    let tagged = || key.get(1..4).is_some_and(|tag| shard(tag).is_some()) && key.get(4..6) == Some("}:");
    more.ends_with(':') && (key == "meta" || tagged())
}

fn shard(tag: &str) -> Option<Shard> {
    let exact = tag.len() == 3 && tag.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if exact { u16::from_str_radix(tag, 16).ok().and_then(Shard::try_from_number) } else { None }
}

/// An unknown key in printable form, with an e-mail address in it masked.
fn printable(key: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(key).chars().filter(|char| !char.is_control()).take(120).collect();
    if !text.contains('@') {
        return text;
    }
    let begin = text[..text.find('@').unwrap_or_default()].rfind(':').map_or(0, |colon| colon + 1);
    format!("{}{}", &text[..begin], mask_email(&CanonicalEmail::from_stored(text[begin..].to_owned())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use userd_core::{AccountKey, BucketKey, NetworkKey};

    fn keys() -> KeyLayout {
        KeyLayout::with_prefix("userd:".to_owned())
    }

    #[test]
    fn every_key_that_userd_writes_is_known() {
        let keys = keys();
        let id = UserId::parse("0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa5f3").expect("an id");
        let email = CanonicalEmail::parse("{x}@example.org").expect("an address");
        assert_eq!(parse_key(&keys, keys.user(id).as_bytes()), ParsedKey::Record(id));
        assert_eq!(parse_key(&keys, keys.claim(&email).as_bytes()), ParsedKey::Claim(email.clone()));
        for shard in Shard::all() {
            assert_eq!(parse_key(&keys, keys.users(shard).as_bytes()), ParsedKey::Listing);
            assert_eq!(parse_key(&keys, keys.emails(shard).as_bytes()), ParsedKey::Listing);
        }
        let (account, network) = (AccountKey::of(&email), NetworkKey::of([192, 0, 2, 1].into()));
        let buckets = [
            BucketKey::Account(account),
            BucketKey::AccountAndNetwork(account, network),
            BucketKey::Device(account, [7; 16]),
            BucketKey::Network(network),
            BucketKey::Global,
        ];
        let dependents = buckets.map(|bucket| (DependentKind::RateLimitBucket, keys.rate_limit(bucket)));
        let events = Shard::all().map(|shard| (DependentKind::Events, (shard, keys.events(shard))));
        let own_keys = KeyKind::ALL.map(|kind| (DependentKind::ServiceKeys, (Shard::FIRST, keys.service_keys(kind))));
        for (what, (shard, key)) in dependents.into_iter().chain(events).chain(own_keys) {
            assert_eq!(parse_key(&keys, key.as_bytes()), ParsedKey::Dependent(what, shard, key));
        }
        assert_eq!(parse_key(&keys, keys.sessions(id).as_bytes()), ParsedKey::Sessions(id));
        for own in [
            keys.meta(),
            keys.self_test(Shard::FIRST, "n")[0].clone(),
            "userd:{3ff}:ack".to_owned(),
            keys.store_id(Shard::FIRST),
            "userd:2:{000}:users".to_owned(),
            "userd:2:meta".to_owned(),
        ] {
            assert_eq!(parse_key(&keys, own.as_bytes()), ParsedKey::Internal, "{own}");
        }
    }

    #[test]
    fn a_key_that_userd_would_not_write_is_unknown_and_shows_no_email() {
        for (key, shown) in [
            ("userd:{400}:users", "userd:{400}:users"),
            ("userd:{1F3}:users", "userd:{1F3}:users"),
            (
                "userd:{000}:user:0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa5f3",
                "userd:{000}:user:0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa5f3",
            ),
            (
                "userd:{1f3}:user:0192F0C1-2B3D-7E4F-8A5B-6C7D8E9FA5F3",
                "userd:{1f3}:user:0192F0C1-2B3D-7E4F-8A5B-6C7D8E9FA5F3",
            ),
            ("userd:{000}:claim:ada@example.org", "userd:{000}:claim:a…@example.org"),
            ("userd:old:bob@example.org", "userd:old:b…@example.org"),
            ("userd:", "userd:"),
            ("userd:{001}:keys:api", "userd:{001}:keys:api"),
            ("userd:{000}:keys:other", "userd:{000}:keys:other"),
            ("userd:{001}:throttle:e", "userd:{001}:throttle:e"),
            ("userd:{001}:throttle:a:00", "userd:{001}:throttle:a:00"),
            (
                "userd:{000}:sessions:0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa5f3",
                "userd:{000}:sessions:0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa5f3",
            ),
        ] {
            assert_eq!(parse_key(&keys(), key.as_bytes()), ParsedKey::Unknown(shown.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn any_key_is_parsed_without_panic(key in prop::collection::vec(any::<u8>(), 0..60), tag in "\\{[0-9a-f]{3}\\}:(user|claim|sessions|throttle|keys):.{0,9}") {
            let _ = parse_key(&keys(), &key);
            let _ = parse_key(&keys(), format!("userd:{tag}").as_bytes());
        }
    }
}
