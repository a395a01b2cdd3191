//! CEL rules of the CRDs, with messages that name the field and say what would be right.
//!
//! Formats are rules and not schema patterns: a pattern's message is the pattern. Lengths are schema limits, since the
//! API server bounds the cost of a rule by them.

use crate::{digest, duration, percent};
use kube::core::{Message, Rule};

/// Longest name of an integration, a line or a blueprint.
pub(crate) const NAME: u32 = 30;
/// Longest DNS label.
pub(crate) const LABEL: u32 = 63;
/// Longest version.
pub(crate) const VERSION: u32 = 32;
/// Longest URL, path or other short text.
pub(crate) const TEXT: u32 = 253;
/// Longest duration.
pub(crate) const DURATION: u32 = 32;
/// Longest percentage.
pub(crate) const PERCENT: u32 = 10;
/// Length of a digest.
pub(crate) const DIGEST: u32 = 71;

fn matches(pattern: &str, message: String) -> Rule {
    // A raw CEL string: backslashes are the pattern's.
    said(format!("self.matches(r'{pattern}')"), message)
}

/// A rule with its message.
pub(crate) fn said(rule: String, message: String) -> Rule {
    Rule::new(rule).message(Message::Message(message))
}

/// A name that becomes part of object names.
pub(crate) fn name(field: &str) -> Rule {
    matches(
        "^[a-z]([a-z0-9-]*[a-z0-9])?$",
        format!(
            "{field} must be a DNS label: a-z, 0-9 and - between them, first a letter; at most 30 characters, because \
             integration, line, stage and digest together must fit the 63 of an object's name"
        ),
    )
}

/// A DNS label, such as a namespace.
pub(crate) fn label(field: &str) -> Rule {
    matches(
        "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
        format!("{field} must be a DNS label: a-z, 0-9 and - between them"),
    )
}

/// `metadata.name` as a value of labels.
pub(crate) fn object_name(kind: &str) -> Rule {
    said(
        "self.metadata.name.size() <= 63 && !self.metadata.name.contains('.')".to_owned(),
        format!(
            "metadata.name of a {kind} must be a DNS label of at most 63 characters: it becomes the value of a label"
        ),
    )
}

/// A semantic version that can be part of an object's name.
pub(crate) fn version(field: &str) -> Rule {
    matches(
        r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9a-z]([0-9a-z.-]*[0-9a-z])?)?$",
        format!(
            "{field} must be a semantic version without build metadata, for instance 1.2.0 or 1.3.0-rc.1"
        ),
    )
}

/// A Go duration of at most ten years.
pub(crate) fn duration(field: &str) -> [Rule; 2] {
    let pattern = duration::PATTERN;
    [
        matches(
            pattern,
            format!("{field} must be a duration with units, for instance 90s, 5m or 1h30m"),
        ),
        said(
            format!("!self.matches(r'{pattern}') || duration(self) <= duration('87600h')"),
            format!("{field} must be at most 87600h (ten years)"),
        ),
    ]
}

/// A percentage above 0 % and below 100 %.
pub(crate) fn percent(field: &str) -> Rule {
    matches(
        percent::PATTERN,
        format!("{field} must be a percentage above 0% and below 100%, for instance 1% or 99.9%"),
    )
}

/// A percentage as above, or a value: a duration or a plain number.
pub(crate) fn percent_or_value(field: &str) -> Rule {
    let (percent, duration) = (percent::PATTERN, duration::PATTERN);
    said(
        format!(
            r"self.matches(r'{percent}') || self.matches(r'{duration}') || self.matches(r'^[0-9]{{1,12}}(\.[0-9]{{1,6}})?$')"
        ),
        format!(
            "{field} must be a percentage above 0% and below 100%, for instance 1% or 99.9%; with quantile a duration or a number, \
             for instance 60s"
        ),
    )
}

/// A digest.
pub(crate) fn digest(field: &str) -> Rule {
    matches(
        digest::PATTERN,
        format!("{field} must be sha256: and 64 hexadecimal digits"),
    )
}

/// An IANA time zone by its form; whether it exists, the operator says in a condition.
pub(crate) fn time_zone(field: &str) -> Rule {
    matches(
        "^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$",
        format!("{field} must be the name of an IANA time zone, for instance Europe/Berlin"),
    )
}

/// An address of a web server.
pub(crate) fn url(field: &str) -> Rule {
    matches(
        r"^https?://[^\s/]+(/\S*)?$",
        format!(
            "{field} must be an address with http:// or https://, for instance http://prometheus.monitoring:9090"
        ),
    )
}

/// What may never change.
pub(crate) fn immutable(field: &str, instead: &str) -> Rule {
    said(
        "self == oldSelf".to_owned(),
        format!("{field} cannot be changed; {instead}"),
    )
}
