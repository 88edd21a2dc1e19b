//! The protocol, and its broken variants: each leaves one guard out, and the model must find what goes wrong then.

/// A guard that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameFlaw {
    /// An overdue claim is taken over without first aborting the old intent.
    TakeoverWithoutAbort,
    /// A claim expires until its commit.
    ClaimExpires,
    /// A commit needs no live intent.
    CommitWithoutIntent,
    /// The commit comes before the claim.
    CommitBeforeClaim,
    /// An abort by others deletes the record instead of leaving a tombstone.
    AbortDeletes,
    /// A deletion removes the record instead of leaving a tombstone.
    DeleteRemoves,
    /// Tombstones expire while late copies may still arrive.
    TombstoneExpires,
    /// A claim of the same user is overwritten without resolve.
    OwnClaimOverwritten,
    /// A release compares the user, but not the operation id.
    ReleaseByUser,
    /// An abort does not ask the record whether the operation was committed.
    BlindAbort,
    /// The intent of a change is no compare-and-set on the version.
    IntendWithoutVersion,
    /// Every attempt of an import has the same operation id.
    ImportFixedOp,
    /// The clock that operation ids of imports come from is set back once the tombstone has expired.
    ImportClockBack,
    /// The commit of an import does not compare the operation id.
    ImportCommitAnyOp,
    /// The deletion of a user with a given id does not compare the version.
    DeleteUncompared,
    /// Each confirmation of a waiting sign-up takes an id of its own.
    ConfirmFreshId,
    /// The commit follows the first of several claims.
    CommitAfterFirstClaim,
    /// An abort gives back only the first of several names.
    AbortFirstOnly,
    /// Resolve knows only the first name of an operation.
    ResolveFirstOnly,
    /// Resolve takes only the name that was asked for out of an overdue change.
    ResolveAbortsOneName,
    /// The names of an operation are claimed in the order of the request.
    ClaimInRequestOrder,
    /// A commit puts only the first of the replaced names on the stale claims.
    CommitForgetsReplaced,
    /// An edit does not supersede the change in flight.
    EditKeepsChange,
    /// An edit does not compare the version.
    EditUncompared,
    /// The claim of a name is released before the record gives the name up.
    DetachReleasesFirst,
    /// The intent of a change consumes the secret.
    IntentConsumes,
    /// The commit of a change does not look whether the secret is still there: it may have expired.
    CommitConsumesBlindly,
}

/// The rules of a run: the protocol, or one of its broken variants.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NameRules {
    /// The guard that is left out.
    pub(crate) flaw: Option<NameFlaw>,
}

impl NameRules {
    pub(crate) fn lacks(self, flaw: NameFlaw) -> bool {
        self.flaw == Some(flaw)
    }
}
