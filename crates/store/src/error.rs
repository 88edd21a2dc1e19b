//! Why a store could not do its work. Expected outcomes are values of the methods instead.

use std::error::Error as StdError;

/// Why a store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Lost, slow, full, read-only or overloaded: worth a retry later.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// The record at `key` can't be parsed. Other keys are not affected.
    #[error("the record at {key} can't be read")]
    Corrupt {
        /// Where the record is, for the operator; an e-mail in it is masked.
        key: String,
        /// What is wrong with it.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl StoreError {
    /// The store can't do its work now, because of `source`.
    pub fn unavailable(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }

    /// The record at `key` can't be parsed, because of `source`.
    pub fn corrupt(key: impl Into<String>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Corrupt { key: key.into(), source: source.into() }
    }
}
