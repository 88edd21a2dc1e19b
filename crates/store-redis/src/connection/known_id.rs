//! The id of the store that this process serves, once it is known. Plain data; does no I/O.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::{Mutex, MutexGuard};

/// An id, and how far the store is marked with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoreId {
    /// The id.
    pub(super) text: String,
    /// Every shard has it. Until then a shard without it proves nothing.
    pub(super) is_complete: bool,
}

/// The id of the store that all servers have to have.
#[derive(Default)]
pub(super) struct KnownId {
    id: ArcSwapOption<StoreId>,
    establishing: Mutex<()>,
}

impl KnownId {
    /// The id, if it is known.
    pub(super) fn get(&self) -> Option<Arc<StoreId>> {
        self.id.load_full()
    }

    /// Whether nothing is left to establish.
    pub(super) fn is_complete(&self) -> bool {
        self.id.load().as_ref().is_some_and(|id| id.is_complete)
    }

    /// Remembers the id.
    pub(super) fn set(&self, id: StoreId) {
        self.id.store(Some(Arc::new(id)));
    }

    /// Forgets the id: the store was emptied, and the operator allows that.
    pub(super) fn forget(&self) {
        self.id.store(None);
    }

    /// Only one connection at a time establishes the id.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.establishing.lock().await
    }
}
