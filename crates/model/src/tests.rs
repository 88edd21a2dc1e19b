//! The smaller cases as tests; and that the search itself finds what there is.

use std::time::Duration;

use crate::explorer::{PropertyViolation, SearchBounds, TransitionModel, explore, violated};
use crate::names::failover::NameFailover;
use crate::names::{broken, first_scenarios};
use crate::replication::AcknowledgeMode;
use crate::{CaseExpectation, all_cases, shard};

const BOUNDS: SearchBounds = SearchBounds { states_max: 3_000_000, time_max: Duration::from_secs(120) };

/// The states and distinct stores of the first specification, counted by its model in Python after that forgot, as this
/// one does, what a client does not need any more. Equal numbers say that both have the same steps.
const SPECIFICATION: [(&str, usize, usize); 28] = [
    ("3 sign-ups, one name", 6_320, 132),
    ("2 sign-ups, 1 copy", 1_539, 32),
    ("2 sign-ups, 2 copies", 6_231, 33),
    ("same sign-up by 2 instances, a rival, 1 copy", 16_503, 33),
    ("3 sign-ups, 1 copy", 78_363, 135),
    ("change a to b, sign-up b, sign-up a", 1_960, 111),
    ("change a to b, sign-up b, 1 copy", 1_116, 33),
    ("change a to b, sign-up b, 2 copies", 4_746, 34),
    ("swap, 1 copy", 304, 9),
    ("swap, sign-up a", 539, 27),
    ("2 changes of one user to b, sign-up b, 1 copy", 62_767, 71),
    ("changes of one user to b and c, sign-up b", 3_514, 243),
    ("change a to b, sign-up b, sign-up a, 1 copy", 21_831, 123),
    ("swap, sign-up a, 2 copies", 19_719, 27),
    ("1 from b to c, 0 from a to b, sign-up a, 1 copy", 11_379, 100),
    ("there and back, sign-up a, 1 copy", 3_912, 58),
    ("there and back, sign-up a, sign-up b", 5_410, 210),
    ("there and back by 2 clients, 2 copies", 43_711, 61),
    ("there and back, sign-up a, sign-up b, 1 copy", 85_295, 243),
    ("delete, change a to b, sign-up a, 1 copy", 13_079, 91),
    ("delete, delete, sign-up a, 1 copy", 2_340, 20),
    ("sign-up then delete, a rival, 2 copies", 12_560, 53),
    ("sign-up, a rival, doctor", 2_703, 33),
    ("sign-up, doctor, 2 copies", 885, 7),
    ("change a to b, sign-up b, doctor", 3_406, 49),
    ("change a to b, doctor, 1 copy", 852, 11),
    ("delete, change, sign-up a, doctor", 40_382, 141),
    ("delete, sign-up a, doctor", 1_128, 23),
];

/// The states of the specification's failover scenarios: waiting for nothing, for writes, for writes and reads with one
/// failover, and with two. `None`: its model in Python did not get to the end.
const FAILOVER_SPECIFICATION: [(&str, [Option<usize>; 4]); 8] = [
    ("2 sign-ups, one name", [Some(4603), Some(435), Some(230), Some(345)]),
    ("3 sign-ups, one name", [None, Some(20_366), Some(4916), Some(7374)]),
    ("change a to b, sign-up b", [Some(8785), Some(535), Some(320), Some(480)]),
    ("delete, sign-up a", [Some(1277), Some(208), Some(186), Some(279)]),
    ("change a to b, sign-up a", [Some(5437), Some(316), Some(296), Some(444)]),
    ("change a to b, sign-up b, sign-up a", [None, Some(5561), Some(3382), Some(5073)]),
    ("2 changes of one user", [Some(15_008), Some(898), Some(717), Some(1075)]),
    ("there and back, sign-up a", [Some(72_075), Some(1156), Some(772), Some(1158)]),
];

/// Runs all cases of a part that are not long.
fn check_part(part: &str) {
    let cases: Vec<_> = all_cases().into_iter().filter(|case| case.part == part && !case.is_long).collect();
    assert!(!cases.is_empty(), "no case of {part}");
    for case in cases {
        let exploration = case.run(&BOUNDS);
        assert!(!exploration.is_partial, "{}: {} states are not all", case.title, exploration.states);
        assert!(case.is_as_expected(&exploration), "{}: {:#?}", case.title, exploration.violation);
    }
}

#[test]
fn the_steps_of_one_name_reach_the_states_of_the_specification() {
    let scenarios = first_scenarios::all();
    assert_eq!(scenarios.len(), SPECIFICATION.len());
    for (scenario, (title, states, stores)) in scenarios.iter().zip(SPECIFICATION) {
        let exploration = explore(scenario, &BOUNDS);
        assert_eq!(exploration.violation, None, "{title}");
        assert_eq!((scenario.title, exploration.states, exploration.stores), (title, states, stores));
    }
}

#[test]
fn failovers_reach_the_states_of_the_specification() {
    let all = AcknowledgeMode::WritesAndReads;
    let runs = [(AcknowledgeMode::Primary, 1), (AcknowledgeMode::Writes, 1), (all, 1), (all, 2)];
    for (scenario, (title, states)) in first_scenarios::with_failover().into_iter().zip(FAILOVER_SPECIFICATION) {
        assert_eq!(scenario.title, title);
        for ((mode, failovers), states) in runs.into_iter().zip(states) {
            let Some(states) = states else { continue };
            let exploration = explore(&NameFailover { scenario: scenario.clone(), mode, failovers }, &BOUNDS);
            assert_eq!((exploration.violation, exploration.states), (None, states), "{title}, {mode:?}, {failovers}");
        }
    }
}

#[test]
fn several_names_of_a_user_keep_all_invariants() {
    check_part("several names");
}

#[test]
fn given_ids_keep_all_invariants() {
    check_part("given ids");
}

#[test]
fn lost_answers_keep_all_invariants() {
    check_part("lost answers");
}

#[test]
fn a_secret_consumed_by_a_change_of_names_has_one_effect() {
    check_part("secret and name");
}

#[test]
fn a_secret_consumed_by_an_edit_has_one_effect() {
    check_part("secrets");
}

#[test]
fn every_event_is_seen_and_in_order() {
    check_part("feed");
}

#[test]
fn every_job_is_done_and_stays_finished() {
    check_part("jobs");
}

#[test]
fn a_failover_loses_only_what_the_mode_does_not_promise() {
    check_part("failover");
}

#[test]
fn every_broken_variant_is_caught() {
    let broken_variants = all_cases().iter().filter(|case| case.expected == CaseExpectation::IsCaught).count();
    assert_eq!(broken_variants, 45);
    assert_eq!((broken::all().len(), shard::broken::all().len()), (27, 17), "a scenario was renamed");
    check_part("broken");
}

/// Two counters that are raised by turns; which pairs are allowed is the property.
struct CounterPair {
    forbidden: (u8, u8),
}

impl TransitionModel for CounterPair {
    type State = (u8, u8);
    type Move = &'static str;
    type Remains = u8;

    fn initial(&self) -> (u8, u8) {
        (0, 0)
    }

    fn successors(&self, state: &(u8, u8), next: &mut Vec<(&'static str, (u8, u8))>) {
        if state.0 < 3 {
            next.push(("first", (state.0 + 1, state.1)));
        }
        if state.1 < 3 {
            next.push(("second", (state.0, state.1 + 1)));
        }
    }

    fn check_move(&self, _: &(u8, u8), _: &&'static str, _: &(u8, u8)) -> Result<(), PropertyViolation> {
        Ok(())
    }

    fn check_state(&self, state: &(u8, u8)) -> Result<(), PropertyViolation> {
        if *state == self.forbidden { violated("allowed", format!("{state:?}")) } else { Ok(()) }
    }

    fn remains(&self, state: &(u8, u8)) -> Option<u8> {
        Some(state.0)
    }

    fn check_recovery(&self, _: &u8) -> Result<(), PropertyViolation> {
        Ok(())
    }
}

#[test]
fn a_search_sees_every_state_once() {
    let exploration = explore(&CounterPair { forbidden: (9, 9) }, &BOUNDS);
    assert_eq!((exploration.states, exploration.stores, exploration.is_partial), (16, 4, false));
    assert_eq!(exploration.violation, None);
}

#[test]
fn a_violation_comes_with_a_shortest_trace() {
    let exploration = explore(&CounterPair { forbidden: (2, 1) }, &BOUNDS);
    let (violation, trace) = exploration.violation.expect("the forbidden state is reached");
    assert_eq!((violation.property, violation.detail.as_str()), ("allowed", "(2, 1)"));
    assert_eq!(trace.len(), 3);
}

#[test]
fn a_bound_makes_the_result_partial() {
    let exploration = explore(&CounterPair { forbidden: (9, 9) }, &SearchBounds { states_max: 5, ..BOUNDS });
    assert!(exploration.is_partial);
}
