//! Password hashes of other programs: bcrypt, scrypt, PBKDF2 and Argon2 in the spellings of PHC, passlib and Django.
//! Each is parsed into its parts and has one stored spelling, a PHC string, which is also exported.
//!
//! Does not compute hashes or judge costs: `service::hashing` does. To add a scheme: a variant of [`ImportedScheme`],
//! its spellings in `formats`, its computation and its limit in `service::hashing`, and test vectors from the program
//! that uses it.
//!
//! # Stored spellings
//! | scheme | spelling |
//! |---|---|
//! | Argon2 | `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`, as imported |
//! | bcrypt | `$bcrypt$v=98$r=12$salt$hash` (98 is the `b` of `2b`), salt and hash in bcrypt's own Base64 |
//! | bcrypt over SHA-256 | the same as `bcrypt-hex-sha256` (Django), `bcrypt-{b64,hmac}-sha256` (passlib 1, 2) |
//! | scrypt | `$scrypt$ln=14,r=8,p=5$salt$hash` |
//! | PBKDF2 | `$pbkdf2$i=…$salt$hash` (SHA-1), `$pbkdf2-sha256$…`, `$pbkdf2-sha512$…` |
//!
//! At most [`STORED_OUTPUT_BYTES_MAX`] bytes of a scrypt or PBKDF2 output are stored, because Redis keeps those
//! compact, and at most one block of PBKDF2. Both schemes produce their output in order, so a prefix is the output of
//! that length, and the 160 bits of SHA-1 are enough.

mod formats;
mod hash;
#[cfg(test)]
mod tests;

use super::phc::{PASSWORD_HASH_BYTES_MAX, PasswordHash};

pub use hash::{
    IMPORTED_SALT_BYTES_MAX, ImportedHash, ImportedHashError, ImportedScheme, Pbkdf2Digest, Prehash,
    STORED_OUTPUT_BYTES_MAX,
};
impl PasswordHash {
    /// Parses a hash that another program wrote. A stored spelling is accepted unchanged.
    ///
    /// # Errors
    /// Why it is not a hash that userd can verify.
    pub fn from_imported(text: &str) -> Result<Self, ImportedHashError> {
        if text.len() > PASSWORD_HASH_BYTES_MAX {
            return Err(ImportedHashError::TooLong);
        }
        let argon2 = text.strip_prefix("argon2").filter(|rest| rest.starts_with('$')).unwrap_or(text);
        if ["$argon2i$", "$argon2d$", "$argon2id$"].iter().any(|scheme| argon2.starts_with(scheme)) {
            return Self::parse(argon2).map_err(|_| ImportedHashError::FieldCount);
        }
        // The stored spelling.
        let phc = formats::to_phc(&ImportedHash::parse(text)?);
        Self::parse(&phc).map_err(|_| ImportedHashError::TooLong)
    }
}

impl ImportedHash {
    /// Parses `text` in any spelling. Not for Argon2, whose spelling needs no translation.
    ///
    /// # Errors
    /// Why it is not a hash that userd can verify.
    pub fn parse(text: &str) -> Result<Self, ImportedHashError> {
        if text.len() > PASSWORD_HASH_BYTES_MAX {
            return Err(ImportedHashError::TooLong);
        }
        let hash = formats::parse(text)?;
        if (1..=IMPORTED_SALT_BYTES_MAX).contains(&hash.salt.len()) { Ok(hash) } else { Err(ImportedHashError::Salt) }
    }

    /// The spelling of bcrypt's salt, which is the key of [`Prehash::Base64HmacSha256`].
    #[must_use]
    pub fn bcrypt_salt(&self) -> String {
        formats::bcrypt_base64(&self.salt)
    }
}
