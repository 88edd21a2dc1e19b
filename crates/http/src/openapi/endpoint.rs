//! An endpoint's description, derived from its handler's signature: each type of argument describes itself, so the
//! description can't omit a guard, a body or a condition.

use rocket::Route;
use rocket::http::Method;
use serde_json::Value;

use super::operation_doc::OperationDoc;
use crate::auth::{AccessRule, is_state_changing};
use crate::problem::ProblemKind;
use userd_core::PasswordPolicy;

/// A route and its description.
pub(crate) struct Endpoint {
    /// The method.
    pub(super) method: Method,
    /// The path in Rocket's syntax.
    pub(super) route: String,
    /// The description of the handler's arguments.
    pub(super) signature: HandlerSignature,
    /// What no type says.
    pub(super) doc: OperationDoc,
}

impl Endpoint {
    /// The endpoints of `routes`, all of which lead to `handler`.
    pub(crate) fn of<Args, H: DescribeHandler<Args>>(
        routes: Vec<Route>,
        _: &H,
        doc: fn() -> OperationDoc,
        policy: PasswordPolicy,
    ) -> Vec<Self> {
        let each = routes.into_iter().map(|route| {
            let state_changing = is_state_changing(route.method);
            let path_parameter_count = route.uri.path().split('/').filter(|segment| segment.starts_with('<')).count();
            let mut signature =
                HandlerSignature { policy, state_changing, path_parameter_count, ..HandlerSignature::default() };
            H::describe(&mut signature);
            Self { method: route.method, route: route.uri.path().to_owned(), signature, doc: doc() }
        });
        each.collect()
    }

    /// The path in OpenAPI's syntax, `/api/users/{id}`, with the names that the guards give to its parameters.
    pub(super) fn path(&self) -> String {
        let mut names = self.signature.path_names.iter();
        let segments = self.route.split('/').map(|segment| {
            if segment.starts_with('<') {
                format!("{{{}}}", names.next().copied().unwrap_or("unnamed"))
            } else {
                segment.to_owned()
            }
        });
        segments.collect::<Vec<_>>().join("/")
    }
}

/// The description of a handler's arguments.
#[derive(Default)]
pub(crate) struct HandlerSignature {
    /// The rules for new passwords.
    pub(crate) policy: PasswordPolicy,
    /// Whether the method may change state.
    pub(crate) state_changing: bool,
    /// The number of parameters in the path.
    pub(crate) path_parameter_count: usize,
    /// The names of the path's parameters, in order.
    pub(crate) path_names: Vec<&'static str>,
    /// Who may call it; `None`: every caller, without a guard.
    pub(super) rule: Option<AccessRule>,
    /// Parameters of path, query and headers.
    pub(crate) parameters: Vec<Value>,
    /// The accepted credentials; one is enough.
    pub(crate) security: Vec<Value>,
    /// The problems of the arguments.
    pub(crate) problems: Vec<ProblemKind>,
    /// The body.
    pub(crate) body: Option<BodySchema>,
}

/// The schema of a body.
pub(crate) struct BodySchema {
    /// Its name.
    pub(crate) name: &'static str,
    /// The schema itself.
    pub(crate) schema: Value,
    /// The fields that the body's type declares, and those that it reads: a test holds them equal.
    #[cfg_attr(not(test), expect(dead_code, reason = "only compared by a test"))]
    pub(crate) names: (Vec<&'static str>, Vec<&'static str>),
}

/// A type of a handler's argument that describes itself.
pub(crate) trait Describe {
    /// Adds its description to `signature`.
    fn describe(signature: &mut HandlerSignature);
}

/// A function whose arguments all describe themselves.
pub(crate) trait DescribeHandler<Args> {
    /// Adds their descriptions to `signature`, in order.
    fn describe(signature: &mut HandlerSignature);
}

macro_rules! handlers {
    ($(($($part:ident),*)),* $(,)?) => {$(
        impl<H: Fn($($part),*) -> Output, Output, $($part: Describe),*> DescribeHandler<($($part,)*)> for H {
            fn describe(signature: &mut HandlerSignature) {
                let _ = &signature;
                $($part::describe(signature);)*
            }
        }
    )*};
}

handlers![(), (A), (A, B), (A, B, C), (A, B, C, D), (A, B, C, D, E)];
