//! The scenarios of the first specification: one name for each user, random ids.

use super::client::NameTask;
use super::scenario::NameScenario;
use super::values::{NAMES, NameSet};

/// A sign-up with these names.
pub(crate) fn sign_up(user: u8, names: &str) -> NameTask {
    NameTask::SignUp { user, names: NameSet::parse(names), is_reversed: false }
}

/// A change of the only name.
pub(crate) fn change(user: u8, to: &str, nonce: u8) -> NameTask {
    let add = NameSet::parse(to);
    let drop = NameSet((1 << NAMES) - 1).minus(add);
    NameTask::Change { user, add, drop, nonce, consume: false, is_reversed: false }
}

/// A deletion.
pub(crate) fn delete(user: u8) -> NameTask {
    NameTask::Delete { user, compares: false }
}

pub(crate) const DOCTOR: NameTask = NameTask::Doctor;

pub(crate) fn scenario(title: &'static str, users: u8, names: u8, programs: &[&[NameTask]]) -> NameScenario {
    NameScenario::new(title, users, names, programs.iter().map(|program| program.to_vec()).collect())
}

/// All of them, the larger ones last.
pub(crate) fn all() -> Vec<NameScenario> {
    let mut all = sign_ups();
    all.extend(changes());
    all.extend(there_and_back());
    all.extend(deletions());
    all.extend(with_doctor());
    all
}

fn sign_ups() -> Vec<NameScenario> {
    let (one, two, three) = (sign_up(0, "a"), sign_up(1, "a"), sign_up(2, "a"));
    vec![
        scenario("3 sign-ups, one name", 3, 1, &[&[one], &[two], &[three]]),
        scenario("2 sign-ups, 1 copy", 2, 1, &[&[one], &[two]]).with_copies(1),
        scenario("2 sign-ups, 2 copies", 2, 1, &[&[one], &[two]]).with_copies(2),
        scenario("same sign-up by 2 instances, a rival, 1 copy", 2, 1, &[&[one], &[one], &[two]]).with_copies(1),
        scenario("3 sign-ups, 1 copy", 3, 1, &[&[one], &[two], &[three]]).with_copies(1),
    ]
}

fn changes() -> Vec<NameScenario> {
    let (a_to_b, to_b, to_a) = (change(0, "b", 0), sign_up(1, "b"), sign_up(2, "a"));
    let pair = |title| scenario(title, 2, 2, &[&[a_to_b], &[to_b]]).with_user(0, "a");
    let triple = |title| scenario(title, 3, 2, &[&[a_to_b], &[to_b], &[to_a]]).with_user(0, "a");
    let swap =
        |title| scenario(title, 3, 2, &[&[a_to_b], &[change(1, "a", 0)], &[to_a]]).with_user(0, "a").with_user(1, "b");
    vec![
        triple("change a to b, sign-up b, sign-up a"),
        pair("change a to b, sign-up b, 1 copy").with_copies(1),
        pair("change a to b, sign-up b, 2 copies").with_copies(2),
        scenario("swap, 1 copy", 2, 2, &[&[a_to_b], &[change(1, "a", 0)]])
            .with_user(0, "a")
            .with_user(1, "b")
            .with_copies(1),
        swap("swap, sign-up a"),
        scenario(
            "2 changes of one user to b, sign-up b, 1 copy",
            2,
            2,
            &[&[change(0, "b", 1)], &[change(0, "b", 2)], &[to_b]],
        )
        .with_user(0, "a")
        .with_copies(1),
        scenario(
            "changes of one user to b and c, sign-up b",
            2,
            3,
            &[&[change(0, "b", 1)], &[change(0, "c", 2)], &[to_b]],
        )
        .with_user(0, "a"),
        triple("change a to b, sign-up b, sign-up a, 1 copy").with_copies(1),
        swap("swap, sign-up a, 2 copies").with_copies(2),
        scenario("1 from b to c, 0 from a to b, sign-up a, 1 copy", 3, 3, &[&[change(1, "c", 0)], &[a_to_b], &[to_a]])
            .with_user(0, "a")
            .with_user(1, "b")
            .with_copies(1),
    ]
}

fn there_and_back() -> Vec<NameScenario> {
    let back: &[NameTask] = &[change(0, "b", 1), change(0, "a", 2)];
    let three = |title| scenario(title, 3, 2, &[back, &[sign_up(1, "a")], &[sign_up(2, "b")]]).with_user(0, "a");
    vec![
        scenario("there and back, sign-up a, 1 copy", 2, 2, &[back, &[sign_up(1, "a")]])
            .with_user(0, "a")
            .with_copies(1),
        three("there and back, sign-up a, sign-up b"),
        scenario("there and back by 2 clients, 2 copies", 1, 2, &[back, &[change(0, "b", 3)]])
            .with_user(0, "a")
            .with_copies(2),
        three("there and back, sign-up a, sign-up b, 1 copy").with_copies(1),
    ]
}

fn deletions() -> Vec<NameScenario> {
    let to_a = sign_up(1, "a");
    vec![
        scenario("delete, change a to b, sign-up a, 1 copy", 2, 2, &[&[delete(0)], &[change(0, "b", 0)], &[to_a]])
            .with_user(0, "a")
            .with_copies(1),
        scenario("delete, delete, sign-up a, 1 copy", 2, 1, &[&[delete(0)], &[delete(0)], &[to_a]])
            .with_user(0, "a")
            .with_copies(1),
        scenario("sign-up then delete, a rival, 2 copies", 2, 1, &[&[sign_up(0, "a"), delete(0)], &[to_a]])
            .with_copies(2),
    ]
}

fn with_doctor() -> Vec<NameScenario> {
    let (to_a, to_b, a_to_b) = (sign_up(1, "a"), sign_up(1, "b"), change(0, "b", 0));
    vec![
        scenario("sign-up, a rival, doctor", 2, 1, &[&[sign_up(0, "a")], &[to_a], &[DOCTOR]]),
        scenario("sign-up, doctor, 2 copies", 1, 1, &[&[sign_up(0, "a")], &[DOCTOR]]).with_copies(2),
        scenario("change a to b, sign-up b, doctor", 2, 2, &[&[a_to_b], &[to_b], &[DOCTOR]]).with_user(0, "a"),
        scenario("change a to b, doctor, 1 copy", 1, 2, &[&[a_to_b], &[DOCTOR]]).with_user(0, "a").with_copies(1),
        scenario("delete, change, sign-up a, doctor", 2, 2, &[&[delete(0)], &[a_to_b], &[to_a], &[DOCTOR]])
            .with_user(0, "a"),
        scenario("delete, sign-up a, doctor", 2, 1, &[&[delete(0)], &[to_a], &[DOCTOR]]).with_user(0, "a"),
    ]
}

/// The scenarios that are run with replication.
pub(crate) fn with_failover() -> Vec<NameScenario> {
    let (a_to_b, to_a, to_b) = (change(0, "b", 1), sign_up(1, "a"), sign_up(1, "b"));
    let back: &[NameTask] = &[a_to_b, change(0, "a", 2)];
    vec![
        scenario("2 sign-ups, one name", 2, 1, &[&[sign_up(0, "a")], &[to_a]]),
        scenario("3 sign-ups, one name", 3, 1, &[&[sign_up(0, "a")], &[to_a], &[sign_up(2, "a")]]),
        scenario("change a to b, sign-up b", 2, 2, &[&[a_to_b], &[to_b]]).with_user(0, "a"),
        scenario("delete, sign-up a", 2, 1, &[&[delete(0)], &[to_a]]).with_user(0, "a"),
        scenario("change a to b, sign-up a", 2, 2, &[&[a_to_b], &[to_a]]).with_user(0, "a"),
        scenario("change a to b, sign-up b, sign-up a", 3, 2, &[&[a_to_b], &[to_b], &[sign_up(2, "a")]])
            .with_user(0, "a"),
        scenario("2 changes of one user", 1, 2, &[&[a_to_b], &[change(0, "b", 2)]]).with_user(0, "a"),
        scenario("there and back, sign-up a", 2, 2, &[back, &[to_a]]).with_user(0, "a"),
    ]
}
