//! Says what the template engine's errors mean: where, what, and what would be right.

use crate::filter;
use crate::problem::{Place, Problem};
use crate::template::{FOLDER, FUEL, LINE, LONGEST_OUTPUT};
use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};
use std::ops::Range;

/// An engine error while a template was rendered with `context`.
pub(crate) fn explain(error: &Error, file: &str, context: &Value) -> Problem {
    let error = innermost(error);
    let mut problem = problem_of(error, file);
    if error.kind() == ErrorKind::UndefinedError {
        (problem.problem, problem.remedy) = undefined(snippet(error), context);
    }
    problem
}

/// The error in the included file, not the one that says that including failed.
fn innermost(error: &Error) -> &Error {
    let mut at = error;
    while let Some(inner) = std::error::Error::source(at).and_then(|source| source.downcast_ref()) {
        at = inner;
    }
    at
}

/// An engine error as a problem with its place, and with what would be right.
pub(crate) fn problem_of(error: &Error, file: &str) -> Problem {
    let file = error.name().unwrap_or(file);
    let place = error.line().map(|line| Place {
        line,
        column: column(
            error.template_source().unwrap_or_default(),
            expression(error).start,
        ),
    });
    let detail = match (error.kind(), error.detail()) {
        (ErrorKind::InvalidOperation, Some(detail)) => detail.to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    let (problem, remedy) = match error.kind() {
        ErrorKind::UnknownFilter => (
            detail,
            format!("the filters are {}", filter::FILTERS.join(", ")),
        ),
        ErrorKind::UnknownFunction => (
            detail,
            format!("the functions are {}", filter::FUNCTIONS.join(", ")),
        ),
        ErrorKind::OutOfFuel => (
            format!("the template runs more than {FUEL} instructions"),
            "shorten its loops".to_owned(),
        ),
        ErrorKind::WriteFailure => (
            format!("the template writes more than {LONGEST_OUTPUT} bytes"),
            "shorten it, or its loops".to_owned(),
        ),
        ErrorKind::SyntaxError => (
            detail,
            "write {{ value }}, {% if %} … {% endif %} or {% for %} … {% endfor %}".to_owned(),
        ),
        ErrorKind::TemplateNotFound | ErrorKind::BadInclude => (
            detail,
            format!("name a file of the blueprint by its path, for instance {FOLDER}common.j2"),
        ),
        _ => match snippet(error) {
            "" => (detail, "correct the expression".to_owned()),
            snippet => (detail, format!("correct the expression {snippet}")),
        },
    };
    Problem::new(file, place, problem.replace(LINE, ""), remedy)
}

/// Where the expression is that an error is about; the engine's range may hold only the end of `a.b.c`.
fn expression(error: &Error) -> Range<usize> {
    let source = error.template_source().unwrap_or_default();
    let dotted = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let around = |range: Range<usize>| {
        let (before, after) = (source.get(..range.start)?, source.get(range.end..)?);
        Some(
            before.trim_end_matches(dotted).len()
                ..source.len() - after.trim_start_matches(dotted).len(),
        )
    };
    error.range().and_then(around).unwrap_or(0..0)
}

fn snippet(error: &Error) -> &str {
    let source = error.template_source().unwrap_or_default();
    source.get(expression(error)).unwrap_or_default()
}

fn column(source: &str, offset: usize) -> usize {
    let before = source.get(..offset).unwrap_or_default();
    before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1
}

/// Says which part of `plant.sitCode` is not there, and what is.
fn undefined(expression: &str, context: &Value) -> (String, String) {
    let mut at = context.clone();
    let mut path = String::new();
    for step in expression.split('.') {
        let known: Vec<String> = at
            .try_iter()
            .map(|keys| keys.map(|key| key.to_string()).collect())
            .unwrap_or_default();
        let full = if path.is_empty() {
            step.to_owned()
        } else {
            format!("{path}.{step}")
        };
        match at.get_attr(step) {
            Ok(member) if member.is_undefined() && at.kind() == ValueKind::Map => {
                let there = if path.is_empty() {
                    "a template has"
                } else {
                    "there are"
                };
                return (
                    format!("{full} is not there"),
                    format!(
                        "{there} {}; where it is optional, use the filter default",
                        known.join(", ")
                    ),
                );
            }
            Ok(member) => at = member,
            Err(_) => break,
        }
        path = full;
    }
    (
        format!("{expression} is not there"),
        "give it a value or, where it is optional, use the filter default".to_owned(),
    )
}
