//! The register of one e-mail address: free, or owned by a user.

use std::marker::PhantomData;

use super::search::RegisterModel;

/// An operation on one e-mail address. Ids are borrowed from the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailOperation<'a> {
    /// A new user took it: it was free.
    Take(&'a str),
    /// A user moved here: it was free, or theirs already.
    Move(&'a str),
    /// A user has another address now: if this was theirs, it is free.
    Leave(&'a str),
    /// A user who had it was deleted.
    Free(&'a str),
    /// A look-up found this user.
    Owned(&'a str),
    /// A look-up found no user.
    Unowned,
    /// It had an owner other than this user, whose request for it was rejected.
    Taken(Option<&'a str>),
}

impl EmailOperation<'_> {
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Owned(_) | Self::Unowned | Self::Taken(_))
    }
}

/// The owner of the e-mail address.
pub struct EmailRegister<'a>(PhantomData<&'a str>);

impl EmailRegister<'_> {
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'a> RegisterModel for EmailRegister<'a> {
    type State = Option<&'a str>;
    type Act = EmailOperation<'a>;

    fn apply(&self, state: &Self::State, act: &Self::Act) -> Option<Self::State> {
        match (*act, *state) {
            (EmailOperation::Take(id) | EmailOperation::Move(id), None) => Some(Some(id)),
            (EmailOperation::Move(id), Some(owner)) if owner == id => Some(Some(id)),
            (EmailOperation::Leave(id) | EmailOperation::Free(id), Some(owner)) if owner == id => Some(None),
            (EmailOperation::Leave(_), other) => Some(other),
            (EmailOperation::Owned(id), Some(owner)) if owner == id => Some(Some(owner)),
            (EmailOperation::Unowned, None) => Some(None),
            (EmailOperation::Taken(who), Some(owner)) if who != Some(owner) => Some(Some(owner)),
            _ => None,
        }
    }
}
