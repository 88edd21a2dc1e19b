//! A text that goes out to whom it is for and into nothing else: no log, no message.

/// A text that only its receiver may see.
#[derive(Clone)]
pub struct SecretString(String);

impl SecretString {
    /// Takes `text` as a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Lets the text out.
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
