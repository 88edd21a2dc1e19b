//! The names and words that docs/glossary.md has replaced: the first column of its table "Renamed".

use std::fs;

/// A replaced name or word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OldWord {
    pub(super) text: String,
    pub(super) kind: OldWordKind,
    /// What to write instead, as the page says.
    pub(super) term: String,
}

/// Where a replaced name or word must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OldWordKind {
    /// A name that may be an ordinary word as well: refused as an identifier.
    Identifier,
    /// A name that no prose has (`seal_key`, `two-users`, `hash.passes`): refused in literals and pages, too.
    Name,
    /// A word of prose: refused in comments, messages, pages and names of tests.
    Prose,
}

/// All replaced names and words of the page.
pub(super) fn old_words() -> Vec<OldWord> {
    let page = userd_test_support::paths::workspace_root().join("docs/glossary.md");
    let words = parse(&fs::read_to_string(page).expect("the glossary is there"));
    assert!(words.len() > 150, "only {} names and words were found in docs/glossary.md", words.len());
    words
}

fn parse(page: &str) -> Vec<OldWord> {
    let section = page.split("\n## ").find(|section| section.starts_with("Renamed")).unwrap_or_default();
    let mut words = Vec::new();
    for row in section.lines().filter_map(|line| line.strip_prefix("| ")) {
        let Some((old, term)) = row.trim_end_matches(" |").split_once(" | ") else { continue };
        for (quote, is_prose) in [('`', false), ('"', true)] {
            words.extend(old.split(quote).skip(1).step_by(2).map(|text| OldWord {
                text: text.to_owned(),
                kind: kind(text, is_prose),
                term: term.replace('`', ""),
            }));
        }
    }
    words
}

fn kind(text: &str, is_prose: bool) -> OldWordKind {
    match text.chars().all(|char| char.is_ascii_alphabetic()) {
        _ if is_prose => OldWordKind::Prose,
        true => OldWordKind::Identifier,
        false => OldWordKind::Name,
    }
}

#[test]
fn the_table_is_read_with_its_kinds() {
    let page = concat!(
        "# Glossary\n\n## Renamed\n\nText with `code`.\n\n| old | term |\n|---|---|\n| `Told`, `seal_key` | `New` |\n",
        "| \"nobody\" | anonymous |\n\n## Decisions\n\n| `Not`, this | x |\n",
    );
    let found: Vec<_> = parse(page).into_iter().map(|word| (word.text, word.kind, word.term)).collect();
    let word = |text: &str, kind, term: &str| (text.to_owned(), kind, term.to_owned());
    assert_eq!(
        found,
        [
            word("Told", OldWordKind::Identifier, "New"),
            word("seal_key", OldWordKind::Name, "New"),
            word("nobody", OldWordKind::Prose, "anonymous"),
        ]
    );
}
