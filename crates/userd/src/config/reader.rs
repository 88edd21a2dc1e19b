//! Typed reading of the layers: each call gives the value of one key, or notes the mistake and gives the
//! default, so that one pass finds all mistakes.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use super::error::{ConfigIssue, ConfigOrigin};
use super::layers::{ConfigLayers, RawValue, ResolvedValue, unreadable_text};
use super::secret::SecretString;

/// Reads typed values and collects mistakes.
pub(super) struct ConfigReader<'a> {
    pub(super) layers: &'a ConfigLayers,
    pub(super) working_dir: &'a Path,
    pub(super) issues: Vec<ConfigIssue>,
}

impl ConfigReader<'_> {
    /// A whole number in `range`.
    pub(super) fn integer<T: TryFrom<i128> + Default>(&mut self, key: &str, range: RangeInclusive<u32>) -> T {
        let right = format!("write a whole number from {} to {}", range.start(), range.end());
        let number = match self.find(key) {
            Some(ResolvedValue { raw: RawValue::Integer(number), .. }) => Ok(*number),
            // Empty text in a variable is passed over before; in a file it is a wrong type.
            Some(ResolvedValue { raw: RawValue::Untyped(text), .. }) => {
                text.trim().parse().map_err(|_| format!("{text:?} is no whole number: {right}"))
            }
            Some(ResolvedValue { raw: RawValue::Text(_), .. }) => Err(format!("is a text: {right}, without quotes")),
            Some(_) | None => Err(format!("is no whole number: {right}")),
        };
        let limits = i128::from(*range.start())..=i128::from(*range.end());
        let number = number.and_then(|number| {
            if limits.contains(&number) { Ok(number) } else { Err(format!("{number} is out of range: {right}")) }
        });
        let number = number.unwrap_or_else(|text| {
            self.reject(key, text);
            match self.layers.defaults().and_then(|defaults| defaults.get(key)) {
                Some(RawValue::Integer(number)) => *number,
                _ => i128::default(),
            }
        });
        T::try_from(number).unwrap_or_default()
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &str) -> bool {
        match self.find(key).map(|found| found.raw) {
            Some(RawValue::Boolean(flag)) => return *flag,
            Some(RawValue::Untyped(text)) if text.trim() == "true" => return true,
            Some(RawValue::Untyped(text)) if text.trim() == "false" => return false,
            _ => {}
        }
        self.reject(key, "is no truth value: write true or false, without quotes");
        false
    }

    /// A text; empty where the key may be empty and nothing is set.
    pub(super) fn text(&mut self, key: &str) -> String {
        match self.find(key).map(|found| found.raw) {
            Some(RawValue::Text(text) | RawValue::Untyped(text)) => text.clone(),
            None => String::new(),
            Some(_) => {
                self.reject(key, "is no text: write it in quotes");
                String::new()
            }
        }
    }

    /// A text, or the content of the file that the twin `<key>_file` names, and where it was given.
    pub(super) fn secret(&mut self, key: &str) -> Option<(SecretString, ConfigOrigin)> {
        let file_key = format!("{key}_file");
        let direct = self.find(key).filter(|found| !found.raw.is_empty());
        let file = self.find(&file_key).filter(|found| !found.raw.is_empty());
        let (by_file, found) = match (direct, file) {
            (Some(direct), Some(file)) if direct.level == file.level => {
                let other = file.origin.spelling(&file_key);
                self.reject(key, format!("is given twice, here and by {other}: keep one of them"));
                return None;
            }
            (Some(direct), Some(file)) if direct.level < file.level => (true, file),
            (Some(direct), _) => (false, direct),
            (None, Some(file)) => (true, file),
            (None, None) => return None,
        };
        let origin = found.origin.clone();
        if !by_file {
            let text = self.text(key);
            return (!text.is_empty()).then(|| (SecretString::new(text), origin));
        }
        let path = self.text(&file_key);
        if path.is_empty() {
            return None;
        }
        match fs::read_to_string(self.working_dir.join(&path)) {
            Ok(text) => {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                if text.is_empty() {
                    self.reject(&file_key, format!("the file {path} is empty"));
                    return None;
                }
                Some((SecretString::new(text.to_owned()), origin))
            }
            Err(error) => {
                self.reject(&file_key, format!("the file {path}: {}", unreadable_text(&error)));
                None
            }
        }
    }

    /// Notes a mistake in `key`, at the place that its value comes from.
    pub(super) fn reject(&mut self, key: &str, text: impl Into<String>) {
        let origin = self.layers.find(key).map_or(ConfigOrigin::Default, |found| found.origin.clone());
        self.issues.push(ConfigIssue::for_key(key, &origin, text));
    }

    fn find(&self, key: &str) -> Option<ResolvedValue<'_>> {
        self.layers.find(key)
    }
}
