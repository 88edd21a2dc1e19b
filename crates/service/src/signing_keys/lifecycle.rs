//! When a key signs and how long it is published: what follows from the moments at which keys begin to sign, and the
//! numbers that a rotation without a gap needs.

use userd_core::Timestamp;

/// How long a service may keep the published keys, in seconds: what `Cache-Control` says.
pub const JWKS_MAX_AGE_S: u32 = 300;

/// How long a node goes by what it has read, in milliseconds.
pub(super) const CACHE_TTL_MS: u64 = 1_000;

/// How far the clocks of nodes, and of services that check tokens, may be apart, in milliseconds.
const CLOCK_SKEW_MAX_MS: u64 = 60_000;

/// The longest life of a token that any configuration allows, in milliseconds: a node with a longer one than ours
/// may have signed.
const TOKEN_TTL_MS_MAX: u64 = 900_000;

/// How long a key is published before it signs, where tokens live `ttl_ms`: until every node has read it, every
/// service has fetched it again and the slowest clock has passed. And a token's life more, for services that fetch
/// keys no more often than they see a new token.
#[must_use]
pub const fn propagation_delay_ms(ttl_ms: u64) -> u64 {
    ttl_ms + JWKS_MAX_AGE_S as u64 * 1000 + CACHE_TTL_MS + CLOCK_SKEW_MAX_MS
}

/// How long a key is published after its follower has begun to sign: until the last token has ended that a node with
/// a slow clock, or with what it read before, signed with it.
const RETIREMENT_MS: u64 = TOKEN_TTL_MS_MAX + CACHE_TTL_MS + CLOCK_SKEW_MAX_MS;

/// What a key is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningKeyState {
    /// It is published, and signs later.
    Pending,
    /// It signs.
    Active,
    /// It signed, and is published until then.
    Retired(Timestamp),
    /// Its last token has ended; the next rotation removes it.
    Expired,
}

/// Which of the keys that begin to sign at `starts`, in this order, signs at `now`: the last that has begun. The
/// first, if none has: the clock was set back, or another node's is ahead.
pub(super) fn signing(starts: &[Timestamp], now: Timestamp) -> Option<usize> {
    let begun = starts.iter().filter(|start| **start <= now).count();
    if starts.is_empty() { None } else { Some(begun.saturating_sub(1)) }
}

/// What the key at `place` in `starts` is there for at `now`.
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

    /// A node may sign with the key before, by a slow clock or by what it read a moment ago, and its token is good
    /// everywhere to its end; a service that fetched the keys a moment before the rotation has the new one in time.
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
