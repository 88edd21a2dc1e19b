//! All cases that `make model` runs: what is explored, and what has to come out.

use crate::explorer::{SearchBounds, SearchReport, TransitionModel, explore};
use crate::names::failover::NameFailover;
use crate::names::{NameScenario, first_scenarios, more_scenarios};
use crate::replication::AcknowledgeMode;
use crate::{names, shard};

/// What has to come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseExpectation {
    /// Every property holds (with replication: every property that this mode promises).
    Holds,
    /// A guard is left out: a violation has to be found.
    IsCaught,
}

/// One thing to explore.
pub struct ModelCase {
    /// The part of the protocol.
    pub part: &'static str,
    /// Who does what; of a broken variant, what is left out.
    pub title: String,
    /// What has to come out.
    pub expected: CaseExpectation,
    /// Whether it is one of the larger ones, for `--long`.
    pub is_long: bool,
    run: Box<dyn Fn(&SearchBounds) -> SearchReport + Send + Sync>,
}

impl ModelCase {
    fn new<M>(part: &'static str, title: impl Into<String>, expected: CaseExpectation, model: M) -> Self
    where
        M: TransitionModel + Send + Sync + 'static,
    {
        let run = Box::new(move |bounds: &SearchBounds| explore(&model, bounds));
        Self { part, title: title.into(), expected, is_long: false, run }
    }

    fn holds<M: TransitionModel + Send + Sync + 'static>(part: &'static str, title: &str, model: M) -> Self {
        Self::new(part, title, CaseExpectation::Holds, model)
    }

    /// Explores it.
    #[must_use]
    pub fn run(&self, bounds: &SearchBounds) -> SearchReport {
        (self.run)(bounds)
    }

    /// Whether what came out is what has to.
    #[must_use]
    pub fn is_as_expected(&self, exploration: &SearchReport) -> bool {
        exploration.violation.is_some() == (self.expected == CaseExpectation::IsCaught)
    }
}

/// All cases, the larger ones last.
#[must_use]
pub fn all_cases() -> Vec<ModelCase> {
    let mut cases = protocol_cases();
    cases.extend(replicated_cases());
    cases.extend(broken_cases());
    cases.extend(long_cases());
    cases
}

fn protocol_cases() -> Vec<ModelCase> {
    let names: [(&'static str, Vec<NameScenario>); 5] = [
        ("one name", first_scenarios::all()),
        ("several names", more_scenarios::several_names()),
        ("given ids", more_scenarios::given_ids()),
        ("lost answers", more_scenarios::lost_answers()),
        ("secret and name", more_scenarios::consumed_by_change()),
    ];
    let shards = [
        ("secrets", shard::scenarios::secrets()),
        ("feed", shard::scenarios::feed()),
        ("jobs", shard::scenarios::jobs()),
    ];
    let names = names.into_iter().flat_map(|(part, all)| all.into_iter().map(move |one| (part, one)));
    let shards = shards.into_iter().flat_map(|(part, all)| all.into_iter().map(move |one| (part, one)));
    names
        .map(|(part, one)| ModelCase::holds(part, one.title, one))
        .chain(shards.map(|(part, one)| ModelCase::holds(part, one.title, one)))
        .collect()
}

fn replicated_cases() -> Vec<ModelCase> {
    let all = AcknowledgeMode::WritesAndReads;
    let runs = [(AcknowledgeMode::Primary, 1), (AcknowledgeMode::Writes, 1), (all, 1), (all, 2)];
    let mut cases = Vec::new();
    for scenario in first_scenarios::with_failover().into_iter().chain(more_scenarios::with_failover()) {
        for (mode, failovers) in runs {
            let title = format!("{}; {}, failovers: {failovers}", scenario.title, mode.title());
            cases.push(ModelCase::holds(
                "failover",
                &title,
                NameFailover { scenario: scenario.clone(), mode, failovers },
            ));
        }
    }
    for scenario in shard::scenarios::with_failover() {
        for (mode, failovers) in runs {
            let title = format!("{}; {}, failovers: {failovers}", scenario.title, mode.title());
            let case = ModelCase::holds("failover", &title, scenario.clone().with_mode(mode, failovers));
            cases.push(ModelCase { is_long: failovers > 1, ..case });
        }
    }
    cases
}

fn broken_cases() -> Vec<ModelCase> {
    let caught = CaseExpectation::IsCaught;
    let mut cases = Vec::new();
    cases.extend(names::broken::all().into_iter().map(|(text, one)| ModelCase::new("broken", text, caught, one)));
    cases.extend(shard::broken::all().into_iter().map(|(text, one)| ModelCase::new("broken", text, caught, one)));
    let text = "a repeat is acknowledged for what it read, without waiting for the replica";
    let scenario = more_scenarios::confirmed_twice();
    let unwaited = NameFailover { scenario, mode: AcknowledgeMode::Writes, failovers: 1 };
    cases.push(ModelCase::new("broken", text, caught, unwaited));
    cases
}

fn long_cases() -> Vec<ModelCase> {
    let names = more_scenarios::larger().into_iter().map(|one| ModelCase::holds("long", one.title, one));
    let shards = shard::scenarios::larger().into_iter().map(|one| ModelCase::holds("long", one.title, one));
    names.chain(shards).map(|case| ModelCase { is_long: true, ..case }).collect()
}
