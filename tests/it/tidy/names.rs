//! Names of types: what share of them is one everyday word, and how many belong to several types.
//!
//! A name of two or three words says kind and owner (`SessionLimits`). One word (`Limits`) is clear only inside its
//! file, unless it is a noun of the field.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use syn::visit::{self, Visit};

use super::{files_below, path_in_repository, product_crates};

/// The largest share of type names that are one word, in percent; it was 58 before all names were reviewed.
const ONE_WORD_PERCENT_MAX: usize = 20;

/// How many names may belong to types in several files; it was 38.
const SHARED_NAMES_MAX: usize = 10;

/// Every name of a type outside of tests, with the files that declare one.
fn type_names() -> BTreeMap<String, BTreeSet<String>> {
    let mut names = TypeNames::default();
    for file in product_crates().iter().flat_map(|source| files_below(source, &["rs"])) {
        let text = fs::read_to_string(&file).expect("a source file is UTF-8");
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        names.file = path_in_repository(&file);
        names.visit_file(&parsed);
    }
    names.found
}

#[derive(Default)]
struct TypeNames {
    file: String,
    found: BTreeMap<String, BTreeSet<String>>,
}

impl<'ast> Visit<'ast> for TypeNames {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let name = match item {
            syn::Item::Mod(module) if super::imports::is_for_tests(&module.attrs) => return,
            syn::Item::Struct(item) => Some(&item.ident),
            syn::Item::Enum(item) => Some(&item.ident),
            syn::Item::Trait(item) => Some(&item.ident),
            syn::Item::Type(item) => Some(&item.ident),
            _ => None,
        };
        if let Some(name) = name {
            self.found.entry(name.to_string()).or_default().insert(self.file.clone());
        }
        visit::visit_item(self, item);
    }
}

/// Whether a name in camel case is one word.
fn is_one_word(name: &str) -> bool {
    !name.char_indices().skip(1).any(|(_, char)| char.is_uppercase())
}

#[test]
fn few_type_names_are_one_word() {
    let names = type_names();
    let short: Vec<&str> = names.keys().map(String::as_str).filter(|name| is_one_word(name)).collect();
    let percent = short.len() * 100 / names.len();
    assert!(names.len() > 300, "only {} types were found", names.len());
    assert!(
        percent <= ONE_WORD_PERCENT_MAX,
        "{} of {} type names ({percent} %) are one word, more than {ONE_WORD_PERCENT_MAX} %: {short:?}",
        short.len(),
        names.len()
    );
}

#[test]
fn few_type_names_belong_to_several_types() {
    let names = type_names();
    let shared: Vec<_> = names.iter().filter(|(_, files)| files.len() > 1).collect();
    assert!(shared.len() <= SHARED_NAMES_MAX, "{} names have several owners: {shared:#?}", shared.len());
}
