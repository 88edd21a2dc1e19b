//! `[otlp]`: where traces go.

use super::reader::ConfigReader;

/// Whether this userd can send traces.
const BUILT_IN: bool = cfg!(feature = "otlp");

/// `[otlp]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpConfig {
    /// The collector; none switches traces off.
    pub endpoint: Option<String>,
    /// How many of a hundred traces that begin here are kept.
    pub sample_percent: u32,
}

pub(super) fn read(read: &mut ConfigReader<'_>) -> OtlpConfig {
    let text = read.text("otlp.endpoint").trim().to_owned();
    let sample_percent = read.integer("otlp.sample_percent", 1..=100);
    if text.is_empty() {
        return OtlpConfig { endpoint: None, sample_percent };
    }
    if !BUILT_IN {
        let right = "build it with `cargo build --release --features otlp`, or leave otlp.endpoint empty";
        read.reject("otlp.endpoint", format!("this userd was built without traces: {right}"));
    } else if !text.strip_prefix("http://").is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
    {
        let right = "write it with http, such as http://127.0.0.1:4318/v1/traces";
        read.reject("otlp.endpoint", format!("{text:?} is no address of a collector: {right}"));
    }
    OtlpConfig { endpoint: Some(text), sample_percent }
}
