//! The characters that an address may have: the PRECIS view of Unicode (RFC 8264), on the tables of ICU4X.
//!
//! Not a full PRECIS profile: characters that PRECIS allows in some contexts only (CONTEXTJ and CONTEXTO: joiners,
//! middle dots, geresh) are always rejected. Accepting them later needs no new version of the canonical form; rejecting
//! them later would.

use icu_properties::props::{
    BidiClass, DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup, HangulSyllableType,
};
use icu_properties::{CodePointMapData, CodePointSetData};

use super::error::EmailError;

/// Rejects characters that are invisible or have no fixed meaning, anywhere in the address.
///
/// Unassigned code points are rejected because a later Unicode version may give them a case or a decomposition, which
/// would change the canonical form of stored addresses.
pub(super) fn check_visible(text: &str) -> Result<(), EmailError> {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    // Visible ASCII needs no look at the tables.
    let broken = text.chars().filter(|c| !c.is_ascii_graphic()).find_map(|c| match category(c) {
        _ if is_bidi_control(c) => Some(EmailError::BidiControl),
        GeneralCategory::Control | GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator => {
            Some(EmailError::Control)
        }
        // Noncharacters are unassigned, and a `char` is never a surrogate. Some ignorable code points are unassigned;
        // the error then says so.
        GeneralCategory::Unassigned | GeneralCategory::Surrogate => Some(EmailError::Unassigned),
        GeneralCategory::PrivateUse => Some(EmailError::PrivateUse),
        GeneralCategory::Format => Some(EmailError::Invisible),
        _ => ignorable.contains(c).then_some(EmailError::Invisible),
    });
    broken.map_or(Ok(()), Err)
}

/// The characters of `Bidi_Control`: marks, embeddings, overrides, isolates.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A space of any width.
pub(super) fn is_space(c: char) -> bool {
    c == ' ' || (!c.is_ascii() && category(c) == GeneralCategory::SpaceSeparator)
}

/// Rejects a local part that is not a dot-atom (RFC 5322, section 3.2.3) of `atext`, letters, digits and marks.
pub(super) fn check_local(local: &str) -> Result<(), EmailError> {
    for atom in local.split('.') {
        let first = atom.chars().next().ok_or(EmailError::LocalDots)?;
        if !first.is_ascii() && is_mark(first) {
            return Err(EmailError::LocalMark);
        }
        if !atom.chars().all(|c| if c.is_ascii() { is_atext(c) } else { is_identifier(c) }) {
            return Err(EmailError::LocalCharacter);
        }
    }
    if local.is_ascii() {
        return Ok(());
    }
    check_digits(local)?;
    check_direction(local)
}

/// `atext` of RFC 5322, section 3.2.3.
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

/// `PVALID` outside ASCII in RFC 8264's `IdentifierClass`: `LetterDigits` (section 9.1) without `OldHangulJamo` (9.9),
/// with the exceptions (9.6) that do not depend on context.
fn is_identifier(c: char) -> bool {
    match c {
        '\u{6fd}' | '\u{6fe}' | '\u{f0b}' | '\u{3007}' => return true,
        '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '\u{303b}' => return false,
        _ => {}
    }
    let is_old_jamo = matches!(
        CodePointMapData::<HangulSyllableType>::new().get(c),
        HangulSyllableType::LeadingJamo | HangulSyllableType::VowelJamo | HangulSyllableType::TrailingJamo
    );
    !is_old_jamo
        && matches!(
            category(c),
            GeneralCategory::LowercaseLetter
                | GeneralCategory::UppercaseLetter
                | GeneralCategory::OtherLetter
                | GeneralCategory::DecimalNumber
                | GeneralCategory::ModifierLetter
                | GeneralCategory::NonspacingMark
                | GeneralCategory::SpacingMark
        )
}

fn is_mark(c: char) -> bool {
    GeneralCategoryGroup::Mark.contains(category(c))
}

/// Rejects Arabic-Indic and extended Arabic-Indic digits together: some look the same (RFC 5892, A.8 and A.9).
fn check_digits(local: &str) -> Result<(), EmailError> {
    let arabic = local.contains(|c| matches!(c, '\u{660}'..='\u{669}'));
    let extended = local.contains(|c| matches!(c, '\u{6f0}'..='\u{6f9}'));
    if arabic && extended { Err(EmailError::LocalCharacter) } else { Ok(()) }
}

/// The Bidi Rule of RFC 5893, section 2, on the whole local part, if it has any right-to-left character.
fn check_direction(local: &str) -> Result<(), EmailError> {
    let classes = CodePointMapData::<BidiClass>::new();
    let classes: Vec<BidiClass> = local.chars().map(|c| classes.get(c)).collect();
    let right_to_left = [BidiClass::RightToLeft, BidiClass::ArabicLetter];
    let has = |class: BidiClass| classes.contains(&class);
    if !has(BidiClass::ArabicNumber) && !right_to_left.iter().any(|class| has(*class)) {
        return Ok(());
    }
    // Conditions 1 to 4. A part that starts left-to-right (5 and 6) may have no right-to-left character at
    // all, and this one has.
    let starts_right = classes.first().is_some_and(|class| right_to_left.contains(class));
    let only_allowed = !has(BidiClass::LeftToRight);
    let last = classes.iter().rev().find(|class| **class != BidiClass::NonspacingMark);
    let ends_right = last.is_some_and(|class| {
        right_to_left.contains(class) || matches!(*class, BidiClass::EuropeanNumber | BidiClass::ArabicNumber)
    });
    let one_kind_of_digits = !(has(BidiClass::EuropeanNumber) && has(BidiClass::ArabicNumber));
    let is_broken = !(starts_right && only_allowed && ends_right && one_kind_of_digits);
    if is_broken { Err(EmailError::LocalDirection) } else { Ok(()) }
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}
