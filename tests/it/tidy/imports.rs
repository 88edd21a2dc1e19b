//! Which file of a crate names which other, from `use` items and from paths in the code.
//!
//! Macro bodies are not read: nearly always, what a macro names is named at its call as well.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Item, UseTree, Visibility};

/// A module's path within its crate: `["api", "users"]`; the root is empty.
type ModulePath = Vec<String>;

/// A crate's modules that have files, and which names which.
#[derive(Debug, Default)]
pub(super) struct ImportGraph {
    /// Each file, with the files that it names.
    pub(super) edges: BTreeMap<String, BTreeSet<String>>,
}

/// What a name in a module stands for.
#[derive(Debug, Clone)]
enum Binding {
    /// It is defined there.
    Defined,
    /// It comes from elsewhere; the path is from the crate's root.
    Imported(Vec<String>),
}

#[derive(Default)]
struct Module {
    file: String,
    bindings: BTreeMap<String, Binding>,
    /// Modules whose whole content is imported here.
    globs: Vec<Vec<String>>,
    /// Paths as they are written, with whether they are of a `use`.
    named: Vec<Vec<String>>,
}

impl ImportGraph {
    /// Reads the crate whose sources are below `source`; `#[cfg(test)]` modules and files are left out.
    pub(super) fn of_crate(root: &Path, source: &Path) -> Self {
        let mut modules = BTreeMap::new();
        read_module(root, source, &entry(source), Vec::new(), &mut modules);
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for module in modules.values() {
            let from = edges.entry(module.file.clone()).or_default();
            for path in &module.named {
                if let Some(file) = defining_file(&modules, path, 0)
                    && file != module.file
                {
                    from.insert(file);
                }
            }
        }
        Self { edges }
    }

    /// The groups of files that name one another in a circle, each sorted.
    pub(super) fn circles(&self) -> Vec<Vec<String>> {
        let mut circles = Vec::new();
        let mut seen = BTreeSet::new();
        for file in self.edges.keys() {
            if seen.contains(file) {
                continue;
            }
            let circle: Vec<String> =
                self.reachable(file).into_iter().filter(|other| self.reachable(other).contains(file)).collect();
            if circle.len() > 1 {
                seen.extend(circle.iter().cloned());
                circles.push(circle);
            }
        }
        circles
    }

    fn reachable(&self, file: &str) -> BTreeSet<String> {
        let (mut found, mut next) = (BTreeSet::new(), vec![file.to_owned()]);
        while let Some(file) = next.pop() {
            for other in self.edges.get(&file).into_iter().flatten() {
                if found.insert(other.clone()) {
                    next.push(other.clone());
                }
            }
        }
        found
    }
}

fn entry(source: &Path) -> PathBuf {
    ["lib.rs", "main.rs"]
        .map(|name| source.join(name))
        .into_iter()
        .find(|file| file.exists())
        .expect("a crate has a root")
}

/// Whether an item exists only for tests.
pub(super) fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|ident| ident == "test")
    })
}

fn read_module(root: &Path, folder: &Path, file: &Path, path: ModulePath, modules: &mut BTreeMap<ModulePath, Module>) {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let name = file.strip_prefix(root).expect("it is below the root").to_string_lossy().into_owned();
    let mut module = Module { file: name, ..Module::default() };
    let children: BTreeSet<String> = parsed
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Mod(child) => Some(child.ident.to_string()),
            _ => None,
        })
        .collect();
    let mut reader = Reader { module: &mut module, path: &path, children: &children };
    reader.visit_file(&parsed);
    for item in &parsed.items {
        if let Item::Mod(child) = item
            && child.content.is_none()
            && !is_for_tests(&child.attrs)
        {
            let name = child.ident.to_string();
            let flat = folder.join(format!("{name}.rs"));
            let nested = folder.join(&name).join("mod.rs");
            let file = if flat.exists() { flat } else { nested };
            let child_path = [path.clone(), vec![name.clone()]].concat();
            read_module(root, &folder.join(&name), &file, child_path, modules);
        }
    }
    modules.insert(path, module);
}

struct Reader<'a> {
    module: &'a mut Module,
    path: &'a ModulePath,
    children: &'a BTreeSet<String>,
}

impl Reader<'_> {
    /// The path from the crate's root, or nothing if it leads elsewhere.
    fn absolute(&self, segments: &[String]) -> Option<Vec<String>> {
        let mut base = self.path.clone();
        let mut rest = segments;
        match segments.first()?.as_str() {
            "crate" => {
                base.clear();
                rest = &segments[1..];
            }
            "self" => rest = &segments[1..],
            "super" => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            first if self.children.contains(first) || self.module.bindings.contains_key(first) => {}
            _ => return None,
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    fn import(&mut self, tree: &UseTree, prefix: &[String], is_reexport: bool) {
        match tree {
            UseTree::Path(path) => {
                let prefix = [prefix, &[path.ident.to_string()]].concat();
                self.import(&path.tree, &prefix, is_reexport);
            }
            UseTree::Name(name) => self.bind(prefix, &name.ident.to_string(), None, is_reexport),
            UseTree::Rename(rename) => {
                self.bind(prefix, &rename.ident.to_string(), Some(rename.rename.to_string()), is_reexport);
            }
            UseTree::Glob(_) => {
                if let Some(path) = self.absolute(prefix) {
                    self.module.globs.push(path.clone());
                    self.module.named.push(path);
                }
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, prefix, is_reexport);
                }
            }
        }
    }

    fn bind(&mut self, prefix: &[String], name: &str, alias: Option<String>, is_reexport: bool) {
        let path = if name == "self" { prefix.to_vec() } else { [prefix, &[name.to_owned()]].concat() };
        let Some(absolute) = self.absolute(&path) else { return };
        let bound = alias.unwrap_or_else(|| path.last().cloned().unwrap_or_default());
        if !is_reexport {
            self.module.named.push(absolute.clone());
        }
        self.module.bindings.insert(bound, Binding::Imported(absolute));
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, defined) = match item {
            Item::Mod(item) => (&item.attrs, None),
            Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
            Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            Item::Type(item) => (&item.attrs, Some(&item.ident)),
            Item::Const(item) => (&item.attrs, Some(&item.ident)),
            Item::Static(item) => (&item.attrs, Some(&item.ident)),
            Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
            Item::Impl(item) => (&item.attrs, None),
            Item::Use(item) => (&item.attrs, None),
            _ => return visit::visit_item(self, item),
        };
        if is_for_tests(attributes) {
            return;
        }
        if let Some(name) = defined {
            self.module.bindings.insert(name.to_string(), Binding::Defined);
        }
        match item {
            Item::Use(item) => {
                // A re-export is how a module shows its children's items: it is followed, and is no dependency itself.
                let is_reexport = !matches!(item.vis, Visibility::Inherited);
                self.import(&item.tree, &[], is_reexport);
            }
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1
            && let Some(absolute) = self.absolute(&segments)
        {
            self.module.named.push(absolute);
        }
        visit::visit_path(self, path);
    }
}

/// The file that defines what `path` names, with re-exports followed.
fn defining_file(modules: &BTreeMap<ModulePath, Module>, path: &[String], depth: usize) -> Option<String> {
    let length = (0..=path.len()).rev().find(|length| modules.contains_key(&path[..*length]))?;
    let module = &modules[&path[..length]];
    let Some(name) = path.get(length) else { return Some(module.file.clone()) };
    let follow = |target: &[String]| (depth < 8).then(|| defining_file(modules, target, depth + 1)).flatten();
    match module.bindings.get(name) {
        Some(Binding::Imported(target)) => follow(&[target.as_slice(), &path[length + 1..]].concat()),
        Some(Binding::Defined) => Some(module.file.clone()),
        None => module
            .globs
            .iter()
            .filter(|glob| modules.get(glob.as_slice()).is_some_and(|module| module.bindings.contains_key(name)))
            .find_map(|glob| follow(&[glob.as_slice(), &path[length..]].concat()))
            .or_else(|| Some(module.file.clone())),
    }
}
