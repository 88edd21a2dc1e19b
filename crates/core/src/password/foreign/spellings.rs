//! How each program spells its hashes: reading all of them, writing ours. Knows no limits of cost.
//!
//! Reading is generous where a program is known to be: padding of Base64 or none, passlib's `.` for `+`, stray bits in
//! the last character (bcrypt salts of old programs have them). Writing is exact, so every hash has one spelling.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::{ForeignHash, ForeignHashError, ForeignScheme, OUTPUT_BYTES_KEPT, Pbkdf2Digest, Prehash};

const GENEROUS: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, GENEROUS);
const BCRYPT: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, GENEROUS);

/// Characters of bcrypt's salt (16 bytes) and hash (23 bytes) in its Base64.
const BCRYPT_SALT_CHARS: usize = 22;
/// See [`BCRYPT_SALT_CHARS`].
const BCRYPT_HASH_CHARS: usize = 31;

/// The version in our spelling of bcrypt: the character `b` of `2b`.
const BCRYPT_VERSION: &str = "v=98";

type Read = Result<ForeignHash, ForeignHashError>;

/// The parts of `text`. Everything before the first `$` names Django's scheme; nothing stands there otherwise.
pub(super) fn read(text: &str) -> Read {
    if text.is_empty() || text.starts_with('!') {
        return Err(ForeignHashError::Unusable);
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
        ["", scheme, rest @ ..] => match (pbkdf2_digest(scheme), prehash(scheme)) {
            (Some(digest), _) => pbkdf2(digest, rest),
            (None, Some(prehash)) => our_bcrypt(rest, prehash),
            (None, None) => Err(ForeignHashError::Scheme),
        },
        _ => Err(ForeignHashError::Scheme),
    }
}

/// Our spelling of `hash`.
pub(super) fn write(hash: &ForeignHash) -> Zeroizing<String> {
    let head = match hash.scheme {
        ForeignScheme::Bcrypt { cost, prehash } => {
            let (salt, output) = (bcrypt_base64(&hash.salt), Zeroizing::new(BCRYPT.encode(&*hash.output)));
            return Zeroizing::new(format!(
                "${}${BCRYPT_VERSION}$r={cost}${salt}${}",
                bcrypt_scheme(prehash),
                output.as_str()
            ));
        }
        ForeignScheme::Scrypt { log_n, r, p } => format!("$scrypt$ln={log_n},r={r},p={p}"),
        ForeignScheme::Pbkdf2 { digest, iterations } => format!("${}$i={iterations}", pbkdf2_scheme(digest)),
    };
    let output = Zeroizing::new(STANDARD.encode(&*hash.output));
    Zeroizing::new(format!("{head}${}${}", STANDARD.encode(&hash.salt), output.as_str()))
}

/// `bytes` in bcrypt's Base64.
pub(super) fn bcrypt_base64(bytes: &[u8]) -> String {
    BCRYPT.encode(bytes)
}

fn bcrypt_scheme(prehash: Prehash) -> &'static str {
    match prehash {
        Prehash::None => "bcrypt",
        Prehash::HexSha256 => "bcrypt-hex-sha256",
        Prehash::Base64Sha256 => "bcrypt-b64-sha256",
        Prehash::Base64HmacSha256 => "bcrypt-hmac-sha256",
    }
}

fn prehash(scheme: &str) -> Option<Prehash> {
    [Prehash::None, Prehash::HexSha256, Prehash::Base64Sha256, Prehash::Base64HmacSha256]
        .into_iter()
        .find(|prehash| bcrypt_scheme(*prehash) == scheme)
}

/// As passlib and the PHC of Rust's `pbkdf2` name them.
fn pbkdf2_scheme(digest: Pbkdf2Digest) -> &'static str {
    match digest {
        Pbkdf2Digest::Sha1 => "pbkdf2",
        Pbkdf2Digest::Sha256 => "pbkdf2-sha256",
        Pbkdf2Digest::Sha512 => "pbkdf2-sha512",
    }
}

fn pbkdf2_digest(scheme: &str) -> Option<Pbkdf2Digest> {
    [Pbkdf2Digest::Sha1, Pbkdf2Digest::Sha256, Pbkdf2Digest::Sha512]
        .into_iter()
        .find(|digest| pbkdf2_scheme(*digest) == scheme)
}

/// `2b`, `12`, and salt and hash in one: as crypt(3) has it.
fn crypt(fields: &[&str], prehash: Prehash) -> Read {
    let [variant, cost, salt_and_hash] = fields else { return Err(ForeignHashError::Parts) };
    match *variant {
        // What tells these apart are bugs that they don't have for passwords of up to 255 bytes.
        "2a" | "2b" | "2y" => {}
        "2x" => return Err(ForeignHashError::SignExtension),
        _ => return Err(ForeignHashError::Scheme),
    }
    if cost.len() != 2 {
        return Err(ForeignHashError::Parameters);
    }
    let (salt, hash) = salt_and_hash.split_at_checked(BCRYPT_SALT_CHARS).ok_or(ForeignHashError::Encoding)?;
    bcrypt(number(cost)?, salt, hash, prehash)
}

/// `2b,12`, or `v=2,t=2b,r=12`, then salt and hash apart.
fn passlib_bcrypt(fields: &[&str]) -> Read {
    let [settings, salt, hash] = fields else { return Err(ForeignHashError::Parts) };
    match settings.split(',').collect::<Vec<_>>().as_slice() {
        ["2a" | "2b", cost] => bcrypt(number(cost)?, salt, hash, Prehash::Base64Sha256),
        ["v=2", "t=2b", cost] => {
            let cost = cost.strip_prefix("r=").ok_or(ForeignHashError::Parameters)?;
            bcrypt(number(cost)?, salt, hash, Prehash::Base64HmacSha256)
        }
        _ => Err(ForeignHashError::Parameters),
    }
}

fn our_bcrypt(fields: &[&str], prehash: Prehash) -> Read {
    let [BCRYPT_VERSION, cost, salt, hash] = fields else { return Err(ForeignHashError::Parts) };
    let [cost] = parameters(cost, ["r"])?;
    bcrypt(cost.ok_or(ForeignHashError::Parameters)?, salt, hash, prehash)
}

fn bcrypt(cost: u32, salt: &str, hash: &str, prehash: Prehash) -> Read {
    if (salt.len(), hash.len()) != (BCRYPT_SALT_CHARS, BCRYPT_HASH_CHARS) {
        return Err(ForeignHashError::Encoding);
    }
    let decode = |text: &str| BCRYPT.decode(text).map_err(|_| ForeignHashError::Encoding);
    let (salt, output) = (decode(salt)?, Zeroizing::new(decode(hash)?));
    Ok(ForeignHash { scheme: ForeignScheme::Bcrypt { cost, prehash }, salt, output })
}

/// `ln=…,r=…,p=…`, salt, hash: PHC and passlib.
fn phc_scrypt(fields: &[&str]) -> Read {
    let [settings, salt, hash] = fields else { return Err(ForeignHashError::Parts) };
    let [Some(log_n), Some(r), Some(p)] = parameters(settings, ["ln", "r", "p"])? else {
        return Err(ForeignHashError::Parameters);
    };
    whole(ForeignScheme::Scrypt { log_n, r, p }, standard(salt)?, hash)
}

/// N, salt as text, r, p, hash.
fn django_scrypt(fields: &[&str]) -> Read {
    let [n, salt, r, p, hash] = fields else { return Err(ForeignHashError::Parts) };
    let n = number(n)?;
    if n < 2 || !n.is_power_of_two() {
        return Err(ForeignHashError::NotPowerOfTwo);
    }
    let scheme = ForeignScheme::Scrypt { log_n: n.trailing_zeros(), r: number(r)?, p: number(p)? };
    whole(scheme, salt.as_bytes().to_vec(), hash)
}

/// The iterations, as `i=…[,l=…]` (PHC) or bare (passlib); salt, hash.
fn pbkdf2(digest: Pbkdf2Digest, fields: &[&str]) -> Read {
    let [settings, salt, hash] = fields else { return Err(ForeignHashError::Parts) };
    let (iterations, length) = if settings.contains('=') {
        let [iterations, length] = parameters(settings, ["i", "l"])?;
        (iterations.ok_or(ForeignHashError::Parameters)?, length)
    } else {
        (number(settings)?, None)
    };
    let output = standard(hash)?;
    if length.is_some_and(|length| usize::try_from(length) != Ok(output.len())) {
        return Err(ForeignHashError::Encoding);
    }
    whole(ForeignScheme::Pbkdf2 { digest, iterations }, standard(salt)?, hash)
}

/// Iterations, salt as text, hash.
fn django_pbkdf2(digest: Pbkdf2Digest, fields: &[&str]) -> Read {
    let [iterations, salt, hash] = fields else { return Err(ForeignHashError::Parts) };
    whole(ForeignScheme::Pbkdf2 { digest, iterations: number(iterations)? }, salt.as_bytes().to_vec(), hash)
}

/// The hash of what was read, no longer than it is kept.
fn whole(scheme: ForeignScheme, salt: Vec<u8>, hash: &str) -> Read {
    let mut output = Zeroizing::new(standard(hash)?);
    if output.is_empty() {
        return Err(ForeignHashError::Encoding);
    }
    // One block of PBKDF2: every further one costs whoever checks as much again, and an attacker nothing.
    let kept = match scheme {
        ForeignScheme::Pbkdf2 { digest: Pbkdf2Digest::Sha1, .. } => 20,
        ForeignScheme::Pbkdf2 { digest: Pbkdf2Digest::Sha256, .. } => 32,
        _ => OUTPUT_BYTES_KEPT,
    };
    output.truncate(kept);
    Ok(ForeignHash { scheme, salt, output })
}

/// Base64, also with passlib's `.` for `+`.
fn standard(text: &str) -> Result<Vec<u8>, ForeignHashError> {
    STANDARD.decode(&*Zeroizing::new(text.replace('.', "+"))).map_err(|_| ForeignHashError::Encoding)
}

/// The parameters of these names in `name=number,…`, in any order, each at most once and no others.
fn parameters<const N: usize>(text: &str, names: [&str; N]) -> Result<[Option<u32>; N], ForeignHashError> {
    let mut found = [None; N];
    for parameter in text.split(',') {
        let (name, value) = parameter.split_once('=').ok_or(ForeignHashError::Parameters)?;
        let place = names.iter().position(|known| *known == name).ok_or(ForeignHashError::Parameters)?;
        if found[place].replace(number(value)?).is_some() {
            return Err(ForeignHashError::Parameters);
        }
    }
    Ok(found)
}

/// Digits only: `parse` alone would take a sign.
fn number(text: &str) -> Result<u32, ForeignHashError> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ForeignHashError::Parameters);
    }
    text.parse().map_err(|_| ForeignHashError::Parameters)
}
