//! The encoding of bytes in tokens: base64url without padding (RFC 4648, section 5), with exactly one spelling.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Encodes `bytes`.
pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes exactly `N` bytes; `None` for any other text.
pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    // Checked first, because the decoder estimates the room it needs from the length.
    if text.len() != (N * 4).div_ceil(3) {
        return None;
    }
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    (length == N).then_some(bytes)
}
