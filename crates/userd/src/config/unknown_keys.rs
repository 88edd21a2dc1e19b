//! Keys that do not exist, and the nearest that do.

use figment::value::Dict;

use super::error::ConfigOrigin;

/// How alike a known key has to be to an unknown one to be suggested (Jaro-Winkler, 1 is equal).
const SIMILARITY_MIN: f64 = 0.75;

/// "There is no such key", with the nearest that there is.
pub(super) fn unknown_key_text(key: &str, origin: &ConfigOrigin, known: &Dict) -> String {
    let section = format!("{key}.");
    if known.keys().any(|candidate| candidate.starts_with(&section)) {
        return if origin.is_untyped() {
            "is a section: write two underscores and a key after it".to_owned()
        } else {
            format!("is a section: write [{key}] on a line of its own and its keys below")
        };
    }
    // A variable's single underscore may stand for the border between section and key.
    let flat = |text: &str| text.replace('.', "_");
    let last = |text: &str| text.rsplit('.').next().unwrap_or_default().to_owned();
    let similarity = |candidate: &str| {
        let whole = strsim::jaro_winkler(&flat(key), &flat(candidate));
        // The right key in the wrong section.
        if last(key) == last(candidate) { whole.max(0.95) } else { whole }
    };
    let nearest = known
        .keys()
        .map(|candidate| (similarity(candidate), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    match nearest {
        Some((_, candidate)) => format!("there is no such key; did you mean {}?", origin.spelling(candidate)),
        None => "there is no such key; userd.default.toml lists all of them".to_owned(),
    }
}
