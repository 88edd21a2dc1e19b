//! A model checker of the protocols between shards.

mod explorer;
mod names;
mod replication;
mod shard;

pub use self::explorer::{Exploration, SearchBounds, Violation};
use shard::ShardFlaw as F;

/// temp
pub fn temp(sel: &str) {
    let bounds = SearchBounds { states_max: 3_000_000, time_max: std::time::Duration::from_secs(20) };
    let all = [shard::scenarios::secrets(), shard::scenarios::feed(), shard::scenarios::jobs()].concat();
      use replication::AcknowledgeMode::*;
    let show = |t: &str, r: Exploration| {
        println!("{t:60} {:9} {:7.2?} stores {} {:?} {:?} {}", r.states, r.elapsed, r.stores, r.tolerated, r.violation.as_ref().map(|v| &v.0), r.is_partial);
        if let Some((_, t)) = r.violation { for l in t { println!("       {l}"); } }
    };
    if sel == "fail" {
      for s in shard::scenarios::with_failover() { for mode in [Primary,Writes,WritesAndReads] {
        let r = explorer::explore(&s.clone().with_mode(mode), &bounds);
        show(&format!("{} {mode:?}", s.title), r);
      }}
    } else if sel == "flaws" {
        for flaw in [F::ConsumeThenEffect, F::UpdateWithoutNonce, F::RefusedRepeatTrusted, F::ExpiryByCaller, F::PutUnfenced, F::EventLater, F::AdvanceBeforeDelivery, F::AdvanceUnfenced, F::AdvanceOverAnything, F::CountedFences, F::TrimSilently, F::FinishUnfenced, F::PostedAgain, F::RemovedAtLease, F::AskForgotten, F::FinishBeforeDone] {
            let mut n = 0;
            let more: Vec<_> = shard::scenarios::with_failover().into_iter().flat_map(|s| [s.clone().with_mode(Primary), s.with_mode(Writes)]).collect();
            for s in all.iter().chain(&more) {
                let s = s.clone().with_flaw(flaw);
                let b = SearchBounds { states_max: 300_000, time_max: std::time::Duration::from_secs(5) };
                let r = explorer::explore(&s, &b);
                if let Some((v, t)) = r.violation { println!("{flaw:?} | {} {:?} | {} states {:.2?} trace {} | {} {}", s.title, s.mode, r.states, r.elapsed, t.len(), v.property, v.detail); n += 1; if n >= 2 {break;} }
            }
            if n == 0 { println!("{flaw:?} NOT CAUGHT"); }
        }
    } else {
    for s in all { if s.title.contains(sel) { show(s.title, explorer::explore(&s, &bounds)); } }
    }
}
