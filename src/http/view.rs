//! The user as the outside sees them. Written by hand: a new field of a user stays inside until it is let
//! out here.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::domain::User;

/// `{"id","name","email","created_at","updated_at"}`; the e-mail as the person wrote it.
pub(super) struct UserView<'a>(pub(super) &'a User);

impl Serialize for UserView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(user) = self;
        let mut view = serializer.serialize_struct("User", 5)?;
        view.serialize_field("id", &Text(&user.id))?;
        view.serialize_field("name", user.name.as_str())?;
        view.serialize_field("email", user.email.as_written())?;
        view.serialize_field("created_at", &Text(&user.created_at))?;
        view.serialize_field("updated_at", &Text(&user.updated_at))?;
        view.end()
    }
}

/// A value by its `Display` text, without a `String` on the way.
pub(super) struct Text<'a, T>(pub(super) &'a T);

impl<T: std::fmt::Display> Serialize for Text<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}
