//! The invariants: checked on the image of the real database and on the outcomes of the clients.
//!
//! | | |
//! |---|---|
//! | I1, I2 | no two active users have one e-mail, each has its own claim; listings agree; records are complete |
//! | I3, I6 | an acknowledged user is active until the acknowledged deletion, and never comes back |
//! | I5 | a tombstone stays one, and no fencing token decreases |
//! | history | each change has one event, written in its step: as many as the version counts |
//! | sessions | a kept session survives every change, and an ended session stays ended |
//! | outcomes | an acknowledged operation has taken effect, a refused one has changed nothing |
//!
//! I4, that nothing is blocked, needs a client that tries: see `explore` and `random_walk`.

use userd_core::UserId;

use super::scenario::{ActOutcome, NEW_HASH, Scenario, ScenarioAct, id_of, session_of};
use userd_test_support::database_image::{DatabaseImage, KeyContent, RecordFields, field, hex, record_of};
use userd_test_support::fixtures::SOME_HASH;
use userd_test_support::redis_audit::audit_image;

/// The outcome of an operation; `None` while it runs or if its client crashed.
type PendingOutcome = Option<ActOutcome>;

/// All violations in one state. `outcomes` has a list for each client.
pub fn violations(scenario: &Scenario, image: &DatabaseImage, outcomes: &[&[ActOutcome]]) -> Vec<String> {
    let mut found: Vec<String> =
        audit_image(image, "userd:").contradictions.into_iter().map(|what| format!("I1/I2: {what}")).collect();
    let acts: Vec<(ScenarioAct, PendingOutcome)> = (scenario.clients.iter().zip(outcomes))
        .flat_map(|(client, outcome)| {
            client.acts.iter().enumerate().map(|(place, &act)| (act, outcome.get(place).copied()))
        })
        .collect();
    let newcomers = acts.iter().filter_map(|(act, outcome)| match *act {
        ScenarioAct::SignUp(number, email) => Some((number, email, *outcome)),
        ScenarioAct::Move(..)
        | ScenarioAct::NewPassword(_)
        | ScenarioAct::EndOthers(_)
        | ScenarioAct::SignOut(_)
        | ScenarioAct::Remove(_) => None,
    });
    let present = scenario.users.iter().map(|&(number, email)| (number, email, Some(ActOutcome::Done)));
    for (number, email, outcome) in present.chain(newcomers) {
        let record = record_of(image, &id_of(number).to_string());
        check_user(&mut found, number, email, outcome, &acts, record);
        check_events(&mut found, number, image, record);
        if scenario.users.iter().any(|&(present, _)| present == number) {
            check_sessions(&mut found, number, &acts, image, record);
        }
    }
    found
}

/// Checks one user, whose sign-up with `email` had this `outcome`.
fn check_user(
    found: &mut Vec<String>,
    number: u64,
    email: &str,
    outcome: PendingOutcome,
    acts: &[(ScenarioAct, PendingOutcome)],
    record: Option<&RecordFields>,
) {
    let st = field(record, "st");
    let removals: Vec<PendingOutcome> = outcomes_of(acts, |act| act == ScenarioAct::Remove(number));
    let removed = removals.contains(&Some(ActOutcome::Done));
    let may_be_removed = removals.iter().any(|outcome| may_have_happened(*outcome));
    if removed && st != "D" {
        found.push(format!("I6: user {number} was deleted, and is {st:?}"));
    }
    if outcome == Some(ActOutcome::Done) && st != "A" && !(st == "D" && may_be_removed) {
        found.push(format!("I3: user {number} was acknowledged, and is {st:?}"));
    }
    if outcome == Some(ActOutcome::Taken) && matches!(st, "A" | "P") {
        found.push(format!("outcomes: user {number} was refused, and is {st:?}"));
    }
    if st == "D" && !may_be_removed {
        found.push(format!("I3: user {number} is deleted, and no client did it"));
    }
    if st == "A" {
        check_email(found, number, email, acts, field(record, "email"));
        check_password(found, number, acts, field(record, "hash"));
    }
}

fn check_email(found: &mut Vec<String>, number: u64, email: &str, acts: &[(ScenarioAct, PendingOutcome)], now: &str) {
    let moves: Vec<(&str, PendingOutcome)> = acts
        .iter()
        .filter_map(|&(act, outcome)| match act {
            ScenarioAct::Move(who, to) if who == number => Some((to, outcome)),
            _ => None,
        })
        .collect();
    let possible = moves.iter().any(|&(to, outcome)| to == now && may_have_happened(outcome));
    let only_one_done = matches!(moves.as_slice(), [(_, Some(ActOutcome::Done))]);
    if !possible && (now != email || only_one_done) {
        found.push(format!("outcomes: user {number} has {now}, after {moves:?} from {email}"));
    }
}

fn check_password(found: &mut Vec<String>, number: u64, acts: &[(ScenarioAct, PendingOutcome)], now: &str) {
    let edits = outcomes_of(acts, |act| act == ScenarioAct::NewPassword(number));
    let done = edits.contains(&Some(ActOutcome::Done));
    let possible = edits.iter().any(|outcome| may_have_happened(*outcome));
    let right = if NEW_HASH.ends_with(now) { possible } else { SOME_HASH.ends_with(now) && !done };
    if !right {
        found.push(format!("outcomes: the password of user {number} is {now}, after {edits:?}"));
    }
}

/// How many events of these kinds the user of this number has.
fn count_events(image: &DatabaseImage, number: u64, kinds: &[&str]) -> u64 {
    let user = hex(id_of(number).as_bytes());
    let events = image.values().filter_map(|content| match content {
        KeyContent::Events(events) => Some(events),
        _ => None,
    });
    let own = events.flatten().filter(|(event, _)| {
        let mut values = event.split(' ');
        values.next() == Some(&user) && values.next().is_some_and(|kind| kinds.contains(&kind))
    });
    own.map(|(_, times)| *times as u64).sum()
}

/// The first session of a user survives every new password and every revocation of other sessions, the second none;
/// each of these begins one epoch and is one event. `audit_image` checks that no session is of another epoch.
fn check_sessions(
    found: &mut Vec<String>,
    number: u64,
    acts: &[(ScenarioAct, PendingOutcome)],
    image: &DatabaseImage,
    record: Option<&RecordFields>,
) {
    let key = format!(":sessions:{}", id_of(number));
    let sessions = image.iter().find(|(name, _)| name.ends_with(&key)).and_then(|(_, content)| match content {
        KeyContent::RecordFields(fields) => Some(fields),
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
    if revoked > outcomes_of(acts, |act| act == ScenarioAct::EndOthers(number)).len() as u64 {
        found.push(format!("sessions: those of user {number} were ended {revoked} times, more often than clients did"));
    }
    let is_done = |act| outcomes_of(acts, |other| other == act).contains(&Some(ActOutcome::Done));
    if is_done(ScenarioAct::SignOut(number)) && is_open(1) || is_done(ScenarioAct::EndOthers(number)) && is_open(2) {
        found.push(format!("outcomes: a session of user {number} was ended, and is open"));
    }
}

/// Nothing here changes a user without an event: no hash is replaced by one of the same password.
fn check_events(found: &mut Vec<String>, id: u64, image: &DatabaseImage, record: Option<&RecordFields>) {
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

fn outcomes_of(acts: &[(ScenarioAct, PendingOutcome)], which: impl Fn(ScenarioAct) -> bool) -> Vec<PendingOutcome> {
    acts.iter().filter(|(act, _)| which(*act)).map(|(_, outcome)| *outcome).collect()
}

fn may_have_happened(outcome: PendingOutcome) -> bool {
    matches!(outcome, None | Some(ActOutcome::Done | ActOutcome::Unknown))
}

/// I5, over one step.
pub fn fence_regressions(before: &DatabaseImage, after: &DatabaseImage) -> Vec<String> {
    let mut found = Vec::new();
    for (key, content) in before {
        let KeyContent::RecordFields(old) = content else { continue };
        let new = match after.get(key) {
            Some(KeyContent::RecordFields(new)) => Some(new),
            _ => None,
        };
        let (was, is) = (field(Some(old), "st"), field(new, "st"));
        if matches!(was, "X" | "D") && was != is {
            found.push(format!("I5: the tombstone {was} at {key} became {is:?}"));
        }
        if number(field(Some(old), "ver")) > number(field(new, "ver")) {
            found.push(format!("I5: the fencing token at {key} decreased"));
        }
    }
    found
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}

/// The active user who has the e-mail.
pub fn owner(image: &DatabaseImage, email: &str) -> Option<UserId> {
    image.iter().find_map(|(key, content)| match content {
        KeyContent::RecordFields(record)
            if field(Some(record), "st") == "A" && field(Some(record), "email") == email =>
        {
            key.rsplit(':').next().and_then(UserId::parse)
        }
        _ => None,
    })
}
