//! A text for one recipient, kept out of logs and messages.

/// A secret text, hidden in `Debug`.
#[derive(Clone)]
pub struct SecretString(String);

impl SecretString {
    /// Takes `text` as a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Exposes the text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}
