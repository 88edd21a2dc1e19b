//! Computes imported hashes: bcrypt, scrypt and PBKDF2. `limits` has the reasons for the limits.
//!
//! Only for verification: new passwords are never hashed so, and a sign-in replaces the hash.

use std::num::NonZeroU32;

use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use userd_core::{ImportedHash, ImportedScheme, Pbkdf2Digest, Prehash};

use super::limits::{
    BCRYPT_COST_MAX, BCRYPT_COST_MIN, OUTPUT_BYTES_MIN, PBKDF2_ITERATIONS_MAX, PBKDF2_SHA512_ITERATIONS_MAX,
    SCRYPT_P_MAX, SCRYPT_R_MAX, SCRYPT_WORK_KIB_MAX,
};
use super::outcome::HashError;

/// The bytes of a password that bcrypt uses.
const BCRYPT_PASSWORD_BYTES: usize = 72;

/// Rejects hashes that are too expensive or too short, before anything is computed.
pub(super) fn check_limits(hash: &ImportedHash) -> Result<(), HashError> {
    let excess = match hash.scheme {
        ImportedScheme::Bcrypt { cost, .. } if !(BCRYPT_COST_MIN..=BCRYPT_COST_MAX).contains(&cost) => {
            "its bcrypt cost is not between 4 and 14"
        }
        ImportedScheme::Pbkdf2 { digest, iterations } if !(1..=pbkdf2_iterations_max(digest)).contains(&iterations) => {
            "its iterations of PBKDF2 are not between 1 and 2,000,000 (with SHA-512 1,000,000)"
        }
        ImportedScheme::Scrypt { r, p, .. } if !(1..=SCRYPT_R_MAX).contains(&r) || !(1..=SCRYPT_P_MAX).contains(&p) => {
            "its scrypt block size is not between 1 and 32, or its parallelism not between 1 and 16"
        }
        ImportedScheme::Scrypt { log_n, r, p }
            if log_n == 0 || scrypt_bytes(log_n, r).saturating_mul(p.into()) > SCRYPT_WORK_KIB_MAX * 1024 =>
        {
            "its scrypt N is 1, or it needs more than 128 MiB in all"
        }
        _ if hash.output.len() < OUTPUT_BYTES_MIN => "it is shorter than 16 bytes",
        _ => return Ok(()),
    };
    Err(HashError::Unreadable(excess))
}

fn pbkdf2_iterations_max(digest: Pbkdf2Digest) -> u32 {
    match digest {
        Pbkdf2Digest::Sha1 | Pbkdf2Digest::Sha256 => PBKDF2_ITERATIONS_MAX,
        Pbkdf2Digest::Sha512 => PBKDF2_SHA512_ITERATIONS_MAX,
    }
}

/// Whether `hash` belongs to `password`; in constant time. Requires [`check_limits`].
pub(super) fn matches(hash: &ImportedHash, password: &[u8]) -> Result<bool, HashError> {
    let computed = match hash.scheme {
        ImportedScheme::Bcrypt { cost, prehash } => bcrypt(hash, cost, prehash, password)?,
        ImportedScheme::Scrypt { log_n, r, p } => scrypt(hash, log_n, r, p, password)?,
        ImportedScheme::Pbkdf2 { digest, iterations } => {
            let iterations = NonZeroU32::new(iterations).ok_or(HashError::Failed)?;
            let mut output = Zeroizing::new(vec![0; hash.output.len()]);
            pbkdf2::derive(pbkdf2_algorithm(digest), iterations, &hash.salt, password, &mut output);
            output
        }
    };
    Ok(constant_time::verify_slices_are_equal(&computed, &hash.output).is_ok())
}

/// As in `$2b$`: a NUL ends the password, and bytes after the 72nd do not count. A NUL *within* it is an ordinary byte,
/// as in Python, Go and Rust; C programs that stop there mostly reject such passwords.
fn bcrypt(hash: &ImportedHash, cost: u32, prehash: Prehash, password: &[u8]) -> Result<Zeroizing<Vec<u8>>, HashError> {
    let salt: [u8; 16] = hash.salt.as_slice().try_into().map_err(|_| HashError::Failed)?;
    let base64 = |bytes: &[u8]| Zeroizing::new(STANDARD.encode(bytes).into_bytes());
    let given = match prehash {
        Prehash::None => Zeroizing::new(password.to_vec()),
        Prehash::HexSha256 => hexadecimal(digest::digest(&digest::SHA256, password).as_ref()),
        Prehash::Base64Sha256 => base64(digest::digest(&digest::SHA256, password).as_ref()),
        Prehash::Base64HmacSha256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, hash.bcrypt_salt().as_bytes());
            base64(hmac::sign(&key, password).as_ref())
        }
    };
    let mut key = Zeroizing::new([0; BCRYPT_PASSWORD_BYTES]);
    let taken = given.len().min(BCRYPT_PASSWORD_BYTES);
    key[..taken].copy_from_slice(&given[..taken]);
    let key = &key[..(taken + 1).min(BCRYPT_PASSWORD_BYTES)];
    // A hash has only the first 23 of the 24 bytes.
    Ok(Zeroizing::new(bcrypt::bcrypt(cost, salt, key)[..23].to_vec()))
}

fn hexadecimal(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    Zeroizing::new(bytes.iter().flat_map(digits).collect())
}

fn scrypt(hash: &ImportedHash, log_n: u32, r: u32, p: u32, password: &[u8]) -> Result<Zeroizing<Vec<u8>>, HashError> {
    // The crate aborts the process if memory is missing, so reserve it first.
    let bytes = usize::try_from(scrypt_bytes(log_n, r)).map_err(|_| HashError::Failed)?;
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| HashError::Failed)?;
    let log_n = u8::try_from(log_n).map_err(|_| HashError::Failed)?;
    let params = scrypt::Params::new(log_n, r, p).map_err(|_| HashError::Failed)?;
    let mut output = Zeroizing::new(vec![0; hash.output.len()]);
    scrypt::scrypt(password, &hash.salt, &params, &mut output).map_err(|_| HashError::Failed)?;
    Ok(output)
}

/// The memory that scrypt fills, in bytes: 128 r N.
fn scrypt_bytes(log_n: u32, r: u32) -> u64 {
    1_u64.checked_shl(log_n).unwrap_or(u64::MAX).saturating_mul(128 * u64::from(r))
}

fn pbkdf2_algorithm(digest: Pbkdf2Digest) -> pbkdf2::Algorithm {
    match digest {
        Pbkdf2Digest::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        Pbkdf2Digest::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        Pbkdf2Digest::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
    }
}
