//! The broken variants of the name protocol, each with a scenario in which it must be caught.

use super::rules::NameFlaw;
use super::scenario::NameScenario;
use super::{first_scenarios, more_scenarios};

/// A flaw, what is left out, and the scenario.
type BrokenVariant = (NameFlaw, &'static str, &'static str);

/// Those of the first specification.
const FIRST: [BrokenVariant; 11] = [
    (NameFlaw::TakeoverWithoutAbort, "a take-over does not abort the overdue intent", "2 sign-ups, 1 copy"),
    (NameFlaw::ClaimExpires, "a claim expires until its commit", "2 sign-ups, 1 copy"),
    (NameFlaw::CommitWithoutIntent, "a commit needs no live intent", "2 sign-ups, 1 copy"),
    (NameFlaw::CommitBeforeClaim, "the commit comes before the claim", "2 sign-ups, 1 copy"),
    (NameFlaw::AbortDeletes, "an abort by others leaves no tombstone", "2 sign-ups, 1 copy"),
    (NameFlaw::DeleteRemoves, "a deletion leaves no tombstone", "sign-up then delete, a rival, 2 copies"),
    (NameFlaw::TombstoneExpires, "tombstones expire before the last copy", "2 sign-ups, 1 copy"),
    (
        NameFlaw::OwnClaimOverwritten,
        "a claim of the same user is overwritten",
        "2 changes of one user to b, sign-up b, 1 copy",
    ),
    (NameFlaw::ReleaseByUser, "a release does not compare the operation id", "there and back, sign-up a, 1 copy"),
    (
        NameFlaw::BlindAbort,
        "an abort does not ask whether it was committed",
        "same sign-up by 2 instances, a rival, 1 copy",
    ),
    (NameFlaw::IntendWithoutVersion, "the intent of a change compares no version", "change a to b, sign-up b, 1 copy"),
];

/// Those of several names, given ids, and secrets that a change consumes.
const MORE: [BrokenVariant; 16] = [
    (NameFlaw::ImportFixedOp, "every attempt of an import has one operation id", "import, again, sign-up a, 1 copy"),
    (
        NameFlaw::ImportClockBack,
        "the clock of operation ids is set back after the tombstone expired",
        "imports with other content, sign-up a",
    ),
    (
        NameFlaw::ImportCommitAnyOp,
        "the commit of an import does not compare the operation id",
        "import, again, sign-up a, 1 copy",
    ),
    (
        NameFlaw::DeleteUncompared,
        "the deletion of a user with a given id does not compare the version",
        "import, delete, import, sign-up a, 1 copy",
    ),
    (
        NameFlaw::ConfirmFreshId,
        "each confirmation of a waiting sign-up takes an id of its own",
        "confirm, delete, confirm again, 2 copies",
    ),
    (
        NameFlaw::CommitAfterFirstClaim,
        "the commit follows the first of several claims",
        "sign-up ab, sign-up a, sign-up b",
    ),
    (NameFlaw::AbortFirstOnly, "an abort gives back the first name only", "requests that end leave nothing"),
    (NameFlaw::ResolveFirstOnly, "resolve knows the first name only", "attach b, sign-up bc, 1 copy"),
    (
        NameFlaw::ResolveAbortsOneName,
        "resolve aborts one name of an overdue change",
        "change a to bc, sign-up b, sign-up c",
    ),
    (
        NameFlaw::ClaimInRequestOrder,
        "names are claimed in the order of the request",
        "2 sign-ups ab, no deadline passes",
    ),
    (
        NameFlaw::CommitForgetsReplaced,
        "a commit forgets all but the first replaced name",
        "requests that end leave nothing of 2 replaced names",
    ),
    (
        NameFlaw::EditKeepsChange,
        "an edit does not supersede the change in flight",
        "an edit supersedes an attach, sign-up b, 1 copy",
    ),
    (
        NameFlaw::EditUncompared,
        "an edit does not compare the version",
        "detach b and attach it again, sign-up b, 1 copy",
    ),
    (
        NameFlaw::DetachReleasesFirst,
        "a claim is released before the record gives the name up",
        "detach b, delete, sign-up b, 1 copy",
    ),
    (NameFlaw::IntentConsumes, "the intent of a change consumes the secret", "one secret for b and for c, 1 copy"),
    (
        NameFlaw::CommitConsumesBlindly,
        "the commit of a change does not look at the secret",
        "one secret for b and for c, 1 copy",
    ),
];

/// Each variant: what is left out, and the scenario.
pub(crate) fn all() -> Vec<(&'static str, NameScenario)> {
    let mut scenarios = first_scenarios::all();
    scenarios.extend(more_scenarios::several_names());
    scenarios.extend(more_scenarios::given_ids());
    scenarios.extend(more_scenarios::consumed_by_change());
    let find = |title: &str| scenarios.iter().find(|scenario| scenario.title == title).cloned();
    let variants = FIRST.iter().chain(&MORE);
    variants.filter_map(|(flaw, text, title)| Some((*text, find(title)?.with_flaw(*flaw)))).collect()
}
