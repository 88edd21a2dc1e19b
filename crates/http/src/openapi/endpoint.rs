//! An endpoint as its handler's signature describes it. Each argument's type describes itself, so a guard, a body or a
//! condition can't be missing in the description.

use rocket::Route;
use rocket::http::Method;
use utoipa::openapi::path::{HttpMethod, Parameter};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::SecurityRequirement;

use super::operation_doc::OperationDoc;
use crate::auth::AccessRule;
use crate::problem::ProblemKind;
use userd_core::PasswordPolicy;

/// A route and its description.
pub(crate) struct Endpoint {
    /// The method, as Rocket has it.
    pub(super) method: Method,
    /// The path, as Rocket has it.
    pub(super) route: String,
    /// What its arguments describe.
    pub(super) signature: HandlerSignature,
    /// The rest.
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
            let state_changing = !matches!(route.method, Method::Get | Method::Head | Method::Options);
            let path_parameter_count = route.uri.path().split('/').filter(|segment| segment.starts_with('<')).count();
            let mut signature =
                HandlerSignature { policy, state_changing, path_parameter_count, ..HandlerSignature::default() };
            H::describe(&mut signature);
            Self { method: route.method, route: route.uri.path().to_owned(), signature, doc: doc() }
        });
        each.collect()
    }

    /// The path with named parameters, `/api/users/{id}`. The guards give the names, in order.
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

    /// The method in OpenAPI, which has no others.
    pub(super) fn http_method(&self) -> Option<HttpMethod> {
        Some(match self.method {
            Method::Get => HttpMethod::Get,
            Method::Put => HttpMethod::Put,
            Method::Post => HttpMethod::Post,
            Method::Delete => HttpMethod::Delete,
            Method::Patch => HttpMethod::Patch,
            Method::Head => HttpMethod::Head,
            Method::Options => HttpMethod::Options,
            Method::Trace => HttpMethod::Trace,
            Method::Connect => return None,
        })
    }
}

/// What the arguments of a handler describe.
#[derive(Default)]
pub(crate) struct HandlerSignature {
    /// The rules of new passwords.
    pub(crate) policy: PasswordPolicy,
    /// Whether the method changes state.
    pub(crate) state_changing: bool,
    /// How many parameters the path has.
    pub(crate) path_parameter_count: usize,
    /// Their names, in order.
    pub(crate) path_names: Vec<&'static str>,
    /// Who may call it; `None`: everybody, without a guard.
    pub(super) rule: Option<AccessRule>,
    /// Parameters of path, query and header.
    pub(crate) parameters: Vec<Parameter>,
    /// The accepted credentials; one is enough.
    pub(crate) security: Vec<SecurityRequirement>,
    /// The problems of the arguments.
    pub(crate) problems: Vec<ProblemKind>,
    /// The body.
    pub(crate) body: Option<BodySchema>,
}

/// The schema of a body.
pub(crate) struct BodySchema {
    /// The name of the schema.
    pub(crate) name: &'static str,
    /// The schema.
    pub(crate) schema: Schema,
    /// The names in the type's `NAMES`, and those that it reads. A test compares them.
    #[cfg_attr(not(test), expect(dead_code, reason = "only compared by a test"))]
    pub(crate) names: (Vec<&'static str>, Vec<&'static str>),
}

/// An argument of a handler that describes itself.
pub(crate) trait Describe {
    /// Adds it to the signature.
    fn describe(signature: &mut HandlerSignature);
}

/// A function all of whose arguments describe themselves.
pub(crate) trait DescribeHandler<Args> {
    /// Adds them to the signature, in order.
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
