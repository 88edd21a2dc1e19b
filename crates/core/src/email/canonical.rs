//! The canonical form of an e-mail, version 1, step by step. `characters` has the allowed characters.
//!
//! The order matters. Invisible and control characters are rejected in the text *as written*: normalisation removes
//! some of them, and the error would not name the cause. Then NFKC folds widths and ligatures, so that a full-width `＠`
//! is an `@` before the text is split there. Then follow structure, local part and domain. The result is a fixed point:
//! every step returns its own output unchanged.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46, verify_dns_length};

use super::characters::{self, check_visible};
use super::error::{EMAIL_BYTES_MAX, EMAIL_LOCAL_BYTES_MAX, EmailError};
use crate::check_rules;

/// The most rounds of folding and normalisation. Two were enough for everything in the tests; a text that still changes
/// is rejected, so the result is a fixed point by construction.
const FOLD_PASSES_MAX: usize = 3;

const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfkc();

/// The canonical form of the one address in `text`.
pub(super) fn canonical_form(text: &str) -> Result<String, EmailError> {
    let trimmed = text.trim();
    check_rules([(trimmed.is_empty(), EmailError::Empty), (trimmed.len() > EMAIL_BYTES_MAX, EmailError::TooLong)])?;
    check_visible(trimmed)?;
    let normal = NFKC.normalize(trimmed);
    if matches!(normal, Cow::Owned(_)) {
        reject_compounds(trimmed)?;
    }
    let (local, domain) = split(&normal)?;
    let local = canonical_local(local)?;
    let domain = canonical_domain(domain)?;
    if local.len() + 1 + domain.len() > EMAIL_BYTES_MAX {
        return Err(EmailError::TooLong);
    }
    Ok(format!("{local}@{domain}"))
}

/// The canonical form of an address's prefix.
pub(super) fn canonical_prefix(text: &str) -> Result<String, EmailError> {
    check_visible(text)?;
    let normal = NFKC.normalize(text);
    if normal.chars().any(characters::is_space) {
        return Err(EmailError::Space);
    }
    let Some((local, domain)) = normal.split_once('@') else { return fold(&normal) };
    check_rules([(domain.contains('@'), EmailError::ManyAts), (!domain.is_ascii(), EmailError::DomainCharacter)])?;
    Ok(format!("{}@{}", fold(local)?, domain.to_ascii_lowercase()))
}

/// Rejects characters that NFKC expands to several with a separator among them: `⒈` would add a dot to a domain that
/// shows none. UTS #46 rejects these too, but it sees the domain after NFKC.
fn reject_compounds(text: &str) -> Result<(), EmailError> {
    let mut buffer = [0; 4];
    for c in text.chars().filter(|c| !c.is_ascii()) {
        let written_out = NFKC.normalize(c.encode_utf8(&mut buffer));
        if written_out.contains(['.', '@']) && written_out.chars().nth(1).is_some() {
            return Err(EmailError::Compound);
        }
    }
    Ok(())
}

/// Splits exactly one addr-spec into local part and domain. What RFC 5322 allows around or inside one, and people paste
/// from mail programs, gets an error of its own before spaces and `@` are counted.
fn split(text: &str) -> Result<(&str, &str), EmailError> {
    let ats = text.matches('@').count();
    check_rules([
        (text.contains(['<', '>']), EmailError::DisplayName),
        (text.contains('"'), EmailError::Quoted),
        (text.contains(['(', ')']), EmailError::Comment),
        (ats > 1 && text.contains([',', ';']), EmailError::Several),
        (text.chars().any(characters::is_space), EmailError::Space),
        (ats > 1, EmailError::ManyAts),
    ])?;
    text.split_once('@').ok_or(EmailError::NoAt)
}

/// The local part, case-folded; `text` is NFKC.
fn canonical_local(text: &str) -> Result<String, EmailError> {
    if text.is_empty() {
        return Err(EmailError::LocalEmpty);
    }
    let local = fold(text)?;
    if text.len().max(local.len()) > EMAIL_LOCAL_BYTES_MAX {
        return Err(EmailError::LocalTooLong);
    }
    characters::check_local(&local)?;
    Ok(local)
}

/// Repeats full case folding and NFKC until the text is stable: folding can undo composition (`İ` becomes `i` and a
/// combining dot), so once is not enough.
fn fold(text: &str) -> Result<String, EmailError> {
    let mapper = CaseMapper::new();
    let mut current = text.to_owned();
    for _ in 0..=FOLD_PASSES_MAX {
        let next = NFKC.normalize(&mapper.fold_string(&current)).into_owned();
        if next == current {
            return Ok(current);
        }
        current = next;
    }
    Err(EmailError::LocalCharacter)
}

/// The domain in ASCII lower case; `text` is NFKC.
fn canonical_domain(text: &str) -> Result<String, EmailError> {
    // The ideographic full stop of East Asian keyboards; NFKC has already mapped its full- and half-width forms.
    let text = text.replace('\u{3002}', ".");
    check_rules([
        (text.is_empty(), EmailError::DomainEmpty),
        (text.starts_with('[') || text.ends_with(']'), EmailError::AddressLiteral),
        (text.split('.').any(str::is_empty), EmailError::DomainDots),
    ])?;
    let ascii = Uts46::new()
        .to_ascii(text.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Verify)
        .map_err(|_| broken_domain_rule(&text))?;
    if ascii.contains("xn--") {
        // An A-label must not contain what is rejected in its Unicode form (UTS #46 keeps joiners).
        let (unicode, _) = Uts46::new().to_unicode(ascii.as_bytes(), AsciiDenyList::STD3, Hyphens::Check);
        check_visible(&unicode)?;
    }
    let (_, top) = ascii.rsplit_once('.').ok_or(EmailError::DomainSingleLabel)?;
    if top.bytes().all(|b| b.is_ascii_digit()) {
        return Err(EmailError::DomainNumeric);
    }
    Ok(ascii.into_owned())
}

/// The rule that a domain breaks, which strict UTS #46 does not report.
fn broken_domain_rule(domain: &str) -> EmailError {
    let lenient = Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow, DnsLength::Ignore);
    match lenient {
        Err(_) => EmailError::DomainCharacter,
        Ok(ascii) if !verify_dns_length(&ascii, false) => EmailError::DomainTooLong,
        Ok(_) => EmailError::DomainHyphen,
    }
}
