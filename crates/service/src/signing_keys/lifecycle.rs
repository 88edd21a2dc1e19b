//! The lifecycle of signing keys, computed from the times at which they start to sign, and the constants of a rotation
//! without a gap.

use userd_core::Timestamp;

/// How long services may cache the published keys, in seconds: the `max-age` of `Cache-Control`.
pub const JWKS_MAX_AGE_S: u32 = 300;

/// How long a node's cache is fresh, in milliseconds.
pub(super) const CACHE_TTL_MS: u64 = 1_000;

/// The largest difference between the clocks of nodes, and of services that verify tokens, in milliseconds.
const CLOCK_SKEW_MAX_MS: u64 = 60_000;

/// The longest token lifetime of any configuration, in milliseconds: another node may have a longer one than this node.
const TOKEN_TTL_MS_MAX: u64 = 900_000;

/// How long a key is published before it signs, for tokens that live `ttl_ms`: until every node has read it, every
/// cache of a service has expired and the slowest clock has passed. Plus a token's lifetime, for services that fetch
/// keys only with a new token.
#[must_use]
pub const fn propagation_delay_ms(ttl_ms: u64) -> u64 {
    ttl_ms + JWKS_MAX_AGE_S as u64 * 1000 + CACHE_TTL_MS + CLOCK_SKEW_MAX_MS
}

/// How long a key is published after its successor has started to sign: until the last token has expired that a node
/// with a slow clock or a stale cache signed.
const RETIREMENT_MS: u64 = TOKEN_TTL_MS_MAX + CACHE_TTL_MS + CLOCK_SKEW_MAX_MS;

/// The state of a signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningKeyState {
    /// Published, signs later.
    Pending,
    /// Signs.
    Active,
    /// No longer signs; published until this time.
    Retired(Timestamp),
    /// Its last token has expired; the next rotation removes it.
    Expired,
}

/// The index of the key that signs at `now`, of keys that start to sign at `starts`, in this order: the last that has
/// started. If none has, the first: the clock was set back, or another node's is ahead.
pub(super) fn signing(starts: &[Timestamp], now: Timestamp) -> Option<usize> {
    let begun = starts.iter().filter(|start| **start <= now).count();
    if starts.is_empty() { None } else { Some(begun.saturating_sub(1)) }
}

/// The state at `now` of the key at index `place`.
pub(super) fn state(starts: &[Timestamp], place: usize, now: Timestamp) -> SigningKeyState {
    match signing(starts, now) {
        Some(signs) if signs == place => SigningKeyState::Active,
        Some(signs) if signs > place => {
            let follower = starts.get(place + 1).copied().unwrap_or(now);
            let until = follower.plus_millis(RETIREMENT_MS);
            if until > now { SigningKeyState::Retired(until) } else { SigningKeyState::Expired }
        }
        _ => SigningKeyState::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn the_last_key_that_has_begun_signs_and_the_first_where_none_has() {
        let starts = [at(100), at(200), at(300)];
        let signs = |ms| signing(&starts, at(ms));
        assert_eq!([50, 100, 199, 200, 299, 300, 900].map(signs), [0, 0, 0, 1, 1, 2, 2].map(Some));
        assert_eq!(signing(&[], at(100)), None);
    }

    #[test]
    fn a_key_waits_signs_is_kept_and_ends() {
        let starts = [at(0), at(1_000_000)];
        let until = 1_000_000 + RETIREMENT_MS;
        assert_eq!(state(&starts, 0, at(0)), SigningKeyState::Active);
        assert_eq!(state(&starts, 1, at(999_999)), SigningKeyState::Pending);
        assert_eq!(state(&starts, 1, at(1_000_000)), SigningKeyState::Active);
        assert_eq!(state(&starts, 0, at(1_000_000)), SigningKeyState::Retired(at(until)));
        assert_eq!(state(&starts, 0, at(until - 1)), SigningKeyState::Retired(at(until)));
        assert_eq!(state(&starts, 0, at(until)), SigningKeyState::Expired);
    }

    /// A node with a slow clock or a stale cache may sign with the previous key, and the token is valid everywhere
    /// until it expires; a service that fetched the keys just before the rotation gets the new key in time.
    #[test]
    fn the_numbers_leave_no_gap() {
        let ttl_ms = TOKEN_TTL_MS_MAX;
        let begins = propagation_delay_ms(ttl_ms);
        let starts = [at(0), at(begins)];
        let last_old_token_ends = begins + CLOCK_SKEW_MAX_MS + CACHE_TTL_MS + ttl_ms;
        assert_ne!(state(&starts, 0, at(last_old_token_ends - 1)), SigningKeyState::Expired);
        let last_fetch_without_it = CACHE_TTL_MS;
        let fetched_again = last_fetch_without_it + u64::from(JWKS_MAX_AGE_S) * 1000;
        let first_new_token = begins - CLOCK_SKEW_MAX_MS;
        assert!(fetched_again <= first_new_token);
    }
}
