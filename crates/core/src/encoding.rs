//! How bytes are spelled in tokens: base64url without padding (RFC 4648, section 5), exactly one spelling each.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The spelling of `bytes`.
pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The `N` bytes that `text` spells; `None` if it spells others, or none.
pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    // Longer text is refused before the decoder's own estimate of the room it needs.
    if text.len() != (N * 4).div_ceil(3) {
        return None;
    }
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    (length == N).then_some(bytes)
}
