//! The summary of an import, as text and as JSON.

use serde_json::{Value, json};

use userd_service::import_export::{FooterStatus, ImportResultKind, ImportSummary};

/// The summary for scripts.
pub(super) fn summary_as_json(summary: &ImportSummary, error: Option<&str>) -> Value {
    let mut document = json!({
        "complete": error.is_none() && !summary.interrupted,
        "error": error,
        "last_line": summary.last_line,
        "file": match summary.footer {
            FooterStatus::NotExpected => "no-footer",
            FooterStatus::Complete => "complete",
            FooterStatus::Missing => "truncated",
            FooterStatus::Mismatch { .. } => "count-mismatch",
        },
        "other_keys": summary.others,
    });
    for kind in ImportResultKind::ALL {
        document[kind.as_str().replace('-', "_")] = summary.count(kind).into();
    }
    document
}

/// The summary for people.
pub(super) fn summary_as_text(summary: &ImportSummary, dry_run: bool) -> String {
    let words = |kind| match kind {
        ImportResultKind::Imported if dry_run => "would be imported",
        ImportResultKind::Imported => "imported",
        ImportResultKind::Same => "there already",
        ImportResultKind::Differs => "there already with other values",
        ImportResultKind::EmailTaken => "whose e-mail is taken",
        ImportResultKind::Gone => "deleted here before",
        ImportResultKind::Refused => "refused by the store",
        ImportResultKind::Invalid => "not readable",
    };
    let counted = ImportResultKind::ALL
        .into_iter()
        .filter(|kind| *kind == ImportResultKind::Imported || summary.count(*kind) > 0);
    let parts: Vec<_> = counted.map(|kind| format!("{} {}", summary.count(kind), words(kind))).collect();
    let others = if summary.others > 0 { format!("; {} other hashes ignored", summary.others) } else { String::new() };
    format!("{}{others}\n", parts.join(", "))
}
