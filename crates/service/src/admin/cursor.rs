//! Page cursors: opaque text that a client sends back. A cursor names its list, so that it is not accepted for another
//! one.
//!
//! Neither secret nor signed: a caller that may read the list may read all of it. An invalid cursor is rejected.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use userd_core::{CanonicalEmail, EMAIL_BYTES_MAX, EmailPrefix, UserId};
use userd_store::{EventPosition, SortOrder};

/// The version of the format, the first byte. A later format gets another version.
const VERSION: u8 = 1;

/// The longest cursor: two e-mails and a few bytes, in base64.
const CHARS_MAX: usize = (2 * EMAIL_BYTES_MAX + 32) * 4 / 3;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageCursor {
    pub(super) list: ListPosition,
    pub(super) order: SortOrder,
    /// Whether the page ends before the position, instead of starting after it.
    pub(super) backwards: bool,
}

/// A list and a position in it. Without a position: the start of the list, or its end if backwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListPosition {
    Users(Option<UserId>),
    Emails(EmailPrefix, Option<CanonicalEmail>),
    Events(UserId, Option<EventPosition>),
}

/// Why a cursor is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCursor {
    /// It is not a cursor.
    #[error("is not a cursor; send one from a response unchanged, or none for the first page")]
    Malformed,
    /// It belongs to another list.
    #[error("belongs to another list; a cursor is valid only for the list, the order and the prefix of its page")]
    WrongList,
}

impl PageCursor {
    /// The text of the cursor.
    #[must_use]
    pub fn encode(&self) -> String {
        let direction = u8::from(self.order == SortOrder::Descending) | u8::from(self.backwards) << 1;
        let (letter, scope, place): (u8, &[u8], Option<Vec<u8>>) = match &self.list {
            ListPosition::Users(place) => (b'u', &[], place.map(|id| id.as_bytes().to_vec())),
            ListPosition::Emails(prefix, place) => {
                (b'm', prefix.as_str().as_bytes(), place.as_ref().map(|email| email.as_str().into()))
            }
            ListPosition::Events(user, place) => {
                let place = place.map(|EventPosition(high, low)| [high.to_be_bytes(), low.to_be_bytes()].concat());
                (b'e', user.as_bytes(), place)
            }
        };
        // An e-mail has at most 254 bytes.
        let length = u8::try_from(scope.len()).unwrap_or(u8::MAX);
        let place = place.unwrap_or_default();
        BASE64URL.encode([&[VERSION, letter, direction, length], scope, &place].concat())
    }

    /// Parses a cursor.
    ///
    /// # Errors
    /// [`InvalidCursor::Malformed`].
    pub fn parse(text: &str) -> Result<Self, InvalidCursor> {
        Self::decode(text).filter(|cursor| cursor.encode() == text).ok_or(InvalidCursor::Malformed)
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = if text.len() <= CHARS_MAX { BASE64URL.decode(text).ok()? } else { return None };
        let [VERSION, letter, direction @ 0..4, length, rest @ ..] = bytes.as_slice() else { return None };
        let (scope, place) = rest.split_at_checked(usize::from(*length))?;
        let place = Some(place).filter(|place| !place.is_empty());
        let list = match letter {
            b'u' => ListPosition::Users(optional(place, UserId::from_slice).ok()?),
            b'm' => {
                let prefix = EmailPrefix::parse(std::str::from_utf8(scope).ok()?).ok()?;
                ListPosition::Emails(prefix, optional(place, email).ok()?)
            }
            b'e' => ListPosition::Events(UserId::from_slice(scope)?, optional(place, event_place).ok()?),
            _ => return None,
        };
        let order = if direction & 1 == 1 { SortOrder::Descending } else { SortOrder::Ascending };
        Some(Self { list, order, backwards: direction & 2 == 2 })
    }
}

/// Reads the position if there is one.
fn optional<T>(place: Option<&[u8]>, read: impl FnOnce(&[u8]) -> Option<T>) -> Result<Option<T>, InvalidCursor> {
    place.map(|place| read(place).ok_or(InvalidCursor::Malformed)).transpose()
}

/// Not validated by the current rules: it was stored, and is only compared.
fn email(bytes: &[u8]) -> Option<CanonicalEmail> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= EMAIL_BYTES_MAX && !text.contains('\0'))?;
    Some(CanonicalEmail::from_stored(text.to_owned()))
}

fn event_place(bytes: &[u8]) -> Option<EventPosition> {
    let (high, low) = bytes.split_first_chunk()?;
    Some(EventPosition(u64::from_be_bytes(*high), u64::from_be_bytes(low.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_list() -> impl Strategy<Value = ListPosition> {
        let id = any::<[u8; 16]>().prop_map(|bytes| UserId::from_slice(&bytes).expect("sixteen bytes"));
        let email = "[a-zä]{1,20}@[a-z]{1,20}\\.org".prop_map(CanonicalEmail::from_stored);
        let prefix = "[a-z]{0,8}".prop_map(|text| EmailPrefix::parse(&text).expect("a beginning"));
        let place = any::<(u64, u64)>().prop_map(|(high, low)| EventPosition(high, low));
        prop_oneof![
            prop::option::of(id.clone()).prop_map(ListPosition::Users),
            (prefix, prop::option::of(email)).prop_map(|(prefix, place)| ListPosition::Emails(prefix, place)),
            (id, prop::option::of(place)).prop_map(|(user, place)| ListPosition::Events(user, place)),
        ]
    }

    proptest! {
        #[test]
        fn a_cursor_is_read_back(list in any_list(), down in any::<bool>(), backwards in any::<bool>()) {
            let order = if down { SortOrder::Descending } else { SortOrder::Ascending };
            let cursor = PageCursor { list, order, backwards };
            prop_assert_eq!(PageCursor::parse(&cursor.encode()), Ok(cursor));
        }

        #[test]
        fn any_text_is_a_cursor_of_one_spelling_or_none(text in "[A-Za-z0-9_-]{0,60}|.{0,40}") {
            if let Ok(cursor) = PageCursor::parse(&text) {
                prop_assert_eq!(cursor.encode(), text);
            }
        }
    }

    #[test]
    fn the_form_is_that_of_version_1() {
        let list = ListPosition::Users(UserId::parse("0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa0b1"));
        let cursor = PageCursor { list, order: SortOrder::Descending, backwards: true };
        assert_eq!(cursor.encode(), "AXUDAAGS8MErPX5PiltsfY6foLE");
        assert_eq!(PageCursor::parse("AnUDAAGS8MErPX5PiltsfY6foLE"), Err(InvalidCursor::Malformed), "another version");
        assert_eq!(PageCursor::parse(&"A".repeat(2_000)), Err(InvalidCursor::Malformed), "too long");
    }
}
