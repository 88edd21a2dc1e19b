//! What a handler's signature says of it. The types of its arguments are asked one by one, so a guard, a body or a
//! condition can't be left out of the description.

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
    /// What the arguments say.
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

    /// The path with its parameters named, `/api/users/{id}`: the names are those that the guards give them, in order.
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

    /// The method, as the description has it; the description knows no others than these.
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

/// What the arguments of a handler say.
#[derive(Default)]
pub(crate) struct HandlerSignature {
    /// What a new password has to be.
    pub(crate) policy: PasswordPolicy,
    /// Whether the method is one that changes something.
    pub(crate) state_changing: bool,
    /// How many segments of the path are open.
    pub(crate) path_parameter_count: usize,
    /// The names of what is open in the path, in order.
    pub(crate) path_names: Vec<&'static str>,
    /// Who may call it; `None`: everybody, and no guard looks.
    pub(super) rule: Option<AccessRule>,
    /// What can be sent besides the body.
    pub(crate) parameters: Vec<Parameter>,
    /// What can be shown; each is enough.
    pub(crate) security: Vec<SecurityRequirement>,
    /// The problems that the arguments can give.
    pub(crate) problems: Vec<ProblemKind>,
    /// What is wanted in the body.
    pub(crate) body: Option<BodySchema>,
}

/// What is wanted in a body.
pub(crate) struct BodySchema {
    /// The name of the schema.
    pub(crate) name: &'static str,
    /// The schema.
    pub(crate) schema: Schema,
    /// The names that the body's type says it has, and those that it reads: a test holds them equal.
    #[cfg_attr(not(test), expect(dead_code, reason = "only compared by a test"))]
    pub(crate) names: (Vec<&'static str>, Vec<&'static str>),
}

/// What an argument of a handler says of itself.
pub(crate) trait Describe {
    /// Adds it to the signature.
    fn describe(signature: &mut HandlerSignature);
}

/// A function whose arguments can all be asked.
pub(crate) trait DescribeHandler<Args> {
    /// Asks them, in order.
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
