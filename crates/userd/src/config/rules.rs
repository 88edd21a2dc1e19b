//! Rules that no single key's schema can express: between two keys, and about files and directories.

use std::fs;
use std::path::{Path, PathBuf};

use userd_core::PasswordPolicy;
use userd_service::hashing::HashSettings;

use super::layers::unreadable_text;
use super::reader::ConfigReader;
use super::sections::RedisLogin;

/// OWASP's Password Storage Cheat Sheet: memory in KiB and iterations of equal strength, Argon2id.
const OWASP: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

pub(super) fn check_password(read: &mut ConfigReader<'_>, password: &PasswordPolicy) {
    let PasswordPolicy { chars_min, chars_max } = password;
    if chars_min > chars_max {
        let text = format!("{chars_min} is more than password.chars_max: write a number from 8 to {chars_max}");
        read.reject("password.chars_min", text);
    }
}

pub(super) fn check_hash(read: &mut ConfigReader<'_>, hash: &HashSettings) {
    let least = 8 * hash.parallelism;
    if hash.memory_kib < least {
        let right = format!("write at least {least}, or fewer lanes");
        let text = format!("Argon2 needs 8 KiB for each of the {} lanes: {right}", hash.parallelism);
        read.reject("hash.memory_kib", text);
    }
}

/// A warning about hash costs below what OWASP recommends.
pub(super) fn hash_warning(hash: &HashSettings) -> Option<String> {
    let strong =
        OWASP.iter().any(|(memory_kib, iterations)| hash.memory_kib >= *memory_kib && hash.iterations >= *iterations);
    (!strong).then(|| {
        format!(
            "hash.memory_kib = {} with hash.iterations = {} is weaker than OWASP recommends: \
             stolen hashes would be cheaper to guess than with 19456 and 2",
            hash.memory_kib, hash.iterations
        )
    })
}

pub(super) fn check_static_dir(read: &mut ConfigReader<'_>, static_dir: Option<&PathBuf>) {
    if let Some(path) = static_dir.filter(|path| !read.working_dir.join(path).is_dir()) {
        let text = format!("the directory {} does not exist: create it, or leave static_dir empty", path.display());
        read.reject("static_dir", text);
    }
}

pub(super) fn check_sentinel_login(read: &mut ConfigReader<'_>, login: &RedisLogin) {
    if login.sentinel_username.is_some() && login.sentinel_password.is_none() {
        read.reject(
            "redis.sentinel_username",
            "needs a password beside it: set redis.sentinel_password or redis.sentinel_password_file",
        );
    }
}

/// The certificates in the file that `redis.tls_ca_file` names.
pub(super) fn read_tls_ca(read: &mut ConfigReader<'_>, path: Option<&Path>) -> Option<Vec<u8>> {
    let path = path?;
    let text = match fs::read(read.working_dir.join(path)) {
        Ok(pem) if String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") => return Some(pem),
        Ok(_) => format!("the file {} contains no PEM certificate", path.display()),
        Err(error) => format!("the file {}: {}", path.display(), unreadable_text(&error)),
    };
    read.reject("redis.tls_ca_file", text);
    None
}
