//! The built-in list of common passwords: sorted text in the binary, searched in place. It costs nothing at start and
//! no memory beyond the program's own pages.
//!
//! `assets/common_passwords.md` has its source.

use std::cmp::Ordering;

/// One lower-case word per line, sorted by byte, each with at least 8 characters.
const WORDS: &str = include_str!("../../../../assets/common_passwords.txt");

/// Whether `case_folded`, a whole case-folded password, is on the list.
pub(super) fn is_common(case_folded: &str) -> bool {
    contains(WORDS.as_bytes(), case_folded.as_bytes())
}

/// Binary search in the lines of `lines`; `low` and `high` are always at the start of a line.
fn contains(lines: &[u8], word: &[u8]) -> bool {
    let (mut low, mut high) = (0, lines.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = lines[low..middle].iter().rposition(|b| *b == b'\n').map_or(low, |at| low + at + 1);
        let end = lines[middle..high].iter().position(|b| *b == b'\n').map_or(high, |at| middle + at);
        match lines[start..end].cmp(word) {
            Ordering::Equal => return true,
            Ordering::Less => low = end + 1,
            Ordering::Greater => high = start,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_unique_folded_and_long_enough() {
        let words: Vec<&str> = WORDS.lines().collect();
        assert!(words.len() >= 3_000, "OWASP ASVS 5, 6.2.4");
        assert!(words.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(words.iter().all(|word| word.chars().count() >= 8 && *word == word.to_lowercase() && word.is_ascii()));
        assert!(WORDS.ends_with('\n'));
    }

    #[test]
    fn every_word_is_found_and_its_neighbours_are_not() {
        for word in WORDS.lines() {
            assert!(is_common(word), "{word}");
            for other in [format!("{word}\u{1}"), format!("{word}\n"), word[1..].to_owned() + "\u{7f}"] {
                assert!(!is_common(&other), "{other:?}");
            }
        }
        for other in ["", "\n", "a", "zzzzzzzzzzzzzzzzzzzzz", "\u{0}", "password\npassword1"] {
            assert!(!is_common(other), "{other:?}");
        }
    }

    #[test]
    fn lists_of_any_size_are_searched() {
        assert!(!contains(b"", b""));
        assert!(contains(b"one\n", b"one"));
        assert!(contains(b"one\ntwo", b"two"));
        assert!(!contains(b"one\ntwo\n", b"three"));
    }
}
