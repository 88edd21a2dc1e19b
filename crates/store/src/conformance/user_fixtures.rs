//! Made-up users.

use crate::UserProfile;
use userd_core::clock::{Clock, ManualClock};
use userd_core::random::{Random, SystemRandom};
use userd_core::{AccountStatus, DisplayName, Email, PasswordHash, Timestamp, User, UserId, UserVersion};

/// The present moment in tests: 2026-11-22T14:31:02.007Z.
pub const NOW: Timestamp = Timestamp::from_millis(1_795_357_862_007);

/// A hash without a known password.
pub const SOME_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b5dWRWJTmaaJObGRdescudvJCs";

/// A new user with this e-mail address, created at the time of the clock.
pub fn new_user(clock: &ManualClock, email: &str) -> User {
    new_user_with("Ada Lovelace", parse_email(email), clock.now(), &SystemRandom)
}

/// A new user, created at `now`.
pub fn new_user_with(name: &str, email: Email, now: Timestamp, random: &dyn Random) -> User {
    let mut bytes = [0; 10];
    random.fill(&mut bytes);
    User {
        id: UserId::generate(now, bytes),
        name: DisplayName::parse(name).expect("a name"),
        email,
        password_hash: PasswordHash::parse(SOME_HASH).expect("a hash"),
        status: AccountStatus::default(),
        created_at: now,
        updated_at: now,
        version: UserVersion::FIRST,
    }
}

/// A profile with this name and e-mail address.
pub fn new_profile(name: &str, email: &str) -> UserProfile {
    UserProfile { name: DisplayName::parse(name).expect("a name"), email: parse_email(email) }
}

/// Parses an e-mail address.
pub fn parse_email(email: &str) -> Email {
    Email::parse(email).unwrap_or_else(|error| panic!("{email}: {error}"))
}
