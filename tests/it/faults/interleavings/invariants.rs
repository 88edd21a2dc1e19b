//! What must hold whatever happened: judged on the image of the real database and on what clients were told.
//!
//! | | |
//! |---|---|
//! | I1, I2 | no two active users with one e-mail; an active user's e-mail has exactly that user's claim under that op; listings agree; nobody is half a user |
//! | I3, I6 | who was acknowledged is active until acknowledged deleted, and never comes back from that |
//! | I5 | a tombstone stays one, and no fence goes back |
//! | history | each change has one event, written in its step: as many as the version counts |
//! | sessions | a session that stays goes on through every change, and what was ended stays ended |
//! | outcomes | what was answered *done* is done, what was answered with a refusal has changed nothing |
//!
//! I4, that nothing is blocked, needs a client that tries: see `explore` and `walk`.

use userd_core::UserId;

use super::scenario::{Act, NEW_HASH, Outcome, Scenario, id_of, session_of};
use userd_test_support::image::{Content, Image, Record, field, hex, record_of};
use userd_test_support::people::SOME_HASH;
use userd_test_support::redis_audit::compare;

/// What an act has come to; `None` while it is under way or where its client crashed.
type Told = Option<Outcome>;

/// Everything that is wrong in one state. `outcomes` has a list for each client.
pub fn violations(scenario: &Scenario, image: &Image, outcomes: &[&[Outcome]]) -> Vec<String> {
    let mut found: Vec<String> =
        compare(image, "userd:").contradictions.into_iter().map(|what| format!("I1/I2: {what}")).collect();
    let acts: Vec<(Act, Told)> = (scenario.clients.iter().zip(outcomes))
        .flat_map(|(client, told)| client.acts.iter().enumerate().map(|(place, &act)| (act, told.get(place).copied())))
        .collect();
    let newcomers = acts.iter().filter_map(|(act, told)| match *act {
        Act::SignUp(number, email) => Some((number, email, *told)),
        Act::Move(..) | Act::NewPassword(_) | Act::EndOthers(_) | Act::SignOut(_) | Act::Remove(_) => None,
    });
    let present = scenario.users.iter().map(|&(number, email)| (number, email, Some(Outcome::Done)));
    for (number, email, told) in present.chain(newcomers) {
        let record = record_of(image, &id_of(number).to_string());
        judge(&mut found, number, email, told, &acts, record);
        judge_history(&mut found, number, image, record);
        if scenario.users.iter().any(|&(present, _)| present == number) {
            judge_sessions(&mut found, number, &acts, image, record);
        }
    }
    found
}

/// One user, who signed up with `email` and was `told` so.
fn judge(found: &mut Vec<String>, number: u64, email: &str, told: Told, acts: &[(Act, Told)], record: Option<&Record>) {
    let st = field(record, "st");
    let removals: Vec<Told> = told_of(acts, |act| act == Act::Remove(number));
    let removed = removals.contains(&Some(Outcome::Done));
    let may_be_removed = removals.iter().any(|told| may_have_happened(*told));
    if removed && st != "D" {
        found.push(format!("I6: user {number} was deleted, and is {st:?}"));
    }
    if told == Some(Outcome::Done) && st != "A" && !(st == "D" && may_be_removed) {
        found.push(format!("I3: user {number} was acknowledged, and is {st:?}"));
    }
    if told == Some(Outcome::Taken) && matches!(st, "A" | "P") {
        found.push(format!("outcomes: user {number} was refused, and is {st:?}"));
    }
    if st == "D" && !may_be_removed {
        found.push(format!("I3: user {number} is deleted, and nobody did it"));
    }
    if st == "A" {
        judge_email(found, number, email, acts, field(record, "email"));
        judge_password(found, number, acts, field(record, "hash"));
    }
}

fn judge_email(found: &mut Vec<String>, number: u64, email: &str, acts: &[(Act, Told)], now: &str) {
    let moves: Vec<(&str, Told)> = acts
        .iter()
        .filter_map(|&(act, told)| match act {
            Act::Move(who, to) if who == number => Some((to, told)),
            _ => None,
        })
        .collect();
    let possible = moves.iter().any(|&(to, told)| to == now && may_have_happened(told));
    let only_one_done = matches!(moves.as_slice(), [(_, Some(Outcome::Done))]);
    if !possible && (now != email || only_one_done) {
        found.push(format!("outcomes: user {number} has {now}, after {moves:?} from {email}"));
    }
}

fn judge_password(found: &mut Vec<String>, number: u64, acts: &[(Act, Told)], now: &str) {
    let edits = told_of(acts, |act| act == Act::NewPassword(number));
    let done = edits.contains(&Some(Outcome::Done));
    let possible = edits.iter().any(|told| may_have_happened(*told));
    let right = if NEW_HASH.ends_with(now) { possible } else { SOME_HASH.ends_with(now) && !done };
    if !right {
        found.push(format!("outcomes: the password of user {number} is {now}, after {edits:?}"));
    }
}

/// How many events of these kinds the user of this number has.
fn count_events(image: &Image, number: u64, kinds: &[&str]) -> u64 {
    let user = hex(id_of(number).as_bytes());
    let events = image.values().filter_map(|content| match content {
        Content::Events(events) => Some(events),
        _ => None,
    });
    let own = events.flatten().filter(|(event, _)| {
        let mut values = event.split(' ');
        values.next() == Some(&user) && values.next().is_some_and(|kind| kinds.contains(&kind))
    });
    own.map(|(_, times)| *times as u64).sum()
}

/// The first session of a user goes on through every new password and every ending of others, the second through none;
/// each of these begins one epoch and is one event. That no session is of another epoch, `compare` says.
fn judge_sessions(found: &mut Vec<String>, number: u64, acts: &[(Act, Told)], image: &Image, record: Option<&Record>) {
    let key = format!(":sessions:{}", id_of(number));
    let sessions = image.iter().find(|(name, _)| name.ends_with(&key)).and_then(|(_, content)| match content {
        Content::Record(fields) => Some(fields),
        _ => None,
    });
    let is_open = |which| sessions.is_some_and(|open| open.contains_key(&hex(session_of(number, which).id.as_bytes())));
    let is_active = field(record, "st") == "A";
    let epoch = field(record, "epo").parse::<u64>().unwrap_or(0);
    let (ended, signed_out) = (
        count_events(image, number, &["password-changed", "sessions-revoked"]),
        count_events(image, number, &["signed-out"]),
    );
    if is_active && epoch != ended {
        found.push(format!("sessions: user {number} is in epoch {epoch}, and {ended} have ended"));
    }
    if is_open(1) != (is_active && signed_out == 0) || is_open(2) != (is_active && epoch == 0) || signed_out > 1 {
        let open = (is_open(1), is_open(2));
        found.push(format!("sessions: user {number} in epoch {epoch}, signed out {signed_out} times, has {open:?}"));
    }
    let revoked = count_events(image, number, &["sessions-revoked"]);
    if revoked > told_of(acts, |act| act == Act::EndOthers(number)).len() as u64 {
        found.push(format!("sessions: those of user {number} were ended {revoked} times, more often than anybody did"));
    }
    let is_done = |act| told_of(acts, |other| other == act).contains(&Some(Outcome::Done));
    if is_done(Act::SignOut(number)) && is_open(1) || is_done(Act::EndOthers(number)) && is_open(2) {
        found.push(format!("outcomes: a session of user {number} was ended, and is open"));
    }
}

/// Nothing here changes a user without an event: no hash is replaced by one of the same password.
fn judge_history(found: &mut Vec<String>, id: u64, image: &Image, record: Option<&Record>) {
    let count = |kinds| count_events(image, id, kinds);
    let (st, ups, deletions) = (field(record, "st"), count(&["signed-up"]), count(&["deleted"]));
    if ups != u64::from(matches!(st, "A" | "D")) || deletions != u64::from(st == "D") {
        found
            .push(format!("history: user {id} is {st:?}, has signed up {ups} times and was deleted {deletions} times"));
    }
    let changes = count(&["profile-changed", "email-changed", "password-changed"]);
    if st == "A" && number(field(record, "rev")) != 1 + changes {
        found.push(format!("history: user {id} is at {}, and has {changes} changes", field(record, "rev")));
    }
}

fn told_of(acts: &[(Act, Told)], which: impl Fn(Act) -> bool) -> Vec<Told> {
    acts.iter().filter(|(act, _)| which(*act)).map(|(_, told)| *told).collect()
}

fn may_have_happened(told: Told) -> bool {
    matches!(told, None | Some(Outcome::Done | Outcome::Unknown))
}

/// I5, over one step.
pub fn steps_back(before: &Image, after: &Image) -> Vec<String> {
    let mut found = Vec::new();
    for (key, content) in before {
        let Content::Record(old) = content else { continue };
        let new = match after.get(key) {
            Some(Content::Record(new)) => Some(new),
            _ => None,
        };
        let (was, is) = (field(Some(old), "st"), field(new, "st"));
        if matches!(was, "X" | "D") && was != is {
            found.push(format!("I5: the tombstone {was} at {key} became {is:?}"));
        }
        if number(field(Some(old), "ver")) > number(field(new, "ver")) {
            found.push(format!("I5: the fence at {key} went back"));
        }
    }
    found
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}

/// The active user who has the e-mail.
pub fn owner(image: &Image, email: &str) -> Option<UserId> {
    image.iter().find_map(|(key, content)| match content {
        Content::Record(record) if field(Some(record), "st") == "A" && field(Some(record), "email") == email => {
            key.rsplit(':').next().and_then(UserId::parse)
        }
        _ => None,
    })
}
