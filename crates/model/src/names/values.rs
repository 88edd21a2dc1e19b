//! Small values that a state is made of: sets of names, operation ids, pointers, stale claims. Each is one word.

use std::fmt::{Debug, Formatter, Result};

/// How many names a scenario has at most.
const NAME_COUNT: u8 = 4;
/// The same, as the length of an array.
pub(crate) const NAMES: usize = NAME_COUNT as usize;
/// The user of the recovery check; the users of a scenario come before.
pub(crate) const FRESH_USER: u8 = 3;
/// How many users a store has.
pub(crate) const USERS: usize = FRESH_USER as usize + 1;

/// A set of names, one bit each; written as letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub(crate) struct NameSet(pub(crate) u8);

impl NameSet {
    pub(crate) const EMPTY: Self = Self(0);

    pub(crate) fn one(name: u8) -> Self {
        Self(1 << name)
    }

    /// The names written as letters, such as `"ab"`.
    pub(crate) fn parse(letters: &str) -> Self {
        letters.bytes().fold(Self::EMPTY, |set, letter| set.union(Self::one(letter - b'a')))
    }

    pub(crate) fn contains(self, name: u8) -> bool {
        self.0 >> name & 1 == 1
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn first(self) -> Option<u8> {
        self.iter().next()
    }

    pub(crate) fn last(self) -> Option<u8> {
        self.iter().last()
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = u8> {
        (0..NAME_COUNT).filter(move |name| self.contains(*name))
    }
}

impl Debug for NameSet {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let letters: String = self.iter().map(letter).collect();
        write!(out, "{}", if letters.is_empty() { "-" } else { &letters })
    }
}

/// A name as a letter.
pub(crate) fn letter(name: u8) -> char {
    char::from(b'a' + name)
}

/// The names of a record, each with the operation id under which it was claimed; 0 where the record has it not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct NameOps(u16);

impl NameOps {
    /// All of `names` under one operation id.
    pub(crate) fn all(names: NameSet, op: u8) -> Self {
        names.iter().fold(Self::default(), |ops, name| ops.with(name, op))
    }

    pub(crate) fn get(self, name: u8) -> u8 {
        (self.0 >> (4 * name) & 15) as u8
    }

    pub(crate) fn with(self, name: u8, op: u8) -> Self {
        Self(self.0 & !(15 << (4 * name)) | u16::from(op) << (4 * name))
    }

    pub(crate) fn names(self) -> NameSet {
        (0..NAME_COUNT)
            .filter(|name| self.get(*name) != 0)
            .fold(NameSet::EMPTY, |set, name| set.union(NameSet::one(name)))
    }
}

impl Debug for NameOps {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let names: Vec<String> =
            self.names().iter().map(|name| format!("{}/{}", letter(name), self.get(name))).collect();
        write!(out, "{}", names.join("+"))
    }
}

/// The value of a claim: absent, or a user and an operation id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub(crate) struct HolderPointer(u8);

impl HolderPointer {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn new(user: u8, op: u8) -> Self {
        Self(user << 4 | op)
    }

    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn user(self) -> u8 {
        self.0 >> 4
    }

    pub(crate) fn op(self) -> u8 {
        self.0 & 15
    }
}

impl Debug for HolderPointer {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        if self.is_none() { write!(out, "none") } else { write!(out, "{}:{}", self.user(), self.op()) }
    }
}

/// A set of (name, operation id): the claims that a record may still have to release.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct StaleClaimSet(u64);

impl StaleClaimSet {
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn bit(name: u8, op: u8) -> u64 {
        1 << (16 * u64::from(name) + u64::from(op))
    }

    pub(crate) fn with(self, name: u8, op: u8) -> Self {
        Self(self.0 | Self::bit(name, op))
    }

    /// With all of `names` under one operation id.
    pub(crate) fn with_all(self, names: NameSet, op: u8) -> Self {
        names.iter().fold(self, |set, name| set.with(name, op))
    }

    pub(crate) fn without(self, name: u8, op: u8) -> Self {
        Self(self.0 & !Self::bit(name, op))
    }

    pub(crate) fn contains(self, name: u8, op: u8) -> bool {
        self.0 & Self::bit(name, op) != 0
    }

    pub(crate) fn first(self) -> Option<(u8, u8)> {
        let place = u8::try_from(self.0.trailing_zeros()).unwrap_or_default();
        (!self.is_empty()).then_some((place / 16, place % 16))
    }
}

impl Debug for StaleClaimSet {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let (mut rest, mut entries) = (*self, Vec::new());
        while let Some((name, op)) = rest.first() {
            entries.push(format!("{}/{op}", letter(name)));
            rest = rest.without(name, op);
        }
        write!(out, "[{}]", entries.join(" "))
    }
}
