//! The checker of histories: valid histories pass, and each kind of violation is found and reported with its calls.
//! (Random histories are in `history_checker_random`.)

use std::time::Duration;

use userd_test_support::linearizability::checker::{
    HistoryFindings, SpuriousTaken, check_history, check_history_within,
};
use userd_test_support::linearizability::{CallOutcome, HistoryCall, HistoryEntry, ObservedUser};

const WITHIN_INTENT_LIFE: SpuriousTaken = SpuriousTaken::WhileOthersTry(Duration::from_secs(30));

/// A call from one millisecond to another.
pub(super) fn history_entry(from: u64, to: u64, call: HistoryCall, outcome: CallOutcome) -> HistoryEntry {
    let ms = Duration::from_millis;
    HistoryEntry { client: 0, call, called: ms(from), answered: ms(to), outcome }
}

pub(super) fn user(id: &str, version: u64, name: &str, email: &str) -> CallOutcome {
    CallOutcome::User(ObservedUser {
        id: id.to_owned(),
        version: Some(version),
        name: name.to_owned(),
        email: email.to_owned(),
    })
}

/// Signs up with password 0.
pub(super) fn sign_up(email: &str, name: &str) -> HistoryCall {
    HistoryCall::SignUp { email: email.to_owned(), name: name.to_owned(), password: 0 }
}

pub(super) fn by_email(email: &str) -> HistoryCall {
    HistoryCall::ByEmail { email: email.to_owned() }
}

pub(super) fn by_id(id: &str) -> HistoryCall {
    HistoryCall::ById { id: id.to_owned() }
}

fn change(id: &str, name: &str, email: &str) -> HistoryCall {
    HistoryCall::Change { id: id.to_owned(), name: name.to_owned(), email: email.to_owned(), password: 0 }
}

fn remove(id: &str) -> HistoryCall {
    HistoryCall::Remove { id: id.to_owned(), password: 0 }
}

pub(super) fn former_user(id: &str, name: &str, email: &str) -> CallOutcome {
    CallOutcome::User(ObservedUser { id: id.to_owned(), version: None, name: name.to_owned(), email: email.to_owned() })
}

fn assert_good(entries: &[HistoryEntry]) -> HistoryFindings {
    let findings = check_history(entries, WITHIN_INTENT_LIFE);
    assert_eq!(findings.violations, Vec::<String>::new());
    findings
}

/// The history is invalid, and the report has all of these words.
fn assert_bad(entries: &[HistoryEntry], words: &[&str]) {
    let findings = check_history(entries, WITHIN_INTENT_LIFE);
    assert!(!findings.violations.is_empty(), "{entries:?}");
    let report = findings.violations.join("\n");
    for word in words {
        assert!(report.contains(word), "{word:?} is not in:\n{report}");
    }
}

#[test]
fn a_history_of_sign_up_change_password_and_deletion_is_valid() {
    let password = HistoryCall::Password { id: "1".to_owned(), password: 0, new: 7 };
    let findings = assert_good(&[
        history_entry(0, 5, sign_up("a@x", "n1"), user("1", 1, "n1", "a@x")),
        history_entry(6, 8, by_email("a@x"), user("1", 1, "n1", "a@x")),
        history_entry(9, 12, change("1", "n2", "b@x"), user("1", 2, "n2", "b@x")),
        history_entry(13, 14, by_email("a@x"), CallOutcome::Missing),
        history_entry(15, 20, password, CallOutcome::Done),
        history_entry(21, 22, remove("1"), CallOutcome::WrongPassword),
        history_entry(23, 25, HistoryCall::Remove { id: "1".to_owned(), password: 7 }, former_user("1", "n2", "b@x")),
        history_entry(26, 27, by_id("1"), CallOutcome::Missing),
        history_entry(28, 29, sign_up("b@x", "n3"), user("2", 1, "n3", "b@x")),
    ]);
    assert_eq!(findings.registers, 4, "two e-mails and two users");
}

#[test]
fn what_overlaps_may_be_seen_in_either_order() {
    for seen in [CallOutcome::Missing, user("1", 1, "n1", "a@x")] {
        assert_good(&[
            history_entry(0, 10, sign_up("a@x", "n1"), user("1", 1, "n1", "a@x")),
            history_entry(5, 8, by_email("a@x"), seen),
        ]);
    }
    // Of two reads that overlap the write, the later one does not return the older state.
    assert_bad(
        &[
            history_entry(0, 20, sign_up("a@x", "n1"), user("1", 1, "n1", "a@x")),
            history_entry(5, 8, by_email("a@x"), user("1", 1, "n1", "a@x")),
            history_entry(9, 12, by_email("a@x"), CallOutcome::Missing),
        ],
        &["the e-mail a@x"],
    );
}

#[test]
fn a_lost_answer_may_have_happened_late_or_never() {
    let lost = history_entry(0, 5, sign_up("a@x", "n1"), CallOutcome::Unknown);
    let late = user("1", 1, "n1", "a@x");
    assert_good(&[
        lost.clone(),
        history_entry(6, 7, by_email("a@x"), CallOutcome::Missing),
        history_entry(90, 95, by_email("a@x"), late),
    ]);
    assert_good(&[lost.clone(), history_entry(40_000, 40_001, sign_up("a@x", "n2"), user("2", 1, "n2", "a@x"))]);
    let changed = user("1", 2, "n2", "b@x");
    assert_good(&[
        history_entry(0, 5, sign_up("a@x", "n1"), user("1", 1, "n1", "a@x")),
        history_entry(6, 7, change("1", "n2", "b@x"), CallOutcome::Unknown),
        history_entry(8, 9, by_email("a@x"), user("1", 1, "n1", "a@x")),
        history_entry(10, 11, by_email("b@x"), changed.clone()),
        history_entry(12, 13, by_email("a@x"), CallOutcome::Missing),
    ]);
    assert_bad(
        &[
            history_entry(0, 5, sign_up("a@x", "n1"), user("1", 1, "n1", "a@x")),
            history_entry(6, 7, change("1", "n2", "b@x"), CallOutcome::Unknown),
            history_entry(8, 9, by_email("b@x"), changed),
            history_entry(10, 11, by_email("b@x"), CallOutcome::Missing),
        ],
        &["the e-mail b@x", "fits no order"],
    );
}

#[test]
fn two_owners_of_one_email_are_found() {
    assert_bad(
        &[
            history_entry(0, 9, sign_up("a@x", "n1"), user("1", 1, "n1", "a@x")),
            history_entry(5, 12, sign_up("a@x", "n2"), user("2", 1, "n2", "a@x")),
        ],
        &["the e-mail a@x", "\"n1\"", "\"n2\"", "Take(\"2\")"],
    );
    // One of them is only read, by id.
    assert_bad(
        &[
            history_entry(0, 5, sign_up("a@x", "n1"), user("1", 1, "n1", "a@x")),
            history_entry(1, 2, sign_up("b@x", "n2"), user("2", 1, "n2", "b@x")),
            history_entry(6, 7, change("2", "n3", "a@x"), CallOutcome::Unknown),
            history_entry(8, 9, by_id("2"), user("2", 2, "n3", "a@x")),
        ],
        &["the e-mail a@x", "Owned(\"2\")"],
    );
}

#[test]
fn an_acknowledged_user_who_is_lost_is_found_by_either_key() {
    let signed_up = history_entry(0, 5, sign_up("a@x", "n1"), user("1", 1, "n1", "a@x"));
    assert_bad(&[signed_up.clone(), history_entry(6, 7, by_id("1"), CallOutcome::Missing)], &["the user 1", "no user"]);
    assert_bad(
        &[signed_up.clone(), history_entry(6, 7, by_email("a@x"), CallOutcome::Missing)],
        &["the e-mail a@x", "no user"],
    );
    assert_bad(
        &[signed_up, history_entry(6, 9, sign_up("a@x", "n2"), user("2", 1, "n2", "a@x"))],
        &["the e-mail a@x", "Take(\"2\")"],
    );
}

#[test]
fn a_resurrection_is_found() {
    assert_bad(
        &[
            history_entry(0, 5, sign_up("a@x", "n1"), user("1", 1, "n1", "a@x")),
            history_entry(6, 7, remove("1"), former_user("1", "n1", "a@x")),
            history_entry(8, 9, by_id("1"), user("1", 1, "n1", "a@x")),
        ],
        &["the user 1", "Gone", "the e-mail a@x"],
    );
}

#[test]
fn a_stale_read_after_an_acknowledged_write_is_found() {
    assert_bad(
        &[
            history_entry(0, 5, sign_up("a@x", "n1"), user("1", 1, "n1", "a@x")),
            history_entry(6, 7, change("1", "n2", "a@x"), user("1", 2, "n2", "a@x")),
            history_entry(8, 9, by_id("1"), user("1", 1, "n1", "a@x")),
        ],
        &["the user 1", "version: 2"],
    );
    let password = HistoryCall::Password { id: "1".to_owned(), password: 0, new: 7 };
    assert_bad(
        &[
            history_entry(0, 5, sign_up("a@x", "n1"), user("1", 1, "n1", "a@x")),
            history_entry(6, 7, password, CallOutcome::Done),
            history_entry(8, 9, remove("1"), former_user("1", "n1", "a@x")),
        ],
        &["the user 1", "delete 1"],
    );
}

#[test]
fn a_change_that_happened_twice_is_found() {
    assert_bad(
        &[
            history_entry(0, 5, sign_up("a@x", "n1"), user("1", 1, "n1", "a@x")),
            history_entry(6, 7, change("1", "n2", "a@x"), CallOutcome::Unknown),
            history_entry(8, 9, by_id("1"), user("1", 3, "n2", "a@x")),
        ],
        &["the user 1", "v3"],
    );
    assert_bad(
        &[
            history_entry(0, 5, sign_up("a@x", "n1"), CallOutcome::Unknown),
            history_entry(6, 7, by_email("a@x"), user("1", 1, "n1", "a@x")),
            history_entry(8, 9, by_id("2"), user("2", 1, "n1", "b@x")),
        ],
        &["one sign-up made two users, 1 and 2"],
    );
}

#[test]
fn taken_is_right_for_what_is_taken_and_while_others_try() {
    let taken = |from| history_entry(from, from + 1, sign_up("a@x", "n9"), CallOutcome::Taken);
    assert_bad(&[taken(5)], &["the e-mail a@x", "taken", "None"]);
    assert_good(&[history_entry(0, 1, sign_up("a@x", "n1"), user("1", 1, "n1", "a@x")), taken(5)]);
    // Both failed, each because of the other.
    let both = [history_entry(4, 7, sign_up("a@x", "n1"), CallOutcome::Taken), taken(5)];
    assert_eq!(assert_good(&both).excused, 2);
    // After an attempt without an answer, only as long as its intent may last.
    let lost = history_entry(0, 100, sign_up("a@x", "n1"), CallOutcome::Unknown);
    let gone = history_entry(60_000, 60_001, by_email("a@x"), CallOutcome::Missing);
    assert_good(&[lost.clone(), taken(30_099), gone.clone()]);
    // … or if it succeeded: no client can undo it without its id.
    assert_good(&[lost.clone(), taken(30_101)]);
    assert_bad(&[lost.clone(), taken(30_101), gone.clone()], &["the e-mail a@x", "taken"]);
    assert!(!check_history(&[lost, taken(30_099), gone], SpuriousTaken::Never).violations.is_empty());
}

#[test]
fn answers_without_a_call_that_explains_them_are_found() {
    assert_bad(&[history_entry(0, 1, by_id("1"), user("1", 1, "n1", "a@x"))], &["no sign-up made 1"]);
    let signed_up = history_entry(0, 5, sign_up("a@x", "n1"), user("1", 1, "n1", "a@x"));
    let foreign = history_entry(6, 7, by_email("b@x"), user("1", 1, "n1", "a@x"));
    assert_bad(&[signed_up, foreign], &["about another user"]);
}

#[test]
fn a_checker_out_of_budget_accepts_nothing() {
    let entries = [
        history_entry(0, 5, sign_up("a@x", "n1"), user("1", 1, "n1", "a@x")),
        history_entry(6, 7, by_id("1"), user("1", 1, "n1", "a@x")),
    ];
    let findings = check_history_within(&entries, WITHIN_INTENT_LIFE, 1);
    assert!(findings.violations.iter().any(|story| story.contains("undecided")), "{findings:?}");
}
