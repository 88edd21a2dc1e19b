//! The table of permissions in `docs/API.md`, made of `auth::permissions` and the handlers' signatures.

use std::collections::BTreeMap;

use super::endpoint::Endpoint;
use crate::auth::{
    ALL_PERMISSIONS, AccessRule, AnonymousAccess, CredentialSource, ServiceAccess, UserAccess, UserInPath,
};
use userd_core::PasswordPolicy;

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/API.md"));
const HEAD: &str = "| request | anonymous | a user | a service with |\n|---|---|---|---|\n";

/// What stands for a path in the table: the whole folder where all of it needs one permission.
fn shown_path(endpoint: &Endpoint, folders: &BTreeMap<String, Vec<Option<&str>>>) -> String {
    let folder = folder(endpoint);
    let permissions = &folders[&folder];
    if folder != "api" && permissions.len() > 1 && permissions.iter().all(|name| *name == permissions[0]) {
        return format!("/{folder}/…");
    }
    let name = match endpoint.signature.rule.map(|rule| rule.user_in_path) {
        Some(UserInPath::IdOrEmail) => "<id or e-mail>",
        _ => "<id>",
    };
    endpoint.path().replace("{id}", name).replace('{', "<").replace('}', ">").replace("session_id", "session id")
}

fn folder(endpoint: &Endpoint) -> String {
    endpoint.route.split('/').nth(1).unwrap_or_default().to_owned()
}

/// The endpoints with one permission: `PUT`, `DELETE /path`, `/folder/…`.
fn requests(name: Option<&str>, endpoints: &[Endpoint], folders: &BTreeMap<String, Vec<Option<&str>>>) -> String {
    let mut by_path: Vec<(String, Vec<String>)> = Vec::new();
    for endpoint in endpoints.iter().filter(|endpoint| permission_name(endpoint) == name) {
        let (path, method) = (shown_path(endpoint, folders), endpoint.method.to_string());
        match by_path.iter_mut().find(|(known, _)| *known == path) {
            Some((_, methods)) => methods.push(method),
            None => by_path.push((path, vec![method])),
        }
    }
    let cells = by_path.into_iter().map(|(path, methods)| {
        if path.ends_with('…') { format!("`{path}`") } else { format!("`{} {path}`", methods.join("`, `")) }
    });
    cells.collect::<Vec<_>>().join(", ")
}

/// An endpoint without a guard stands beside those whose guard reads no credentials.
fn permission_name(endpoint: &Endpoint) -> Option<&'static str> {
    endpoint.signature.rule.filter(|rule| rule.credentials != CredentialSource::Ignored).map(|rule| rule.name)
}

fn row(rule: &AccessRule, requests: &str) -> String {
    let anonymous = match rule.anonymous {
        AnonymousAccess::Denied => "no",
        AnonymousAccess::SignUpPolicy => "yes; with `access.sign_up = \"api_key\"` no",
        AnonymousAccess::Loopback => "from userd's own machine, without a forwarding header",
        AnonymousAccess::Allowed => "yes",
    };
    let user = match (rule.user, rule.anonymous) {
        (UserAccess::OwnSession, _) => "yes",
        (UserAccess::OwnAccount, _) if rule.user_in_path == UserInPath::IdOrEmail => "their own, by id",
        (UserAccess::OwnAccount, _) => "their own",
        (UserAccess::AsAnonymous, AnonymousAccess::Denied) => "no",
        (UserAccess::AsAnonymous, _) if rule.credentials == CredentialSource::Ignored => "yes",
        (UserAccess::AsAnonymous, _) => "as anonymous",
    };
    let service = match rule.service {
        ServiceAccess::Denied => "no".to_owned(),
        ServiceAccess::AnyKey if rule.credentials == CredentialSource::Ignored => "yes".to_owned(),
        ServiceAccess::AnyKey => "any key".to_owned(),
        ServiceAccess::Scopes(scopes) => {
            scopes.iter().map(|scope| format!("`{scope}`")).collect::<Vec<_>>().join(" or ")
        }
    };
    format!("| {requests} | {anonymous} | {user} | {service} |\n")
}

#[test]
fn the_table_of_the_page_is_made_of_the_permissions() {
    let endpoints = crate::api::endpoints(PasswordPolicy::default());
    let mut folders: BTreeMap<String, Vec<Option<&str>>> = BTreeMap::new();
    for endpoint in &endpoints {
        folders.entry(folder(endpoint)).or_default().push(permission_name(endpoint));
    }
    let mut table = HEAD.to_owned();
    for rule in ALL_PERMISSIONS {
        let name = Some(rule.name).filter(|_| rule.credentials != CredentialSource::Ignored);
        let requests = requests(name, &endpoints, &folders);
        assert!(!requests.is_empty(), "no endpoint needs the permission {}", rule.name);
        table.push_str(&row(rule, &requests));
    }
    let start = PAGE.find(HEAD).expect("docs/API.md has the table");
    let end = PAGE[start..].find("\n\n").expect("a blank line ends the table");
    assert_eq!(&PAGE[start..=start + end], table, "docs/API.md's table of permissions; it must be:\n{table}");
}
