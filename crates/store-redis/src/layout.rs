//! The names of keys. The table of what they hold is in the crate's documentation.
//!
//! To add a key: a method here, and a case in `check::key_space`, so that the consistency check knows it.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use userd_core::{BucketKey, CanonicalEmail, UserId};
use userd_store::KeyKind;

/// The number of shards: the hash tags `{000}` to `{3ff}`. It never changes, so that the data of one server can be
/// moved into a cluster as it is; see `docs/decisions/0003-1024-shards.md`.
pub const SHARD_COUNT: u16 = 1024;

/// One of [`SHARD_COUNT`] groups of keys. All keys of a shard are in one slot of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u16);

impl Shard {
    /// The first shard.
    pub const FIRST: Self = Self(0);

    /// The shard with this number, modulo [`SHARD_COUNT`].
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(u16::try_from(number % u64::from(SHARD_COUNT)).unwrap_or_default())
    }

    /// The shard's number.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }

    /// The shard of a user: the low ten bits of the id, which are random in a UUIDv7.
    #[must_use]
    pub fn of_user(id: UserId) -> Self {
        let bytes = id.as_bytes();
        Self(u16::from_be_bytes([bytes[14], bytes[15]]) % SHARD_COUNT)
    }

    /// The shard of an e-mail address: the first ten bits of the SHA-256 of its canonical form.
    #[must_use]
    pub fn of_email(email: &CanonicalEmail) -> Self {
        let digest = Sha256::digest(email.as_str().as_bytes());
        Self(u16::from_be_bytes([digest[0], digest[1]]) >> 6)
    }

    /// The shard of half a SHA-256: its first ten bits. It equals [`Self::of_email`] for the digest of an address.
    #[must_use]
    pub fn of_digest(digest: &[u8; 16]) -> Self {
        Self(u16::from_be_bytes([digest[0], digest[1]]) >> 6)
    }

    /// The shard with this number, if there is one.
    #[must_use]
    pub fn try_from_number(number: u16) -> Option<Self> {
        (number < SHARD_COUNT).then_some(Self(number))
    }

    /// Every shard, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARD_COUNT).map(Self)
    }
}

/// The names of all keys under one prefix. The tag of the shard comes before any user data, so a brace in an address
/// cannot move a key to another slot.
#[derive(Debug, Clone)]
pub struct KeyLayout {
    prefix: String,
}

impl KeyLayout {
    /// The keys below `prefix`.
    #[must_use]
    pub fn with_prefix(prefix: String) -> Self {
        Self { prefix }
    }

    /// The prefix of all keys.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The user's record.
    #[must_use]
    pub fn user(&self, id: UserId) -> String {
        self.in_shard(Shard::of_user(id), format_args!(":user:{id}"))
    }

    /// The ids of a shard's users.
    #[must_use]
    pub fn users(&self, shard: Shard) -> String {
        self.in_shard(shard, ":users")
    }

    /// The e-mail addresses of a shard's users.
    #[must_use]
    pub fn emails(&self, shard: Shard) -> String {
        self.in_shard(shard, ":emails")
    }

    /// The claim: the pointer from an e-mail address to its user.
    #[must_use]
    pub fn claim(&self, email: &CanonicalEmail) -> String {
        self.in_shard(Shard::of_email(email), format_args!(":claim:{}", email.as_str()))
    }

    /// The user's sessions.
    #[must_use]
    pub fn sessions(&self, id: UserId) -> String {
        self.in_shard(Shard::of_user(id), format_args!(":sessions:{id}"))
    }

    /// The events of a shard's users.
    #[must_use]
    pub fn events(&self, shard: Shard) -> String {
        self.in_shard(shard, ":events")
    }

    /// A rate limit bucket, and its shard. All buckets of one account are in one shard.
    #[must_use]
    pub fn rate_limit(&self, bucket: BucketKey) -> (Shard, String) {
        let (letter, digests): (_, &[&[u8; 16]]) = match &bucket {
            BucketKey::Account(account) => ('a', &[account.as_bytes()]),
            BucketKey::AccountAndNetwork(account, network) => ('b', &[account.as_bytes(), network.as_bytes()]),
            BucketKey::Device(account, device) => ('d', &[account.as_bytes(), device]),
            BucketKey::Network(network) => ('n', &[network.as_bytes()]),
            BucketKey::Global => ('e', &[]),
        };
        let shard = digests.first().map_or(Shard::FIRST, |digest| Shard::of_digest(digest));
        let mut key = self.in_shard(shard, format_args!(":throttle:{letter}"));
        for digest in digests {
            let _ = write!(key, ":{:032x}", u128::from_be_bytes(**digest));
        }
        (shard, key)
    }

    /// The service's own keys of one kind.
    #[must_use]
    pub fn service_keys(&self, kind: KeyKind) -> String {
        self.in_shard(Shard::FIRST, format_args!(":keys:{}", kind.as_str()))
    }

    /// The versions of format and canonicalisation, and the id of the store.
    #[must_use]
    pub fn meta(&self) -> String {
        format!("{}meta", self.prefix)
    }

    /// The mark of a shard: the id of the store that it belongs to.
    #[must_use]
    pub fn store_id(&self, shard: Shard) -> String {
        self.in_shard(shard, ":store")
    }

    /// The barrier that is written before replicas or disks are waited for.
    #[must_use]
    pub fn ack(&self, shard: Shard) -> String {
        self.in_shard(shard, ":ack")
    }

    /// The keys of a self-test in one shard; `nonce` separates concurrent self-tests.
    #[must_use]
    pub fn self_test(&self, shard: Shard, nonce: &str) -> [String; 4] {
        ["hash", "sorted-set", "string", "stream"]
            .map(|kind| self.in_shard(shard, format_args!(":self-test:{nonce}:{kind}")))
    }

    fn in_shard(&self, shard: Shard, rest: impl std::fmt::Display) -> String {
        let mut key = String::with_capacity(self.prefix.len() + 64);
        let _ = write!(key, "{}{{{:03x}}}{rest}", self.prefix, shard.0);
        key
    }
}

/// The key of a claim as it may be logged: the address shortened to its first letter and its domain.
#[must_use]
pub fn mask_claim(email: &CanonicalEmail) -> String {
    format!("claim:{}", userd_store::mask_email(email))
}

#[cfg(test)]
mod tests {
    use super::*;
    use userd_core::{AccountKey, NetworkKey};

    fn email(text: &str) -> CanonicalEmail {
        CanonicalEmail::parse(text).expect("an address")
    }

    #[test]
    fn keys_are_named_as_documented() {
        let keys = KeyLayout::with_prefix("userd:".to_owned());
        let id = UserId::parse("0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa5f3").expect("an id");
        assert_eq!(keys.user(id), "userd:{1f3}:user:0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa5f3");
        assert_eq!(keys.users(Shard::of_user(id)), "userd:{1f3}:users");
        assert_eq!(keys.emails(Shard::of_user(id)), "userd:{1f3}:emails");
        // sha256("a@example.org") begins 3d5b… : the first ten bits are 0f5.
        let digest = Sha256::digest(b"a@example.org");
        let shard = (u16::from(digest[0]) << 2) | u16::from(digest[1] >> 6);
        assert_eq!(keys.claim(&email("a@example.org")), format!("userd:{{{shard:03x}}}:claim:a@example.org"));
        assert_eq!(keys.meta(), "userd:meta");
        assert_eq!(keys.store_id(Shard::of_user(id)), "userd:{1f3}:store");
        assert_eq!(keys.sessions(id), "userd:{1f3}:sessions:0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa5f3");
        assert_eq!(keys.events(Shard::of_user(id)), "userd:{1f3}:events");
        assert_eq!(keys.service_keys(KeyKind::Api), "userd:{000}:keys:api");
    }

    #[test]
    fn buckets_of_one_account_are_in_its_emails_shard_and_show_no_address() {
        let keys = KeyLayout::with_prefix("userd:".to_owned());
        let (account, shard) = (AccountKey::of(&email("a@example.org")), Shard::of_email(&email("a@example.org")));
        let network = NetworkKey::of("192.0.2.1".parse().expect("an address"));
        let (of_account, key) = keys.rate_limit(BucketKey::Account(account));
        let digits = &key[key.rfind(':').expect("a colon") + 1..];
        assert_eq!((of_account, digits.len()), (shard, 32));
        assert_eq!(key, format!("userd:{{{:03x}}}:throttle:a:{digits}", shard.number()));
        let (of_both, both) = keys.rate_limit(BucketKey::AccountAndNetwork(account, network));
        assert_eq!(of_both, shard);
        let (of_network, of_one) = keys.rate_limit(BucketKey::Network(network));
        assert_eq!(of_network, Shard::of_digest(network.as_bytes()));
        assert_eq!(
            both.replace(&format!("b:{digits}"), "n").split_once('}').map(|(_, rest)| rest),
            of_one.split_once('}').map(|(_, rest)| rest)
        );
        assert_eq!(
            keys.rate_limit(BucketKey::Device(account, [0; 16])).1,
            key.replace("a:", "d:") + ":" + &"0".repeat(32)
        );
        assert_eq!(keys.rate_limit(BucketKey::Global).1, "userd:{000}:throttle:e");
    }

    #[test]
    fn a_brace_in_an_address_does_not_move_its_key() {
        let key = KeyLayout::with_prefix("userd:".to_owned()).claim(&email("{x}@example.org"));
        let tag = &key[key.find('{').expect("a tag")..=key.find('}').expect("its end")];
        assert_eq!(tag.len(), "{000}".len());
        assert!(u16::from_str_radix(&tag[1..4], 16).is_ok_and(|shard| shard < SHARD_COUNT));
    }

    #[test]
    fn emails_and_ids_spread_evenly_over_the_shards() {
        let mut by_email = vec![0_u32; usize::from(SHARD_COUNT)];
        let mut by_id = vec![0_u32; usize::from(SHARD_COUNT)];
        let random = userd_core::random::SeededRandom::from_seed(11);
        let total = 100 * u32::from(SHARD_COUNT);
        for n in 0..total {
            by_email[usize::from(Shard::of_email(&email(&format!("person{n}@mail.example"))).0)] += 1;
            let mut bytes = [0; 10];
            userd_core::random::Random::fill(&random, &mut bytes);
            by_id[usize::from(Shard::of_user(UserId::generate(userd_core::Timestamp::from_millis(1), bytes)).0)] += 1;
        }
        for counts in [by_email, by_id] {
            let chi_squared: f64 = counts.iter().map(|&seen| (f64::from(seen) - 100.0).powi(2) / 100.0).sum();
            // 1023 degrees of freedom: p > 0.01 below 1131.
            assert!(chi_squared < 1131.0, "χ² = {chi_squared}");
        }
    }
}
