//! What is wrong with the configuration: every mistake at once, each with its place and what would be right.

use std::fmt;
use std::path::PathBuf;

/// Where a value comes from, in the order of precedence: later ones override earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ConfigOrigin {
    /// `userd.default.toml`, compiled in.
    Default,
    /// `userd.toml`, or the file named by `--config`.
    File(PathBuf),
    /// `.env` in the working directory.
    DotEnv,
    /// The environment of the process.
    Environment,
    /// The command line.
    CommandLine,
}

impl ConfigOrigin {
    /// How `key` is spelled at this origin: `hash.iterations`, `USERD_HASH__ITERATIONS`, `--listen`.
    pub(super) fn spelling(&self, key: &str) -> String {
        match self {
            Self::Default | Self::File(_) => key.to_owned(),
            Self::DotEnv | Self::Environment => format!("USERD_{}", key.replace('.', "__").to_ascii_uppercase()),
            Self::CommandLine => format!("--{key}"),
        }
    }

    /// A mistake in the value of `key`, which comes from here; `text` says what would be right, and never a secret.
    pub(super) fn issue(&self, key: &str, text: impl fmt::Display) -> String {
        let spelling = self.spelling(key);
        if *self == Self::CommandLine { format!("{spelling}: {text}") } else { format!("{spelling} in {self}: {text}") }
    }

    /// Whether the source has only text, so that a number stands in it as text.
    pub(super) fn is_untyped(&self) -> bool {
        matches!(self, Self::DotEnv | Self::Environment | Self::CommandLine)
    }
}

impl fmt::Display for ConfigOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::DotEnv => f.write_str(".env"),
            Self::Environment => f.write_str("the environment"),
            Self::CommandLine => f.write_str("the command line"),
        }
    }
}

/// The configuration can't be used. Holds every mistake that was found, at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .issues.join("\n"))]
pub struct ConfigError {
    /// The mistakes, each with its place (the key as it is spelled there, or a file's name) and what would be right.
    pub issues: Vec<String>,
}
