//! Scenarios of what came later: several names for each user, given ids, secrets that a change consumes.

use super::client::NameTask;
use super::first_scenarios::{DOCTOR, change, delete, scenario, sign_up};
use super::record::SecretState;
use super::rules::{NameFlaw, NameRules};
use super::scenario::NameScenario;
use super::values::NameSet;

/// A change that adds and removes names.
fn rename(user: u8, add: &str, drop: &str) -> NameTask {
    let (add, drop) = (NameSet::parse(add), NameSet::parse(drop));
    NameTask::Change { user, add, drop, nonce: 0, consume: false, is_reversed: false }
}

/// The same, asking for the names in the opposite order.
fn reversed(task: NameTask) -> NameTask {
    match task {
        NameTask::Change { user, add, drop, nonce, consume, .. } => {
            NameTask::Change { user, add, drop, nonce, consume, is_reversed: true }
        }
        NameTask::SignUp { user, names, .. } => NameTask::SignUp { user, names, is_reversed: true },
        other => other,
    }
}

/// The same, with the user's one-time secret.
fn with_secret(task: NameTask) -> NameTask {
    match task {
        NameTask::Change { user, add, drop, nonce, is_reversed, .. } => {
            NameTask::Change { user, add, drop, nonce, consume: true, is_reversed }
        }
        other => other,
    }
}

fn edit(user: u8, drop: &str) -> NameTask {
    NameTask::Edit { user, drop: NameSet::parse(drop) }
}

fn import(user: u8, names: &str, digest: u8) -> NameTask {
    NameTask::Import { user, names: NameSet::parse(names), digest }
}

/// A deletion of the version that was read: an id that is given may come again.
fn delete_compared(user: u8) -> NameTask {
    NameTask::Delete { user, compares: true }
}

fn confirm(user: u8, name: u8) -> NameTask {
    NameTask::Confirm { user, name, creates: user }
}

impl NameScenario {
    /// The same scenario under a broken variant of the protocol.
    pub(crate) fn with_flaw(mut self, flaw: NameFlaw) -> Self {
        self.rules = NameRules { flaw: Some(flaw) };
        // These two leave what a lone client could never finish; the violation has to be found in an interleaving.
        self.recovers = !matches!(flaw, NameFlaw::TombstoneExpires | NameFlaw::TakeoverWithoutAbort);
        if flaw == NameFlaw::ClaimInRequestOrder {
            for task in self.programs.iter_mut().skip(1).step_by(2).flatten() {
                *task = reversed(*task);
            }
        }
        if flaw == NameFlaw::DeleteUncompared {
            for task in self.programs.iter_mut().flatten() {
                if let NameTask::Delete { compares, .. } = task {
                    *compares = false;
                }
            }
        }
        if flaw == NameFlaw::ConfirmFreshId {
            for task in self.programs.iter_mut().skip(1).flatten() {
                if let NameTask::Confirm { creates, .. } = task {
                    *creates += 1;
                }
            }
        }
        self
    }

    fn with_waiting(mut self, user: u8, name: u8) -> Self {
        self.store.waiting[usize::from(name)] |= 1 << user;
        self
    }

    fn with_secret_of(mut self, user: u8) -> Self {
        self.store.users[usize::from(user)].secret = SecretState::Usable;
        self
    }

    fn with_one_user_of(mut self, ids: u8) -> Self {
        self.one_user_of = ids;
        self
    }

    fn without_deadlines(mut self) -> Self {
        self.deadlines_pass = false;
        self
    }

    fn with_crash(mut self) -> Self {
        self.crashes = 1;
        self
    }

    fn ending_clean(mut self) -> Self {
        self.ends_clean = true;
        self
    }
}

/// Several names for each user.
pub(crate) fn several_names() -> Vec<NameScenario> {
    let mut all = attach_and_detach();
    all.extend(clean_ends());
    all.extend(both_or_none());
    all.extend(no_dead_end());
    all
}

fn attach_and_detach() -> Vec<NameScenario> {
    let (to_b, attach) = (sign_up(1, "b"), rename(0, "b", ""));
    vec![
        scenario("attach b, attach b elsewhere, 1 copy", 2, 3, &[&[attach], &[rename(1, "b", "")]])
            .with_user(0, "a")
            .with_user(1, "c")
            .with_copies(1),
        scenario("attach b, sign-up bc, 1 copy", 2, 3, &[&[attach], &[sign_up(1, "bc")]])
            .with_user(0, "a")
            .with_copies(1),
        scenario("detach b, delete, sign-up b, 1 copy", 2, 2, &[&[edit(0, "b")], &[delete(0)], &[to_b]])
            .with_user(0, "ab")
            .with_copies(1),
        scenario("detach b, attach b elsewhere, doctor", 2, 3, &[&[edit(0, "b")], &[rename(1, "b", "")], &[DOCTOR]])
            .with_user(0, "ab")
            .with_user(1, "c"),
        scenario("detach b, attach b elsewhere, 2 copies", 2, 3, &[&[edit(0, "b")], &[rename(1, "b", "")]])
            .with_user(0, "ab")
            .with_user(1, "c")
            .with_copies(2),
        scenario("an edit supersedes an attach, sign-up b, 1 copy", 2, 2, &[&[attach], &[edit(0, "")], &[to_b]])
            .with_user(0, "a")
            .with_copies(1),
        scenario(
            "attach b, replace a by c, detach b; sign-up b, 1 copy",
            2,
            3,
            &[&[attach, rename(0, "c", "a"), edit(0, "b")], &[to_b]],
        )
        .with_user(0, "a")
        .with_copies(1),
        scenario("detach b and attach it again, sign-up b, 1 copy", 2, 2, &[&[edit(0, "b"), attach], &[to_b]])
            .with_user(0, "ab")
            .with_copies(1),
        scenario(
            "requests that end leave nothing",
            3,
            4,
            &[&[rename(0, "bc", "a")], &[sign_up(1, "bd")], &[edit(2, "c")]],
        )
        .with_user(0, "a")
        .with_user(2, "c")
        .ending_clean(),
        scenario(
            "requests that end leave nothing of 2 replaced names",
            2,
            4,
            &[&[rename(0, "cd", "ab")], &[sign_up(1, "d")]],
        )
        .with_user(0, "ab")
        .ending_clean(),
    ]
}

/// A sign-up that is aborted leaves its claims to the next one who wants them. Everything else is in the record.
fn clean_ends() -> Vec<NameScenario> {
    let bc = rename(0, "bc", "a");
    vec![
        scenario("requests that end leave nothing, a change crashes", 2, 4, &[&[bc], &[rename(1, "c", "")]])
            .with_user(0, "a")
            .with_user(1, "d")
            .with_crash()
            .ending_clean(),
    ]
}

fn both_or_none() -> Vec<NameScenario> {
    let (two, a, b) = (sign_up(0, "ab"), sign_up(1, "a"), sign_up(2, "b"));
    let (bc, to_b) = (rename(0, "bc", "a"), sign_up(1, "b"));
    vec![
        scenario("sign-up ab, sign-up a, sign-up b", 3, 2, &[&[two], &[a], &[b]]),
        scenario("sign-up ab, sign-up b, 2 copies", 2, 2, &[&[two], &[to_b]]).with_copies(2),
        scenario("same sign-up ab by 2 instances, sign-up b, 1 copy", 2, 2, &[&[two], &[two], &[to_b]]).with_copies(1),
        scenario("change a to bc, c is taken, sign-up b, 1 copy", 3, 3, &[&[bc], &[sign_up(2, "b")]])
            .with_user(0, "a")
            .with_user(1, "c")
            .with_copies(1),
        scenario("change a to bc, sign-up b, sign-up c", 3, 3, &[&[bc], &[to_b], &[sign_up(2, "c")]]).with_user(0, "a"),
        scenario("2 changes of one user to bc and bd, sign-up b", 2, 4, &[&[bc], &[rename(0, "bd", "a")], &[to_b]])
            .with_user(0, "a"),
        scenario("sign-up ab, sign-up b, doctor", 2, 2, &[&[two], &[to_b], &[DOCTOR]]),
        scenario("change a to bc, sign-up c, doctor", 2, 3, &[&[bc], &[sign_up(1, "c")], &[DOCTOR]]).with_user(0, "a"),
        scenario(
            "delete, change ab to bc, sign-up c",
            2,
            3,
            &[&[delete(0)], &[rename(0, "c", "a")], &[sign_up(1, "ac")]],
        )
        .with_user(0, "ab"),
        scenario("sign-up ab, sign-up a, sign-up b, 1 copy", 3, 2, &[&[two], &[a], &[b]]).with_copies(1),
    ]
}

/// What waits for nothing can block nothing: two who want each other's names both give up.
fn no_dead_end() -> Vec<NameScenario> {
    let (forth, back) = (rename(0, "cd", "ab"), reversed(rename(1, "ab", "cd")));
    let (here, there) = (rename(0, "bc", ""), reversed(rename(1, "bc", "")));
    vec![
        scenario("swap ab and cd in opposite order, 1 copy", 2, 4, &[&[forth], &[back]])
            .with_user(0, "ab")
            .with_user(1, "cd")
            .with_copies(1),
        scenario("swap ab and cd, sign-up ac", 3, 4, &[&[forth], &[back], &[sign_up(2, "ac")]])
            .with_user(0, "ab")
            .with_user(1, "cd"),
        scenario("attach bc twice, in opposite order, 1 copy", 2, 4, &[&[here], &[there]])
            .with_user(0, "a")
            .with_user(1, "d")
            .with_copies(1),
        scenario("2 sign-ups ab, no deadline passes", 2, 2, &[&[sign_up(0, "ab")], &[sign_up(1, "ab")]])
            .without_deadlines(),
        scenario("attach bc twice, no deadline passes", 2, 4, &[&[here], &[rename(1, "bc", "")]])
            .with_user(0, "a")
            .with_user(1, "d")
            .without_deadlines(),
        scenario(
            "sign-ups ab, bc, ac, no deadline passes",
            3,
            3,
            &[&[sign_up(0, "ab")], &[sign_up(1, "bc")], &[sign_up(2, "ac")]],
        )
        .without_deadlines(),
    ]
}

/// Ids that are given: import, and sign-ups that waited for a confirmation.
pub(crate) fn given_ids() -> Vec<NameScenario> {
    let (first, a, b) = (import(0, "a", 1), sign_up(1, "a"), sign_up(1, "b"));
    vec![
        scenario("import, again, sign-up a, 1 copy", 2, 1, &[&[first, first], &[a]]).with_copies(1),
        scenario("import by 2 processes, sign-up a, 1 copy", 2, 1, &[&[first], &[first], &[a]]).with_copies(1),
        scenario("imports with other content, sign-up a", 2, 2, &[&[first], &[import(0, "ab", 2)], &[a]]),
        scenario(
            "import ab, again, sign-up b, doctor",
            2,
            2,
            &[&[import(0, "ab", 1), import(0, "ab", 1)], &[b], &[DOCTOR]],
        ),
        scenario("import, delete, import, sign-up a, 1 copy", 2, 1, &[&[first, delete_compared(0), first], &[a]])
            .with_copies(1),
        scenario("import 3 times, sign-up a then delete", 2, 1, &[&[first, first, first], &[a, delete_compared(1)]])
            .with_copies(1),
        scenario("confirm twice, sign-up a, 1 copy", 2, 1, &[&[confirm(0, 0)], &[confirm(0, 0)], &[a]])
            .with_waiting(0, 0)
            .with_copies(1),
        scenario("2 sign-ups wait for a, both confirmed, 2 copies", 2, 1, &[&[confirm(0, 0)], &[confirm(1, 0)]])
            .with_waiting(0, 0)
            .with_waiting(1, 0)
            .with_copies(2),
        scenario(
            "confirm, delete, confirm again, 2 copies",
            2,
            1,
            &[&[confirm(0, 0), delete_compared(0)], &[confirm(0, 0)]],
        )
        .with_waiting(0, 0)
        .with_copies(2)
        .with_one_user_of(0b11),
    ]
}

/// Secrets that are consumed by the commit of a change.
pub(crate) fn consumed_by_change() -> Vec<NameScenario> {
    let (b, c) = (with_secret(change(0, "b", 1)), with_secret(rename(0, "c", "a")));
    vec![
        scenario("one secret for b and for c, 1 copy", 1, 3, &[&[b], &[c]])
            .with_user(0, "a")
            .with_secret_of(0)
            .with_copies(1),
        scenario("one secret for b twice, sign-up b, 1 copy", 2, 2, &[&[b], &[b], &[sign_up(1, "b")]])
            .with_user(0, "a")
            .with_secret_of(0)
            .with_copies(1),
        scenario("one secret for b and for c, one after another", 2, 3, &[&[b, c], &[b], &[sign_up(1, "b")]])
            .with_user(0, "a")
            .with_secret_of(0),
        scenario("a secret for b, delete, doctor", 1, 2, &[&[b], &[delete(0)], &[DOCTOR]])
            .with_user(0, "a")
            .with_secret_of(0),
        scenario(
            "a secret for bc, edit, sign-up c, 1 copy",
            2,
            3,
            &[&[with_secret(rename(0, "bc", "a"))], &[edit(0, "")], &[sign_up(1, "c")]],
        )
        .with_user(0, "a")
        .with_secret_of(0)
        .with_copies(1),
    ]
}

/// The scenarios that are run with replication.
pub(crate) fn with_failover() -> Vec<NameScenario> {
    let secret = with_secret(change(0, "b", 1));
    vec![
        scenario("sign-up ab, sign-up b", 2, 2, &[&[sign_up(0, "ab")], &[sign_up(1, "b")]]),
        scenario("change a to bc, sign-up c", 2, 3, &[&[rename(0, "bc", "a")], &[sign_up(1, "c")]]).with_user(0, "a"),
        scenario("detach b, attach b elsewhere", 2, 3, &[&[edit(0, "b")], &[rename(1, "b", "")]])
            .with_user(0, "ab")
            .with_user(1, "c"),
        scenario("import, again, sign-up a", 2, 1, &[&[import(0, "a", 1), import(0, "a", 1)], &[sign_up(1, "a")]]),
        scenario("one secret for b, twice", 1, 2, &[&[secret], &[secret]]).with_user(0, "a").with_secret_of(0),
    ]
}

/// Two confirmations: the second one may find the user there, and acknowledges what it has read.
pub(crate) fn confirmed_twice() -> NameScenario {
    scenario("confirm twice", 1, 1, &[&[confirm(0, 0)], &[confirm(0, 0)]]).with_waiting(0, 0)
}

/// Answers that are lost, so that the client sends its message again and continues with the second answer.
pub(crate) fn lost_answers() -> Vec<NameScenario> {
    let (bc, first, secret) = (rename(0, "bc", "a"), import(0, "a", 1), with_secret(change(0, "b", 1)));
    vec![
        scenario("2 sign-ups, 3 lost answers", 2, 1, &[&[sign_up(0, "a")], &[sign_up(1, "a")]]).with_losses(3),
        scenario(
            "same sign-up by 2 instances, a rival, 2 lost answers",
            2,
            1,
            &[&[sign_up(0, "a")], &[sign_up(0, "a")], &[sign_up(1, "a")]],
        )
        .with_losses(2),
        scenario(
            "sign-up then delete, a rival, 2 lost answers, 1 copy",
            2,
            1,
            &[&[sign_up(0, "a"), delete(0)], &[sign_up(1, "a")]],
        )
        .with_losses(2)
        .with_copies(1),
        scenario("change a to bc, sign-up c, 2 lost answers, 1 copy", 2, 3, &[&[bc], &[sign_up(1, "c")]])
            .with_user(0, "a")
            .with_losses(2)
            .with_copies(1),
        scenario("detach b, attach b elsewhere, 3 lost answers", 2, 3, &[&[edit(0, "b")], &[rename(1, "b", "")]])
            .with_user(0, "ab")
            .with_user(1, "c")
            .with_losses(3),
        scenario("import, again, sign-up a, 2 lost answers", 2, 1, &[&[first, first], &[sign_up(1, "a")]])
            .with_losses(2),
        scenario("confirm twice, 2 lost answers, 1 copy", 1, 1, &[&[confirm(0, 0)], &[confirm(0, 0)]])
            .with_waiting(0, 0)
            .with_losses(2)
            .with_copies(1),
        scenario("one secret for b, sign-up b, 3 lost answers", 2, 2, &[&[secret], &[sign_up(1, "b")]])
            .with_user(0, "a")
            .with_secret_of(0)
            .with_losses(3),
    ]
}

/// Larger ones.
pub(crate) fn larger() -> Vec<NameScenario> {
    let mut all = larger_sign_ups();
    all.extend(larger_changes());
    all
}

fn larger_sign_ups() -> Vec<NameScenario> {
    let (two, a, b) = (sign_up(0, "ab"), sign_up(1, "a"), sign_up(1, "b"));
    let (first, confirmed) = (import(0, "a", 1), confirm(0, 0));
    let four: &[&[NameTask]] = &[&[two], &[two], &[a], &[sign_up(2, "b")]];
    let twice: &[&[NameTask]] = &[&[confirmed], &[confirmed], &[a]];
    vec![
        scenario("same sign-up ab by 2 instances, sign-up a, sign-up b, 1 copy", 3, 2, four).with_copies(1),
        scenario("3 sign-ups, 2 copies", 3, 1, &[&[sign_up(0, "a")], &[a], &[sign_up(2, "a")]]).with_copies(2),
        scenario("sign-up ab, sign-up a, sign-up b, 2 copies", 3, 2, &[&[two], &[a], &[sign_up(2, "b")]])
            .with_copies(2),
        scenario("same sign-up ab by 2 instances, sign-up b, 2 copies", 2, 2, &[&[two], &[two], &[b]]).with_copies(2),
        scenario("import by 2 processes, sign-up a, 2 copies", 2, 1, &[&[first], &[first], &[a]]).with_copies(2),
        scenario("import by 2 processes, sign-up a, doctor", 2, 1, &[&[first], &[first], &[a], &[DOCTOR]]),
        scenario("confirm twice, sign-up a, 2 copies", 2, 1, twice).with_waiting(0, 0).with_copies(2),
        scenario("confirm twice, sign-up a, doctor", 2, 1, &[&[confirmed], &[confirmed], &[a], &[DOCTOR]])
            .with_waiting(0, 0),
    ]
}

fn larger_changes() -> Vec<NameScenario> {
    let (a, b, a_to_b) = (sign_up(1, "a"), sign_up(1, "b"), change(0, "b", 1));
    let (bc, secret) = (rename(0, "bc", "a"), with_secret(a_to_b));
    let twice: &[&[NameTask]] = &[&[a_to_b], &[change(0, "b", 2)], &[b], &[sign_up(2, "a")]];
    let detach: &[&[NameTask]] = &[&[edit(0, "b")], &[rename(1, "b", "")], &[sign_up(2, "b")], &[DOCTOR]];
    let deletion: &[&[NameTask]] = &[&[delete(0)], &[change(0, "b", 0)], &[a], &[DOCTOR]];
    let both: &[&[NameTask]] = &[&[bc], &[b], &[sign_up(2, "c")], &[DOCTOR]];
    let other: &[&[NameTask]] = &[&[bc], &[rename(0, "bd", "a")], &[b]];
    vec![
        scenario("2 changes of one user to b, sign-up b, sign-up a, 1 copy", 3, 2, twice)
            .with_user(0, "a")
            .with_copies(1),
        scenario("detach b, attach b elsewhere, sign-up b, doctor, 1 copy", 3, 3, detach)
            .with_user(0, "ab")
            .with_user(1, "c")
            .with_copies(1),
        scenario("delete, change, sign-up a, doctor, 1 copy", 2, 2, deletion).with_user(0, "a").with_copies(1),
        scenario("change a to bc, sign-up b, sign-up c, doctor", 3, 3, both).with_user(0, "a"),
        scenario("2 changes of one user to bc and bd, sign-up b, 1 copy", 2, 4, other).with_user(0, "a").with_copies(1),
        scenario("one secret for b twice, sign-up b, 2 copies", 2, 2, &[&[secret], &[secret], &[b]])
            .with_user(0, "a")
            .with_secret_of(0)
            .with_copies(2),
    ]
}
