//! The parts of an imported hash: its scheme with parameters, its salt and its output.

use std::fmt;

use zeroize::Zeroizing;

use crate::password::phc::PASSWORD_HASH_BYTES_MAX;

/// The most bytes of a scrypt or PBKDF2 output that are stored: 64 characters of Base64.
pub const STORED_OUTPUT_BYTES_MAX: usize = 48;

/// The longest accepted salt, in bytes. Django's have 22, passlib's 16; a PHC string has at most 512 bytes.
pub const IMPORTED_SALT_BYTES_MAX: usize = 128;

/// The parts of another program's password hash.
#[derive(Clone, PartialEq, Eq)]
pub struct ImportedHash {
    /// The scheme with its parameters.
    pub scheme: ImportedScheme,
    /// The salt; exactly 16 bytes for bcrypt.
    pub salt: Vec<u8>,
    /// The output; exactly 23 bytes for bcrypt. Compare it in constant time.
    pub output: Zeroizing<Vec<u8>>,
}

/// The scheme of an imported hash, with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportedScheme {
    /// bcrypt as in `$2b$`: the first 72 bytes of the password, with a NUL after them if there is room.
    Bcrypt {
        /// The binary logarithm of the number of rounds.
        cost: u32,
        /// What is applied to the password first.
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
        /// The number of iterations.
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
    /// The digest in PBKDF2's HMAC. The text is the scheme's name as it is stored, which is that of passlib and of
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

/// Why a text is not an imported hash that userd can verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImportedHashError {
    /// More than [`PASSWORD_HASH_BYTES_MAX`] bytes, as imported or in the stored spelling.
    #[error("it has more than {PASSWORD_HASH_BYTES_MAX} bytes")]
    TooLong,
    /// Django's mark of an account without a password (`!…`), or an empty text.
    #[error("it is the mark of an account without a password")]
    Unusable,
    /// `$2x$`: made by `crypt_blowfish` before 1.1, whose sign-extension bug lets different passwords have one hash.
    #[error("$2x$ hashes come from the sign-extension bug of crypt_blowfish and are not supported")]
    SignExtension,
    /// An unknown scheme.
    #[error("its scheme is not one of argon2i, argon2d, argon2id, bcrypt, scrypt and PBKDF2")]
    Scheme,
    /// A parameter is missing, repeated, unknown or not a number.
    #[error("its parameters are not those of its scheme")]
    Parameters,
    /// scrypt's N is not a power of two of at least 2.
    #[error("its N is not a power of two")]
    NotPowerOfTwo,
    /// A part is missing, or there is one too many.
    #[error("it does not have the parts of its scheme")]
    FieldCount,
    /// Salt or output are not encoded as the scheme encodes them.
    #[error("its salt or hash is not Base64 of the length that its scheme has")]
    Encoding,
    /// No salt, or one of more than [`IMPORTED_SALT_BYTES_MAX`] bytes.
    #[error("its salt does not have between 1 and {IMPORTED_SALT_BYTES_MAX} bytes")]
    Salt,
}

impl fmt::Debug for ImportedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImportedHash({:?}, ..)", self.scheme)
    }
}
