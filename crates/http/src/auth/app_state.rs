//! The use cases as Rocket's managed state, which only this folder can name.

use rocket::{Build, Request, Rocket};

use crate::problem::{Problem, ProblemKind};
use userd_service::Services;

struct AppState(Services);

/// Manages the use cases.
pub(crate) fn manage_services(rocket: Rocket<Build>, services: Services) -> Rocket<Build> {
    rocket.manage(AppState(services))
}

/// The use cases that answer `request`.
pub(super) fn services<'r>(request: &'r Request<'_>) -> Result<&'r Services, Problem> {
    let state = request.rocket().state::<AppState>();
    state.map(|state| &state.0).ok_or_else(|| Problem::new(ProblemKind::Internal, "no services are managed"))
}
