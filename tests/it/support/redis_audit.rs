//! Looks at everything that a Redis holds and compares it with itself: the invariants of the protocol.

use std::collections::{BTreeMap, BTreeSet};

use super::redis_server::{RedisServer, command};

/// Where the keys are that make up one store.
pub trait KeySource {
    /// The servers that each hold a part of the keys, and together all of them.
    fn holders(&self) -> Vec<&RedisServer>;
}

impl KeySource for RedisServer {
    fn holders(&self) -> Vec<&RedisServer> {
        vec![self]
    }
}

/// What does not fit together.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Never acceptable, whatever crashed: two users with one e-mail, a user without claim or listing …
    pub contradictions: Vec<String>,
    /// Acceptable only after a crash: intents, claims of the dead, claims still to be released.
    pub leftovers: Vec<String>,
}

impl Findings {
    /// All of them.
    pub fn all(self) -> Vec<String> {
        self.contradictions.into_iter().chain(self.leftovers).collect()
    }
}

/// The fields of a hash.
type Record = BTreeMap<String, String>;

/// What was read, before it is compared.
#[derive(Default)]
struct Found {
    users: BTreeMap<String, (String, Record)>,
    claims: BTreeMap<String, String>,
    listed: BTreeSet<(String, String)>,
    listed_emails: BTreeSet<(String, String)>,
    /// Keys that can't be compared.
    wrong: Vec<String>,
}

/// Audits what lies below `prefix`. Nobody may write at the same time.
pub fn audit(source: &impl KeySource, prefix: &str) -> Findings {
    let mut found = Found::default();
    for holder in source.holders() {
        read(holder, prefix, &mut found).unwrap_or_else(|error| panic!("the keys can't be read: {error}"));
    }
    compare(found)
}

fn read(holder: &RedisServer, prefix: &str, found: &mut Found) -> redis::RedisResult<()> {
    let connection = &mut holder.connection()?;
    let keys: Vec<String> = command(&["KEYS", "*"]).query(connection)?;
    for key in keys.into_iter().filter(|key| key.starts_with(prefix)) {
        let Some((shard, rest)) = key[prefix.len()..].split_once("}:") else { continue };
        let shard = shard.trim_start_matches('{').to_owned();
        if let Some(id) = rest.strip_prefix("user:") {
            let record = command(&["HGETALL", &key]).query(connection)?;
            if found.users.insert(id.to_owned(), (shard, record)).is_some() {
                found.wrong.push(format!("{id} is there twice"));
            }
        } else if let Some(email) = rest.strip_prefix("claim:") {
            if found.claims.insert(email.to_owned(), command(&["GET", &key]).query(connection)?).is_some() {
                found.wrong.push(format!("the claim on {email} is there twice"));
            }
        } else if rest == "users" || rest == "emails" {
            let members: Vec<String> = command(&["ZRANGE", &key, "0", "-1"]).query(connection)?;
            let list = if rest == "users" { &mut found.listed } else { &mut found.listed_emails };
            list.extend(members.into_iter().map(|member| (shard.clone(), member)));
        } else if rest != "ack" || command(&["TYPE", &key]).query::<String>(connection)? != "string" {
            // `ack`, which is written to wait for replicas, says nothing about anybody.
            found.wrong.push(format!("unknown key {key}"));
        }
    }
    Ok(())
}

fn compare(found: Found) -> Findings {
    let Found { users, claims, mut listed, mut listed_emails, wrong } = found;
    let mut findings = Findings { contradictions: wrong, leftovers: Vec::new() };
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (id, (shard, record)) in &users {
        audit_user(&mut findings, id, record, &claims);
        let field = |name: &str| record.get(name).map(String::as_str).unwrap_or_default();
        if field("st") == "A" {
            if let Some(other) = owners.insert(field("email"), id) {
                findings.contradictions.push(format!("{} belongs to {other} and to {id}", field("email")));
            }
            if !listed.remove(&(shard.clone(), id.clone())) {
                findings.contradictions.push(format!("{id} is not listed"));
            }
            if !listed_emails.remove(&(shard.clone(), format!("{}\0{id}", field("email")))) {
                findings.contradictions.push(format!("{id} is not listed by e-mail"));
            }
        }
    }
    findings
        .contradictions
        .extend(listed.iter().chain(&listed_emails).map(|(_, entry)| format!("{entry:?} is listed, but nobody's")));
    for (email, pointer) in &claims {
        let active = owners.get(email.as_str()).is_some_and(|id| pointer.starts_with(&format!("{id}:")));
        if !active {
            findings.leftovers.push(format!("the claim on {email} is {pointer}'s, who does not have it"));
        }
    }
    findings
}

fn audit_user(findings: &mut Findings, id: &str, record: &Record, claims: &BTreeMap<String, String>) {
    let field = |name: &str| record.get(name).map(String::as_str).unwrap_or_default();
    match field("st") {
        "A" => {
            let expected = format!("{id}:{}", field("eop"));
            if claims.get(field("email")) != Some(&expected) {
                findings.contradictions.push(format!("{id} has {} without its claim", field("email")));
            }
            if ["name", "salt", "hash", "made", "upd", "ver", "rev"].iter().any(|name| field(name).is_empty()) {
                findings.contradictions.push(format!("{id} is half a user: {record:?}"));
            }
            if !field("chg").is_empty() || !field("till").is_empty() {
                findings.leftovers.push(format!("{id} has a change in flight"));
            }
        }
        "P" => findings.leftovers.push(format!("{id} is pending")),
        "X" | "D" => {
            let personal: Vec<_> =
                record.keys().filter(|name| !["st", "ver", "by", "rel"].contains(&name.as_str())).collect();
            if !personal.is_empty() {
                findings.contradictions.push(format!("the tombstone of {id} still has {personal:?}"));
            }
        }
        other => findings.contradictions.push(format!("{id} is in state {other:?}")),
    }
    if !field("rel").is_empty() {
        findings.leftovers.push(format!("{id} has claims to release: {:?}", field("rel")));
    }
}
