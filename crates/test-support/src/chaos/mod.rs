//! Storms: several real userd over one store, many clients that contend for the same few e-mail addresses, and
//! disruptions that kill and freeze processes. The recorded history is checked for linearizability.
//!
//! - `target` is the store, `disruptions` what can be done to it; `fleet` the userd processes; `disruptor` chooses.
//! - `clients` make calls over `wire`, with what they `known_accounts` together.
//! - `final_audit` looks up every user at the end; `statistics` counts.
//!
//! The checker is `linearizability`; how storms are run and what they must show is in `tests/it/faults/chaos.rs`.

mod clients;
pub mod disruptions;
pub mod disruptor;
mod final_audit;
mod fleet;
mod known_accounts;
mod statistics;
pub mod target;
mod wire;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;

use self::clients::{ChaosClient, ChaosContext};
use self::disruptor::{ChaosPlan, DisruptionCounts};
use self::final_audit::FinalAudit;
use self::fleet::UserdFleet;
use self::statistics::ChaosStatistics;
use self::target::ChaosTarget;
use crate::http_client::wait_for_status;
use crate::linearizability::checker::{HistoryFindings, check_history, check_history_with_reads_from};

/// Enough to contend for the same e-mail address and the same user all the time.
const CLIENTS: usize = 16;

/// How many e-mail addresses are contended for.
const EMAILS: usize = 12;

/// How long the clients continue after the last disruption.
const AFTERMATH: Duration = Duration::from_millis(500);

/// The result of a storm.
#[derive(Debug)]
pub struct ChaosReport {
    pub statistics: ChaosStatistics,
    pub disrupted: DisruptionCounts,
    pub judged: HistoryFindings,
    /// The same without look-ups during the storm, where a failover may undo what was seen but not acknowledged.
    pub lasting: Option<HistoryFindings>,
    pub final_audit: FinalAudit,
    pub contradictions: Vec<String>,
    pub blocked: Vec<String>,
    /// Answers that are not documented.
    pub wrong: Vec<String>,
    /// What the running userd logged with each 503.
    pub deferred_requests: Vec<String>,
    /// How long after the last disruption every userd was ready.
    pub ready_after: Duration,
}

/// Runs a storm over `target`.
pub async fn run_chaos(mut target: ChaosTarget, plan: ChaosPlan) -> ChaosReport {
    let members = target.members();
    let mut fleet = UserdFleet::start(target.launch(), members);
    let mut emails: BTreeSet<String> = (0..EMAILS).map(|number| format!("contested-{number}@example.org")).collect();
    let shared = Arc::new(ChaosContext::new(fleet.addresses(), emails.iter().cloned().collect()));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(ChaosClient::new(number, Arc::clone(&shared), members, plan.seed).run());
    }
    let raged = tokio::task::spawn_blocking(move || {
        let disrupted = disruptor::run_disruptions(plan, &mut fleet, &mut target);
        (fleet, target, disrupted)
    });
    let (fleet, target, disrupted) = raged.await.expect("everything could be started again");
    let disrupted_until = shared.recorder.now();
    for address in shared.addresses.all() {
        wait_for_status(address, "/health/ready", 200).await;
    }
    let ready_after = shared.recorder.now().saturating_sub(disrupted_until);
    tokio::time::sleep(AFTERMATH).await;
    shared.stop.store(true, Ordering::Relaxed);
    clients.join_all().await;
    let over = shared.recorder.now();
    final_audit::look_up_all(&shared, CLIENTS).await;
    let deferred_requests = fleet.deferred_requests();
    drop(fleet);
    let entries = shared.recorder.entries();
    let since = entries.partition_point(|entry| entry.called < over);
    emails.extend(entries.iter().filter_map(|entry| entry.call.wanted_email()).map(str::to_owned));
    let contradictions = target.contradictions();
    let store = target.store().await;
    let blocked = final_audit::find_blocked_emails(&*store, &emails).await;
    store.close().await;
    let statistics = ChaosStatistics::of(&entries[..since], &shared, over);
    let final_audit = final_audit::audit_final_state(&entries, since);
    let (spurious_taken, fails_over) = (target.spurious_taken(), target.fails_over());
    let verdicts = tokio::task::spawn_blocking(move || {
        let lasting = fails_over.then(|| check_history_with_reads_from(&entries, spurious_taken, over));
        (check_history(&entries, spurious_taken), lasting)
    });
    let (judged, lasting) = verdicts.await.expect("a verdict");
    let wrong = std::mem::take(&mut *shared.wrong.lock().expect("no client panicked"));
    ChaosReport {
        statistics,
        disrupted,
        judged,
        lasting,
        final_audit,
        contradictions,
        blocked,
        wrong,
        deferred_requests,
        ready_after,
    }
}

impl ChaosReport {
    /// There is no violation, and the storm could have caused one.
    pub fn assert_consistent(&self) {
        let violations = &self.lasting.as_ref().unwrap_or(&self.judged).violations;
        assert!(violations.is_empty(), "violations of linearizability\n{}", violations.join("\n"));
        assert_eq!(self.final_audit.lost, Vec::<String>::new(), "acknowledged and lost");
        assert_eq!(self.final_audit.resurrected, Vec::<String>::new(), "deleted and there");
        assert_eq!(self.final_audit.duplicated, Vec::<String>::new(), "e-mails of two users");
        assert_eq!(self.contradictions, Vec::<String>::new(), "the store contradicts itself");
        assert_eq!(self.blocked, Vec::<String>::new());
        self.assert_enough_activity();
    }

    /// Every answer was a documented one, and there were calls and disruptions.
    pub fn assert_enough_activity(&self) {
        assert_eq!(self.wrong, Vec::<String>::new(), "answers that should never be");
        assert!(self.statistics.acknowledged > 100, "{:?}: hardly anything happened", self.statistics);
        assert!(self.statistics.taken > 20, "{:?}: hardly any two clients wanted the same e-mail", self.statistics);
        assert!(self.disrupted.values().sum::<usize>() > 0, "nothing was disrupted");
    }

    /// Some calls never got a conclusive answer.
    pub fn assert_answers_were_lost(&self) {
        assert!(self.statistics.unknown > 0, "{:?}: no answer was lost", self.statistics);
    }

    /// The row of the table.
    pub fn row(&self, store: &str, plan: &ChaosPlan) -> Vec<(&'static str, String)> {
        let disrupted = |what: &str| self.disrupted.get(what).copied().unwrap_or_default();
        let frozen = disrupted("userd frozen") + disrupted("userd frozen past the deadline");
        let others: Vec<String> = self
            .disrupted
            .iter()
            .filter(|(what, _)| !what.starts_with("userd"))
            .map(|(what, n)| format!("{what} {n}"))
            .collect();
        let statistics = &self.statistics;
        let violations = match &self.lasting {
            Some(lasting) => format!("{} ({} with look-ups)", lasting.violations.len(), self.judged.violations.len()),
            None => self.judged.violations.len().to_string(),
        };
        vec![
            ("store", store.to_owned()),
            ("s", plan.duration.as_secs().to_string()),
            ("calls", statistics.calls.to_string()),
            ("writes acknowledged", statistics.acknowledged.to_string()),
            ("409", statistics.taken.to_string()),
            ("503", statistics.refused.to_string()),
            ("broken off", statistics.broken.to_string()),
            ("userd killed", disrupted("userd killed").to_string()),
            (
                "userd frozen (of these past the deadline)",
                format!("{frozen} ({})", disrupted("userd frozen past the deadline")),
            ),
            ("done to the store", if others.is_empty() { "—".to_owned() } else { others.join(", ") }),
            ("acknowledged users lost", self.final_audit.lost.len().to_string()),
            ("deleted users back", self.final_audit.resurrected.len().to_string()),
            ("e-mails doubled", self.final_audit.duplicated.len().to_string()),
            ("e-mails blocked", self.blocked.len().to_string()),
            ("contradictions", self.contradictions.len().to_string()),
            ("registers judged", self.judged.registers.to_string()),
            ("violations", violations),
            (
                "longest without a served write / read",
                format!("{} / {}", ms(statistics.write_gap), ms(statistics.read_gap)),
            ),
            ("all ready again after", ms(self.ready_after)),
            ("seed", plan.seed.to_string()),
        ]
    }
}

fn ms(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
