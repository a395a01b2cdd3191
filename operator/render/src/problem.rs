//! What is wrong, where, and what would be right.

use std::fmt;

/// A place in a file, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Something wrong in a file of a blueprint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Path of the file below the blueprint's folder.
    pub file: String,
    /// Where in the file; none where the file as a whole is meant.
    pub place: Option<Place>,
    /// What is wrong, with what was given.
    pub problem: String,
    /// What would be right.
    pub remedy: String,
}

impl Problem {
    pub(crate) fn new(
        file: &str,
        place: Option<Place>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            file: file.to_owned(),
            place,
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(place) = self.place {
            write!(f, ":{place}")?;
        }
        write!(f, ": {}; {}", self.problem, self.remedy)
    }
}

/// Why a blueprint cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{blueprint}: {problem}")]
pub struct RenderError {
    /// Name and version of the blueprint.
    pub blueprint: String,
    /// What is wrong, and where.
    pub problem: Problem,
}

/// Why a folder cannot be packed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{problem}")]
pub struct PackError {
    /// What is wrong, and where.
    pub problem: Problem,
}

/// A value as errors show it: JSON, cut to a length that fits a status message.
pub(crate) fn shown(value: &serde_json::Value) -> String {
    const LONGEST: usize = 80;
    let text = value.to_string();
    if text.chars().count() <= LONGEST {
        return text;
    }
    let head: String = text.chars().take(LONGEST).collect();
    format!("{head}…")
}

/// Words as a person lists them: `a, b or c`.
pub(crate) fn alternatives<S: AsRef<str>>(words: &[S]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [only] => only.as_ref().to_owned(),
        [init @ .., last] => {
            let init: Vec<&str> = init.iter().map(AsRef::as_ref).collect();
            format!("{} or {}", init.join(", "), last.as_ref())
        }
    }
}
