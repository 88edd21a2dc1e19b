//! The broken variants of what one shard keeps, each with a scenario in which it must be caught.

use crate::replication::AcknowledgeMode;

use super::scenario::ShardScenario;
use super::scenarios;
use super::store::ShardFlaw;

/// A flaw, what is left out, and the scenario.
type BrokenVariant = (ShardFlaw, &'static str, &'static str);

const ALL: [BrokenVariant; 16] = [
    (
        ShardFlaw::ConsumeThenEffect,
        "a secret is consumed in one step, and has its effect in another",
        "one secret, 2 requests, 1 lost answer, 1 copy",
    ),
    (
        ShardFlaw::UpdateWithoutNonce,
        "a change does not recognise its own repeat",
        "one secret, 2 requests, 1 lost answer, 1 copy",
    ),
    (
        ShardFlaw::RefusedRepeatTrusted,
        "a refused repeat counts as proof that nothing happened",
        "one secret, an edit, 2 lost answers",
    ),
    (
        ShardFlaw::ExpiryByCaller,
        "the caller's clock decides whether a secret has expired",
        "one secret, expiry, deletion, 1 copy",
    ),
    (
        ShardFlaw::PutUnfenced,
        "a secret is handed out without comparing the version",
        "a secret is handed out, 2 requests, 2 copies",
    ),
    (ShardFlaw::EventLater, "the event is appended in a step of its own", "2 writers, 2 readers"),
    (ShardFlaw::AdvanceBeforeDelivery, "the position is advanced before the delivery", "2 writers, 2 readers"),
    (ShardFlaw::AdvanceUnfenced, "the position is set without fence and comparison", "2 writers, 2 readers"),
    (ShardFlaw::TrimSilently, "what is trimmed is passed without a gap", "2 writers, 2 readers, 2 trims"),
    (
        ShardFlaw::SetAsideAlone,
        "an event is set aside, and later ones of its user are delivered",
        "2 writers, 2 readers, an event is set aside",
    ),
    (ShardFlaw::CountedFences, "fences begin again with each posting", "a job is posted twice, 2 workers, 1 copy"),
    (ShardFlaw::FinishUnfenced, "a job is finished without a fence", "a job is posted twice, 2 workers, 1 copy"),
    (
        ShardFlaw::PostedAgain,
        "a late copy of a change posts its job again",
        "a change posts a job, 2 workers, 2 copies",
    ),
    (ShardFlaw::RemovedAtLease, "a job is removed when it is leased", "a change posts a job, 2 workers, 2 copies"),
    (
        ShardFlaw::AskForgotten,
        "the row of a request is deleted with its job",
        "a request without a user, 2 workers, 2 copies",
    ),
    (ShardFlaw::FinishBeforeDone, "a job is finished before it is done", "a change posts a job, 2 workers, 2 copies"),
];

/// Each variant: what is left out, and the scenario.
pub(crate) fn all() -> Vec<(&'static str, ShardScenario)> {
    let all = [scenarios::secrets(), scenarios::feed(), scenarios::jobs()].concat();
    let find = |title: &str| all.iter().find(|scenario| scenario.title == title).cloned();
    let variants = ALL.iter().filter_map(|(flaw, text, title)| Some((*text, find(title)?.with_flaw(*flaw))));
    // This one needs a failover: the entry that a node has delivered is forgotten.
    let failover = scenarios::with_failover().into_iter().filter(|scenario| scenario.title == "2 writers, 2 readers");
    let over = failover.map(|scenario| {
        let scenario = scenario.with_mode(AcknowledgeMode::Writes, 1).with_flaw(ShardFlaw::AdvanceOverAnything);
        ("the entry that the position moves over need not be there", scenario)
    });
    variants.chain(over).collect()
}
