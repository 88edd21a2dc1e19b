//! A model checker of the protocols between shards.

mod explorer;
mod names;
mod replication;

pub use self::explorer::{Exploration, SearchBounds, Violation};
use names::NameFlaw as F;

/// temp
pub fn temp(sel: &str) -> Vec<(String, Exploration)> {
    let bounds = SearchBounds { states_max: 20_000_000, time_max: std::time::Duration::from_secs(200) };
    let all = [
        names::first_scenarios::all(),
        names::more_scenarios::several_names(),
        names::more_scenarios::given_ids(),
        names::more_scenarios::consumed_by_change(),
    ]
    .concat();
    if sel == "fail" {
        use replication::AcknowledgeMode::*;
        for s in [names::first_scenarios::with_failover(), names::more_scenarios::with_failover()].concat() {
            for (mode, failovers) in [(Primary, 1), (Writes, 1), (WritesAndReads, 1), (WritesAndReads, 2)] {
                let b = SearchBounds { states_max: 3_000_000, time_max: std::time::Duration::from_secs(20) };
                let r = explorer::explore(&names::failover::NameFailover { scenario: s.clone(), mode, failovers }, &b);
                println!(
                    "{:40} {mode:?} {failovers} {:9} {:7.2?} {:?} {:?} {}",
                    s.title, r.states, r.elapsed, r.tolerated, r.violation, r.is_partial
                );
            }
        }
        return vec![];
    }
    if sel == "flaws" {
        for flaw in [F::CommitForgetsReplaced, F::EditKeepsChange, F::IntentConsumes, F::CommitConsumesBlindly] {
            let mut n = 0;
            for s in &all {
                let s = s.clone().with_flaw(flaw);
                let b = SearchBounds { states_max: 200_000, time_max: std::time::Duration::from_secs(5) };
                let r = explorer::explore(&s, &b);
                if let Some((v, t)) = r.violation {
                    println!(
                        "{flaw:?} | {} | {} states {:.2?} trace {} | {} {}",
                        s.title,
                        r.states,
                        r.elapsed,
                        t.len(),
                        v.property,
                        v.detail
                    );
                    n += 1;
                    if n >= 3 {
                        break;
                    }
                }
            }
            if n == 0 {
                println!("{flaw:?} NOT CAUGHT");
            }
        }
        return vec![];
    }
    all.into_iter()
        .filter(|s| s.title.contains(sel))
        .map(|s| {
            let r = explorer::explore(&s, &bounds);
            println!("{:60} {:9} {:7.2?} stores {} {:?}", s.title, r.states, r.elapsed, r.stores, r.violation);
            (s.title.to_string(), r)
        })
        .collect()
}
