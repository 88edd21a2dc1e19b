//! What is wrong with the configuration: every mistake at once, each with its place and what would be right.

use std::fmt;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigOrigin {
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
    #[must_use]
    pub fn spelling(&self, key: &str) -> String {
        match self {
            Self::Default | Self::File(_) => key.to_owned(),
            Self::DotEnv | Self::Environment => format!("USERD_{}", key.replace('.', "__").to_ascii_uppercase()),
            Self::CommandLine => format!("--{key}"),
        }
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

/// One mistake: the place, and a sentence about what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigIssue {
    /// The key as it is spelled where it was found, or a file's name.
    pub location: String,
    /// What is wrong and what would be right; never a secret.
    pub text: String,
}

impl ConfigIssue {
    /// A mistake in the value of `key`, which came from `origin`.
    pub(super) fn for_key(key: &str, origin: &ConfigOrigin, text: impl Into<String>) -> Self {
        let spelling = origin.spelling(key);
        let location = if *origin == ConfigOrigin::CommandLine { spelling } else { format!("{spelling} in {origin}") };
        Self { location, text: text.into() }
    }

    /// A mistake at a place that is no key.
    pub(super) fn at_location(location: impl Into<String>, text: impl Into<String>) -> Self {
        Self { location: location.into(), text: text.into() }
    }
}

impl fmt::Display for ConfigIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location, self.text)
    }
}

/// The configuration can't be used. Holds every mistake that was found, at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The mistakes, in the order of the sources.
    pub issues: Vec<ConfigIssue>,
}

impl fmt::Display for ConfigError {
    /// A line for each mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.issues.iter().map(ConfigIssue::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}
