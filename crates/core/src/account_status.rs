//! Account status: whether the account is disabled, and whether its password has expired.
//!
//! A store encodes it in the scheme's name of the password hash (`$off-argon2id$…`), as `/etc/shadow` locks an account
//! by a mark before the hash. It needs no field and no further read, and it fails safe while versions are mixed: an
//! earlier userd does not know the scheme and rejects the sign-in.

use std::borrow::Cow;

/// The marks of a disabled account and of an expired password, before the scheme's own name. No scheme's name starts
/// so.
const DISABLED_PREFIX: &str = "off-";
/// See [`DISABLED_PREFIX`].
const EXPIRED_PREFIX: &str = "exp-";

/// The status of an account. The default is that of a new account: enabled, with a valid password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AccountStatus {
    /// Sign-in is rejected, and there are no sessions.
    pub disabled: bool,
    /// The password is valid only for changing it.
    pub password_expired: bool,
}

impl AccountStatus {
    /// Encodes the status in `hash`, a PHC string or its part before the output.
    #[must_use]
    pub fn encode_in_hash(self, hash: &str) -> Cow<'_, str> {
        let Some(scheme) = hash.strip_prefix('$').filter(|_| self != Self::default()) else { return hash.into() };
        let disabled = if self.disabled { DISABLED_PREFIX } else { "" };
        let expired = if self.password_expired { EXPIRED_PREFIX } else { "" };
        format!("${disabled}{expired}{scheme}").into()
    }

    /// The reverse of [`AccountStatus::encode_in_hash`]: the status, and the text without the marks.
    #[must_use]
    pub fn decode_from_hash(kept: &str) -> (Self, Cow<'_, str>) {
        let Some(scheme) = kept.strip_prefix('$') else { return (Self::default(), kept.into()) };
        let (disabled, rest) = split_prefix(scheme, DISABLED_PREFIX);
        let (password_expired, rest) = split_prefix(rest, EXPIRED_PREFIX);
        let status = Self { disabled, password_expired };
        let text = if status == Self::default() { kept.into() } else { format!("${rest}").into() };
        (status, text)
    }
}

fn split_prefix<'a>(text: &'a str, prefix: &str) -> (bool, &'a str) {
    text.strip_prefix(prefix).map_or((false, text), |rest| (true, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_marked_is_read_back(disabled: bool, password_expired: bool, scheme in "[a-np-z][a-z0-9-]{0,20}") {
            let (status, text) = (AccountStatus { disabled, password_expired }, format!("${scheme}$v=19$c2FsdA"));
            prop_assume!(!scheme.starts_with(EXPIRED_PREFIX));
            let marked = status.encode_in_hash(&text).into_owned();
            prop_assert_eq!(AccountStatus::decode_from_hash(&marked), (status, text.into()));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let (status, rest) = AccountStatus::decode_from_hash(&text);
            if status == AccountStatus::default() {
                prop_assert_eq!(rest, text.as_str());
            }
        }
    }

    #[test]
    fn the_marked_form_is_the_same_for_ever() {
        let both = AccountStatus { disabled: true, password_expired: true };
        assert_eq!(both.encode_in_hash("$argon2id$v=19$m=8"), "$off-exp-argon2id$v=19$m=8");
        assert_eq!(AccountStatus::default().encode_in_hash("$argon2id$v=19"), "$argon2id$v=19");
    }
}
