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
#[cfg(test)]
mod tests;

use zeroize::Zeroizing;

use super::phc::{PASSWORD_HASH_BYTES_MAX, PasswordHash};

/// The most of a scrypt or PBKDF2 hash that is kept, in bytes: 64 characters of Base64.
pub const STORED_OUTPUT_BYTES_MAX: usize = 48;

/// The longest salt that is taken, in bytes; Django's have 22, passlib's 16, and room in a PHC string is 512 bytes.
pub const IMPORTED_SALT_BYTES_MAX: usize = 128;

/// A password hash of another program, in its parts.
#[derive(Clone, PartialEq, Eq)]
pub struct ImportedHash {
    /// How it was computed.
    pub scheme: ImportedScheme,
    /// The salt; of bcrypt exactly 16 bytes.
    pub salt: Vec<u8>,
    /// The hash itself; of bcrypt exactly 23 bytes. Compare it in constant time.
    pub output: Zeroizing<Vec<u8>>,
}

/// How a foreign hash was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportedScheme {
    /// bcrypt as `$2b$` means it: the first 72 bytes, with a NUL after them if there is room.
    Bcrypt {
        /// The binary logarithm of the rounds.
        cost: u32,
        /// What was done to the password first.
        prehash: Prehash,
    },
    /// scrypt (RFC 7914).
    Scrypt {
        /// The binary logarithm of N.
        log_n: u32,
        /// The block size.
        r: u32,
        /// The parallelism.
        p: u32,
    },
    /// PBKDF2 (RFC 8018) with HMAC.
    Pbkdf2 {
        /// The digest in the HMAC.
        digest: Pbkdf2Digest,
        /// How often.
        iterations: u32,
    },
}

/// What bcrypt was given in place of the password, so that long ones count whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prehash {
    /// The password itself.
    None,
    /// Its SHA-256 in lower-case hexadecimal: Django's `bcrypt_sha256`.
    HexSha256,
    /// Its SHA-256 in padded Base64: passlib's `bcrypt_sha256`, version 1.
    Base64Sha256,
    /// Its HMAC-SHA-256 keyed with the salt as it is spelled, in padded Base64: the same, version 2.
    Base64HmacSha256,
}

/// The digest in PBKDF2's HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pbkdf2Digest {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// Why a text is no foreign hash that can ever be checked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImportedHashError {
    /// More than [`PASSWORD_HASH_BYTES_MAX`] bytes, before or after it is spelled our way.
    #[error("it has more than {PASSWORD_HASH_BYTES_MAX} bytes")]
    TooLong,
    /// Django's mark for accounts that have no password (`!…`), or nothing at all.
    #[error("it stands for no password at all")]
    Unusable,
    /// `$2x$`: made by `crypt_blowfish` before 1.1, whose sign-extension bug lets different passwords have one hash.
    #[error("$2x$ hashes come from the sign-extension bug of crypt_blowfish and are not taken")]
    SignExtension,
    /// No scheme that is known here.
    #[error("its scheme is none of argon2i, argon2d, argon2id, bcrypt, scrypt and PBKDF2")]
    Scheme,
    /// The parameters of the scheme are missing, double, of another name or no numbers.
    #[error("its parameters are not those of its scheme")]
    Parameters,
    /// scrypt's N is no power of two from 2 on.
    #[error("its N is no power of two")]
    NotPowerOfTwo,
    /// A part is missing or one too many is there.
    #[error("it has not the parts of its scheme")]
    Parts,
    /// Salt or hash are not spelled as the scheme spells them.
    #[error("its salt or hash is not in Base64, or has not the length of its scheme")]
    Encoding,
    /// No salt, or one of more than [`IMPORTED_SALT_BYTES_MAX`] bytes.
    #[error("its salt has not between 1 and {IMPORTED_SALT_BYTES_MAX} bytes")]
    Salt,
}

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

impl std::fmt::Debug for ImportedHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ForeignHash({:?}, ..)", self.scheme)
    }
}
