//! Password hashes as other programs write them: bcrypt, scrypt, PBKDF2 and Argon2 in the spellings of PHC, passlib and
//! Django. Each is read into its parts, and has one spelling of ours, a PHC string, in which it is stored and exported.
//!
//! Nothing is computed here and no cost is judged: that is the business of `service::hashing`. To add a scheme: a
//! variant of [`ImportedScheme`], its spellings in `formats`, its computation and its limit over there, and vectors
//! made by the program that it comes from.
//!
//! # Our spellings
//! | scheme | spelling |
//! |---|---|
//! | Argon2 | `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`, as it came |
//! | bcrypt | `$bcrypt$v=98$r=12$salt$hash` (98 is the `b` of `2b`), salt and hash in bcrypt's own Base64 |
//! | bcrypt over SHA-256 | the same as `bcrypt-hex-sha256` (Django), `bcrypt-b64-sha256` and `bcrypt-hmac-sha256` (passlib 1 and 2) |
//! | scrypt | `$scrypt$ln=14,r=8,p=5$salt$hash` |
//! | PBKDF2 | `$pbkdf2$i=…$salt$hash` (SHA-1), `$pbkdf2-sha256$…`, `$pbkdf2-sha512$…` |
//!
//! Of scrypt and PBKDF2 at most [`STORED_OUTPUT_BYTES_MAX`] bytes of the hash are kept: what Redis keeps compact; and of
//! PBKDF2 no more than one block. Both give their bytes one after the other, so the first ones are the hash of that
//! length, and the 160 bits of SHA-1 are enough.

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
    /// The hash that another program wrote as `text`, in our spelling. Our own spelling is taken too, and stays.
    ///
    /// # Errors
    /// The reason why it can't be one.
    pub fn from_imported(text: &str) -> Result<Self, ImportedHashError> {
        if text.len() > PASSWORD_HASH_BYTES_MAX {
            return Err(ImportedHashError::TooLong);
        }
        let argon2 = text.strip_prefix("argon2").filter(|rest| rest.starts_with('$')).unwrap_or(text);
        if ["$argon2i$", "$argon2d$", "$argon2id$"].iter().any(|scheme| argon2.starts_with(scheme)) {
            return Self::parse(argon2).map_err(|_| ImportedHashError::Parts);
        }
        ImportedHash::parse(text)?.to_password_hash()
    }
}

impl ImportedHash {
    /// The parts of `text`, in whichever spelling. Not for Argon2, which needs no translation.
    ///
    /// # Errors
    /// The reason why it can't be one.
    pub fn parse(text: &str) -> Result<Self, ImportedHashError> {
        if text.len() > PASSWORD_HASH_BYTES_MAX {
            return Err(ImportedHashError::TooLong);
        }
        let hash = formats::parse(text)?;
        if (1..=IMPORTED_SALT_BYTES_MAX).contains(&hash.salt.len()) { Ok(hash) } else { Err(ImportedHashError::Salt) }
    }

    /// Our spelling.
    fn to_password_hash(&self) -> Result<PasswordHash, ImportedHashError> {
        PasswordHash::parse(&formats::to_phc(self)).map_err(|_| ImportedHashError::TooLong)
    }

    /// The salt of bcrypt as it is spelled, which is the key of [`Prehash::Base64HmacSha256`].
    #[must_use]
    pub fn bcrypt_salt(&self) -> String {
        formats::bcrypt_base64(&self.salt)
    }
}
