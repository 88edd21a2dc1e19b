//! How settings are written: helpers for `#[serde(deserialize_with = …)]` of the layers' settings.
//!
//! A duration is a whole number whose key names the unit (`timeout_ms`, `pause_s`), and an empty text is "not set".
//! Ranges are not checked here: they are in each field's schema, which the configuration checks first.

use std::time::Duration;

use serde::de::value::StringDeserializer;
use serde::{Deserialize, Deserializer};

/// A duration in milliseconds.
pub fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

/// A duration in seconds.
pub fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_secs)
}

/// A number of seconds, as milliseconds.
pub fn seconds_as_millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    u64::deserialize(deserializer).map(|seconds| seconds.saturating_mul(1000))
}

/// A value written as text; an empty text is `None`.
pub fn optional<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let value = |text| T::deserialize(StringDeserializer::new(text));
    Some(text).filter(|text| !text.is_empty()).map(value).transpose()
}
