//! The spellings of password hashes: parses those of all programs, writes userd's. Does not check costs.
//!
//! Parsing is lenient where programs are known to differ: Base64 with or without padding, passlib's `.` for `+`, stray
//! bits in the last character (bcrypt salts of old programs have them). Writing is exact, so every hash has one stored
//! spelling.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::hash::{ImportedHash, ImportedHashError, ImportedScheme, Pbkdf2Digest, Prehash, STORED_OUTPUT_BYTES_MAX};

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const BCRYPT: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, LENIENT);

/// Characters of bcrypt's salt (16 bytes) and hash (23 bytes) in its Base64.
const BCRYPT_SALT_CHARS: usize = 22;
/// See [`BCRYPT_SALT_CHARS`].
const BCRYPT_HASH_CHARS: usize = 31;

/// The version in the stored spelling of bcrypt: the character `b` of `2b`.
const BCRYPT_VERSION: &str = "v=98";

type ParseResult = Result<ImportedHash, ImportedHashError>;

/// Parses `text`. The text before the first `$` names Django's scheme and is empty otherwise.
pub(super) fn parse(text: &str) -> ParseResult {
    if text.is_empty() || text.starts_with('!') {
        return Err(ImportedHashError::Unusable);
    }
    let fields: Vec<&str> = text.split('$').collect();
    match fields.as_slice() {
        ["bcrypt", "", rest @ ..] => crypt(rest, Prehash::None),
        ["bcrypt_sha256", "", rest @ ..] => crypt(rest, Prehash::HexSha256),
        ["scrypt", rest @ ..] => django_scrypt(rest),
        ["pbkdf2_sha1", rest @ ..] => django_pbkdf2(Pbkdf2Digest::Sha1, rest),
        ["pbkdf2_sha256", rest @ ..] => django_pbkdf2(Pbkdf2Digest::Sha256, rest),
        ["pbkdf2_sha512", rest @ ..] => django_pbkdf2(Pbkdf2Digest::Sha512, rest),
        ["", "2a" | "2b" | "2x" | "2y", ..] => crypt(&fields[1..], Prehash::None),
        ["", "bcrypt-sha256", rest @ ..] => passlib_bcrypt(rest),
        ["", "scrypt", rest @ ..] => phc_scrypt(rest),
        ["", scheme, rest @ ..] => match (Pbkdf2Digest::parse(scheme), Prehash::parse(scheme)) {
            (Some(digest), _) => pbkdf2(digest, rest),
            (None, Some(prehash)) => phc_bcrypt(rest, prehash),
            (None, None) => Err(ImportedHashError::Scheme),
        },
        _ => Err(ImportedHashError::Scheme),
    }
}

/// The stored spelling of `hash`.
pub(super) fn to_phc(hash: &ImportedHash) -> Zeroizing<String> {
    let head = match hash.scheme {
        ImportedScheme::Bcrypt { cost, prehash } => {
            let (salt, output) = (bcrypt_base64(&hash.salt), Zeroizing::new(BCRYPT.encode(&*hash.output)));
            return Zeroizing::new(format!("${}${BCRYPT_VERSION}$r={cost}${salt}${}", prehash, output.as_str()));
        }
        ImportedScheme::Scrypt { log_n, r, p } => format!("$scrypt$ln={log_n},r={r},p={p}"),
        ImportedScheme::Pbkdf2 { digest, iterations } => format!("${digest}$i={iterations}"),
    };
    let output = Zeroizing::new(STANDARD.encode(&*hash.output));
    Zeroizing::new(format!("{head}${}${}", STANDARD.encode(&hash.salt), output.as_str()))
}

/// `bytes` in bcrypt's Base64.
pub(super) fn bcrypt_base64(bytes: &[u8]) -> String {
    BCRYPT.encode(bytes)
}

/// `2b`, `12`, and salt and hash in one part: the format of crypt(3).
fn crypt(fields: &[&str], prehash: Prehash) -> ParseResult {
    let [variant, cost, salt_and_hash] = fields else { return Err(ImportedHashError::FieldCount) };
    match *variant {
        // The variants differ in bugs that do not affect passwords of up to 255 bytes.
        "2a" | "2b" | "2y" => {}
        "2x" => return Err(ImportedHashError::SignExtension),
        _ => return Err(ImportedHashError::Scheme),
    }
    if cost.len() != 2 {
        return Err(ImportedHashError::Parameters);
    }
    let (salt, hash) = salt_and_hash.split_at_checked(BCRYPT_SALT_CHARS).ok_or(ImportedHashError::Encoding)?;
    bcrypt(parse_number(cost)?, salt, hash, prehash)
}

/// `2b,12`, or `v=2,t=2b,r=12`, then salt and hash.
fn passlib_bcrypt(fields: &[&str]) -> ParseResult {
    let [settings, salt, hash] = fields else { return Err(ImportedHashError::FieldCount) };
    match settings.split(',').collect::<Vec<_>>().as_slice() {
        ["2a" | "2b", cost] => bcrypt(parse_number(cost)?, salt, hash, Prehash::Base64Sha256),
        ["v=2", "t=2b", cost] => {
            let cost = cost.strip_prefix("r=").ok_or(ImportedHashError::Parameters)?;
            bcrypt(parse_number(cost)?, salt, hash, Prehash::Base64HmacSha256)
        }
        _ => Err(ImportedHashError::Parameters),
    }
}

fn phc_bcrypt(fields: &[&str], prehash: Prehash) -> ParseResult {
    let [BCRYPT_VERSION, cost, salt, hash] = fields else { return Err(ImportedHashError::FieldCount) };
    let [cost] = parse_parameters(cost, ["r"])?;
    bcrypt(cost.ok_or(ImportedHashError::Parameters)?, salt, hash, prehash)
}

fn bcrypt(cost: u32, salt: &str, hash: &str, prehash: Prehash) -> ParseResult {
    if (salt.len(), hash.len()) != (BCRYPT_SALT_CHARS, BCRYPT_HASH_CHARS) {
        return Err(ImportedHashError::Encoding);
    }
    let decode = |text: &str| BCRYPT.decode(text).map_err(|_| ImportedHashError::Encoding);
    let (salt, output) = (decode(salt)?, Zeroizing::new(decode(hash)?));
    Ok(ImportedHash { scheme: ImportedScheme::Bcrypt { cost, prehash }, salt, output })
}

/// `ln=…,r=…,p=…`, salt, hash: PHC and passlib.
fn phc_scrypt(fields: &[&str]) -> ParseResult {
    let [settings, salt, hash] = fields else { return Err(ImportedHashError::FieldCount) };
    let [Some(log_n), Some(r), Some(p)] = parse_parameters(settings, ["ln", "r", "p"])? else {
        return Err(ImportedHashError::Parameters);
    };
    with_truncated_output(ImportedScheme::Scrypt { log_n, r, p }, decode_base64(salt)?, hash)
}

/// N, salt as text, r, p, hash.
fn django_scrypt(fields: &[&str]) -> ParseResult {
    let [n, salt, r, p, hash] = fields else { return Err(ImportedHashError::FieldCount) };
    let n = parse_number(n)?;
    if n < 2 || !n.is_power_of_two() {
        return Err(ImportedHashError::NotPowerOfTwo);
    }
    let scheme = ImportedScheme::Scrypt { log_n: n.trailing_zeros(), r: parse_number(r)?, p: parse_number(p)? };
    with_truncated_output(scheme, salt.as_bytes().to_vec(), hash)
}

/// The iterations, as `i=…[,l=…]` (PHC) or bare (passlib); salt, hash.
fn pbkdf2(digest: Pbkdf2Digest, fields: &[&str]) -> ParseResult {
    let [settings, salt, hash] = fields else { return Err(ImportedHashError::FieldCount) };
    let (iterations, length) = if settings.contains('=') {
        let [iterations, length] = parse_parameters(settings, ["i", "l"])?;
        (iterations.ok_or(ImportedHashError::Parameters)?, length)
    } else {
        (parse_number(settings)?, None)
    };
    let output = decode_base64(hash)?;
    if length.is_some_and(|length| usize::try_from(length) != Ok(output.len())) {
        return Err(ImportedHashError::Encoding);
    }
    with_truncated_output(ImportedScheme::Pbkdf2 { digest, iterations }, decode_base64(salt)?, hash)
}

/// Iterations, salt as text, hash.
fn django_pbkdf2(digest: Pbkdf2Digest, fields: &[&str]) -> ParseResult {
    let [iterations, salt, hash] = fields else { return Err(ImportedHashError::FieldCount) };
    with_truncated_output(
        ImportedScheme::Pbkdf2 { digest, iterations: parse_number(iterations)? },
        salt.as_bytes().to_vec(),
        hash,
    )
}

/// Builds the hash, its output truncated to the stored length.
fn with_truncated_output(scheme: ImportedScheme, salt: Vec<u8>, hash: &str) -> ParseResult {
    let mut output = Zeroizing::new(decode_base64(hash)?);
    if output.is_empty() {
        return Err(ImportedHashError::Encoding);
    }
    // One block of PBKDF2: further blocks would cost the verifier as much again, and an attacker nothing.
    let kept = match scheme {
        ImportedScheme::Pbkdf2 { digest: Pbkdf2Digest::Sha1, .. } => 20,
        ImportedScheme::Pbkdf2 { digest: Pbkdf2Digest::Sha256, .. } => 32,
        _ => STORED_OUTPUT_BYTES_MAX,
    };
    output.truncate(kept);
    Ok(ImportedHash { scheme, salt, output })
}

/// Base64, also with passlib's `.` for `+`.
fn decode_base64(text: &str) -> Result<Vec<u8>, ImportedHashError> {
    STANDARD.decode(&*Zeroizing::new(text.replace('.', "+"))).map_err(|_| ImportedHashError::Encoding)
}

/// Parses `name=number,…` with these names in any order, each at most once.
fn parse_parameters<const N: usize>(text: &str, names: [&str; N]) -> Result<[Option<u32>; N], ImportedHashError> {
    let mut found = [None; N];
    for parameter in text.split(',') {
        let (name, value) = parameter.split_once('=').ok_or(ImportedHashError::Parameters)?;
        let place = names.iter().position(|known| *known == name).ok_or(ImportedHashError::Parameters)?;
        if found[place].replace(parse_number(value)?).is_some() {
            return Err(ImportedHashError::Parameters);
        }
    }
    Ok(found)
}

/// Digits only: `parse` alone accepts a sign.
fn parse_number(text: &str) -> Result<u32, ImportedHashError> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ImportedHashError::Parameters);
    }
    text.parse().map_err(|_| ImportedHashError::Parameters)
}
