//! Compares everything that a Redis holds with itself: the invariants of the protocol.

use std::collections::{BTreeMap, BTreeSet};

use userd_core::EventKind;

use super::database_image::{DatabaseImage, EVENT_FIELDS, KeyContent, RecordFields, field, hex, is_binary};
use super::redis_server::{RedisServer, command};

/// Where the keys of one store are.
pub trait KeySource {
    /// The servers that hold the keys, each a part of them.
    fn holders(&self) -> Vec<&RedisServer>;
}

impl KeySource for RedisServer {
    fn holders(&self) -> Vec<&RedisServer> {
        vec![self]
    }
}

/// What the audit finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AuditFindings {
    /// Never acceptable, whatever crashed: two users with one e-mail address, a user without claim or listing …
    pub contradictions: Vec<String>,
    /// Acceptable after a crash only: intents, claims of deleted users, claims still to be released.
    pub leftovers: Vec<String>,
}

impl AuditFindings {
    /// All of them.
    pub fn all(self) -> Vec<String> {
        self.contradictions.into_iter().chain(self.leftovers).collect()
    }
}

/// Audits the keys below `prefix`. Nothing may write at the same time.
pub fn audit(source: &(impl KeySource + ?Sized), prefix: &str) -> AuditFindings {
    let (mut image, mut wrong) = (DatabaseImage::new(), Vec::new());
    for holder in source.holders() {
        let (part, unknown) = read(holder, prefix).unwrap_or_else(|error| panic!("the keys can't be read: {error}"));
        wrong.extend(unknown);
        wrong.extend(part.keys().filter(|key| image.contains_key(*key)).map(|key| format!("{key} is there twice")));
        image.extend(part);
    }
    let mut findings = audit_image(&image, prefix);
    findings.contradictions.extend(wrong);
    findings
}

/// What one server holds below `prefix`, and the keys of types that userd does not use.
fn read(holder: &RedisServer, prefix: &str) -> redis::RedisResult<(DatabaseImage, Vec<String>)> {
    let connection = &mut holder.connection()?;
    let (mut image, mut unknown) = (DatabaseImage::new(), Vec::new());
    for key in command(&["KEYS", "*"]).query::<Vec<String>>(connection)? {
        // Without a hash tag right after the prefix it is `meta`, or below another prefix.
        if !key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('{')) {
            continue;
        }
        // The marks of the shards: a thousand keys that say nothing about accounts.
        if key.ends_with("}:store") {
            continue;
        }
        let kind: String = command(&["TYPE", &key]).query(connection)?;
        let parts = match kind.as_str() {
            "hash" if is_binary(&key) => {
                let parts: Vec<Vec<u8>> = command(&["HGETALL", &key]).query(connection)?;
                parts.iter().map(|part| hex(part)).collect()
            }
            "hash" => command(&["HGETALL", &key]).query(connection)?,
            "stream" => {
                let entries: Vec<(String, BTreeMap<String, Vec<u8>>)> =
                    command(&["XRANGE", &key, "-", "+"]).query(connection)?;
                entries.iter().map(|(_, fields)| event(fields)).collect()
            }
            "string" => vec![command(&["GET", &key]).query(connection)?],
            "zset" => command(&["ZRANGE", &key, "0", "-1"]).query(connection)?,
            // It expired after it was listed.
            "none" => continue,
            _ => {
                unknown.push(format!("unknown key {key}"));
                continue;
            }
        };
        image.insert(key, KeyContent::of(&kind, parts));
    }
    Ok((image, unknown))
}

/// An event in the form of an image.
fn event(fields: &BTreeMap<String, Vec<u8>>) -> String {
    let value = |name: &&str| {
        let value = fields.get(*name).cloned().unwrap_or_default();
        if *name == "user" { hex(&value) } else { String::from_utf8_lossy(&value).into_owned() }
    };
    EVENT_FIELDS.iter().map(value).collect::<Vec<_>>().join(" ")
}

/// Compares the keys below `prefix` with each other.
pub fn audit_image(image: &DatabaseImage, prefix: &str) -> AuditFindings {
    let mut findings = AuditFindings::default();
    let mut users: BTreeMap<String, (String, &RecordFields)> = BTreeMap::new();
    let mut claims: BTreeMap<String, String> = BTreeMap::new();
    let (mut listed, mut listed_emails) = (BTreeSet::new(), BTreeSet::new());
    let mut sessions: Vec<(&str, &RecordFields)> = Vec::new();
    for (key, content) in image {
        let Some((shard, rest)) = key[prefix.len()..].split_once("}:") else { continue };
        let shard = shard.trim_start_matches('{').to_owned();
        match (rest.split_once(':').map_or(rest, |(kind, _)| kind), content) {
            ("user", KeyContent::RecordFields(record)) => {
                users.insert(rest["user:".len()..].to_owned(), (shard, record));
            }
            ("claim", KeyContent::Text(pointer)) => {
                claims.insert(rest["claim:".len()..].to_owned(), pointer.clone());
            }
            ("users", KeyContent::Members(ids)) => listed.extend(ids.iter().map(|id| (shard.clone(), id.clone()))),
            ("emails", KeyContent::Members(members)) => {
                listed_emails.extend(members.iter().map(|member| (shard.clone(), member.clone())));
            }
            ("sessions", KeyContent::RecordFields(of)) => sessions.push((&rest["sessions:".len()..], of)),
            ("events", KeyContent::Events(events)) => audit_events(&mut findings, key, events),
            ("throttle", KeyContent::Text(full_at)) if full_at.parse::<u64>().is_ok() => {}
            // The service's own keys: service keys, and the key that is written to wait for replicas. Neither belongs
            // to an account.
            ("keys", KeyContent::RecordFields(_)) | ("ack", KeyContent::Text(_)) => {}
            _ => findings.contradictions.push(format!("unknown key {key}")),
        }
    }
    for (id, of) in sessions {
        audit_sessions(&mut findings, id, of, users.get(id).map(|(_, record)| *record));
    }
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
        .extend(listed.iter().chain(&listed_emails).map(|(_, entry)| format!("{entry:?} is listed, but has no user")));
    for (email, pointer) in &claims {
        let active = owners.get(email.as_str()).is_some_and(|id| pointer.starts_with(&format!("{id}:")));
        if !active {
            findings.leftovers.push(format!("the claim on {email} is {pointer}'s, who does not have it"));
        }
    }
    findings
}

/// Sessions belong to an active user, are of the record's epoch, and complete.
fn audit_sessions(findings: &mut AuditFindings, id: &str, sessions: &RecordFields, record: Option<&RecordFields>) {
    if field(record, "st") != "A" {
        findings.contradictions.push(format!("{id} has sessions, and is {:?}", field(record, "st")));
    }
    let epoch: u32 = field(record, "epo").parse().unwrap_or(0);
    for (name, value) in sessions {
        // The core field of a session has the whole id as its name, the others half of it and a letter; here in
        // hexadecimal.
        let is_core = |(name, value): (&String, &String)| name.len() == 32 && [64, 72, 96].contains(&value.len());
        let whole = match name.len() {
            32 => is_core((name, value)),
            18 => sessions.iter().any(|(core, value)| core.starts_with(&name[..16]) && is_core((core, value))),
            _ => false,
        };
        if !whole {
            findings.contradictions.push(format!("{name} is part of no session of {id}"));
        }
        if name.len() == 32 && value.get(32..40) != Some(&format!("{epoch:08x}")) {
            findings.contradictions.push(format!("session {name} of {id} is of another epoch than {epoch}"));
        }
    }
}

/// Events are complete, and what can happen to a user once has happened at most once.
fn audit_events(findings: &mut AuditFindings, key: &str, events: &BTreeMap<String, usize>) {
    let mut once: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (event, times) in events {
        let values: Vec<&str> = event.split(' ').collect();
        match values[..] {
            [user, kind, at, ..] if EventKind::parse(kind).is_some() && at.parse::<u64>().is_ok() => {
                if matches!(kind, "signed-up" | "deleted") {
                    *once.entry((user, kind)).or_default() += times;
                }
            }
            _ => findings.contradictions.push(format!("{key} holds no event: {event}")),
        }
    }
    let doubled = once.into_iter().filter(|(_, times)| *times > 1);
    findings.contradictions.extend(doubled.map(|((user, kind), times)| format!("{user} has {kind} {times} times")));
}

fn audit_user(findings: &mut AuditFindings, id: &str, record: &RecordFields, claims: &BTreeMap<String, String>) {
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
