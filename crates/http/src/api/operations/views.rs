//! The view of both health checks.

use crate::api::prelude::*;

/// The health of the process.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(super) struct HealthView {
    /// `live` or `ready`.
    pub(super) status: &'static str,
}
