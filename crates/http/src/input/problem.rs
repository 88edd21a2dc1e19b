//! Converts input errors to problems.

use crate::problem::{FieldError, Problem, ProblemKind};
use userd_core::input::{InputError, InputErrorKind, InputErrors, JsonError, JsonErrorKind};

/// The problem of a body that is not JSON.
pub(super) fn malformed(error: &JsonError) -> Problem {
    let detail = match error.kind {
        JsonErrorKind::Empty => "the body is empty".to_owned(),
        JsonErrorKind::EndsEarly => format!("{}, at line {}, column {}", error.kind, error.line, error.column),
        _ => error.to_string(),
    };
    Problem::new(ProblemKind::MalformedJson, detail)
}

/// The problem of a body; `missing_detail` replaces the list of errors if a required field is absent.
pub(super) fn invalid_body(input: &InputErrors, missing_detail: Option<&'static str>) -> Problem {
    let errors: Vec<FieldError> = input.errors.iter().map(|error| field_error(error, error.kind.to_string())).collect();
    match missing_detail {
        Some(detail) if input.has_missing => Problem::invalid_fields(detail, errors),
        _ => Problem::invalid_fields(sentences(&errors), errors),
    }
}

/// The problem of a query.
pub(super) fn invalid_query(input: &InputErrors) -> Problem {
    let errors = input.errors.iter().map(|error| match &error.kind {
        InputErrorKind::UnknownField { known } => {
            let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
            field_error(error, format!("is not known; the query may have {known}"))
        }
        kind => field_error(error, kind.to_string()),
    });
    let errors: Vec<FieldError> = errors.collect();
    Problem::invalid_fields(sentences(&errors), errors)
}

fn field_error(error: &InputError, detail: String) -> FieldError {
    FieldError { detail, pointer: error.pointer() }
}

fn sentences(errors: &[FieldError]) -> String {
    errors.iter().map(FieldError::sentence).collect::<Vec<_>>().join("; ")
}
