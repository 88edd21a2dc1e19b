//! The register of one e-mail: free, or somebody's.

use std::marker::PhantomData;

use super::search::RegisterModel;

/// An act on one e-mail. Ids are borrowed from the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailOperation<'a> {
    /// A new user took it: it was free.
    Take(&'a str),
    /// A user moved here: it was free, or theirs already.
    Move(&'a str),
    /// A user is elsewhere now: if it was theirs, it is free.
    Leave(&'a str),
    /// A user who had it was removed.
    Free(&'a str),
    /// Somebody was seen with it.
    Owned(&'a str),
    /// Nobody was seen with it.
    Nobody,
    /// It was somebody's; not this user's, who was refused it.
    Taken(Option<&'a str>),
}

impl EmailOperation<'_> {
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Owned(_) | Self::Nobody | Self::Taken(_))
    }
}

/// Who has the e-mail.
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
            (EmailOperation::Nobody, None) => Some(None),
            (EmailOperation::Taken(who), Some(owner)) if who != Some(owner) => Some(Some(owner)),
            _ => None,
        }
    }
}
