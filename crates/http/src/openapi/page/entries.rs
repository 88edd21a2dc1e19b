//! The endpoints of the document, by group.

use serde_json::Value;

/// The groups of endpoints, in order.
pub(super) fn groups(document: &Value) -> impl Iterator<Item = &Value> {
    document["tags"].as_array().into_iter().flatten()
}

/// One endpoint of the document.
#[derive(Clone, Copy)]
pub(super) struct OperationEntry<'a> {
    pub(super) path: &'a str,
    pub(super) method: &'a str,
    pub(super) doc: &'a Value,
}

/// The endpoints of a group.
pub(super) fn of_group<'a>(document: &'a Value, group: &'a Value) -> impl Iterator<Item = OperationEntry<'a>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let all = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, doc)| OperationEntry { path, method, doc })
    });
    all.filter(move |one| one.doc["tags"][0] == group["name"])
}
