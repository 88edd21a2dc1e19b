//! What is wrong with the configuration: every mistake at once, each with its place and what would be right.

use std::fmt;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `userd.default.toml`, compiled in.
    Default,
    /// `userd.toml`, or the file named by `--config`.
    File(PathBuf),
    /// `.env` in the working directory.
    DotEnv,
    /// The environment of the process.
    Environment,
    /// The command line.
    Flag,
}

impl Origin {
    /// How `key` is spelled at this origin: `hash.passes`, `USERD_HASH__PASSES`, `--listen`.
    #[must_use]
    pub fn spelling(&self, key: &str) -> String {
        match self {
            Self::Default | Self::File(_) => key.to_owned(),
            Self::DotEnv | Self::Environment => format!("USERD_{}", key.replace('.', "__").to_ascii_uppercase()),
            Self::Flag => format!("--{key}"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::DotEnv => f.write_str(".env"),
            Self::Environment => f.write_str("the environment"),
            Self::Flag => f.write_str("the command line"),
        }
    }
}

/// One mistake: the place, and a sentence about what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The key as it is spelled where it was found, or a file's name.
    pub place: String,
    /// What is wrong and what would be right; never a secret.
    pub text: String,
}

impl Mistake {
    /// A mistake in the value of `key`, which came from `origin`.
    pub(super) fn at(key: &str, origin: &Origin, text: impl Into<String>) -> Self {
        let spelling = origin.spelling(key);
        let place = if *origin == Origin::Flag { spelling } else { format!("{spelling} in {origin}") };
        Self { place, text: text.into() }
    }

    /// A mistake at a place that is no key.
    pub(super) fn in_place(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: place.into(), text: text.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// The configuration can't be used. Holds every mistake that was found, at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The mistakes, in the order of the sources.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for ConfigError {
    /// A line for each mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(mistake, f)?;
        }
        Ok(())
    }
}
