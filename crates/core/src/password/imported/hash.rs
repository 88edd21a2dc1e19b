//! The parts of an imported hash: its scheme with parameters, its salt and its output.

use std::fmt;

use zeroize::Zeroizing;

use crate::password::phc::PASSWORD_HASH_BYTES_MAX;

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

crate::string_enum! {
    /// What bcrypt hashes in place of the password, so that all of a long one counts. The text is the scheme's name in
    /// the stored spelling.
    pub enum Prehash {
        /// The password itself.
        None = "bcrypt",
        /// Its SHA-256 in lower-case hexadecimal: Django's `bcrypt_sha256`.
        HexSha256 = "bcrypt-hex-sha256",
        /// Its SHA-256 in padded Base64: passlib's `bcrypt_sha256`, version 1.
        Base64Sha256 = "bcrypt-b64-sha256",
        /// Its HMAC-SHA-256 in padded Base64, with the salt's spelling as key: passlib's version 2.
        Base64HmacSha256 = "bcrypt-hmac-sha256",
    }
}

crate::string_enum! {
    /// The digest in PBKDF2's HMAC. The text is the scheme's name in the stored spelling, which is that of passlib and of
    /// Rust's `pbkdf2`.
    pub enum Pbkdf2Digest {
        /// SHA-1.
        Sha1 = "pbkdf2",
        /// SHA-256.
        Sha256 = "pbkdf2-sha256",
        /// SHA-512.
        Sha512 = "pbkdf2-sha512",
    }
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

impl fmt::Debug for ImportedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ForeignHash({:?}, ..)", self.scheme)
    }
}
