//! What an integration needs of others at the plant, forward and back: a line moves only when what it requires runs, and what is
//! required goes back only when nothing that runs needs more than it goes back to.
//!
//! ```text
//!   required                                     dependent
//!   leaving (written) -------------------------> sees it: what needs more goes back, nothing new begins that does
//!   StillRequired, while anything needs more <-- what it runs and tries, in its status
//!   goes back
//! ```
//!
//! Each writes first and reads the other then: of a trial that begins and a line that goes back at the same moment, at least one sees
//! the other.

use crate::hold::Hold;
use crate::input::Input;
use crate::observed::Neighbour;
use andon_api::{RenderingReference, Requirement};
use semver::{Version, VersionReq};

/// Why something that requires this must not be tried now; none: it may.
pub(crate) fn obstacle(input: &Input<'_>, requires: &[Requirement]) -> Option<Hold> {
    let unmet = |required: &Requirement| unmet(required, &input.observed.neighbours);
    let message = requires.iter().find_map(unmet)?;
    Some(Hold::RequirementNotMet { message })
}

/// Why a rendering has to go back, since something that it requires is about to; none: it need not.
pub(crate) fn broken(input: &Input<'_>, rendering: &RenderingReference) -> Option<String> {
    let neighbours = &input.observed.neighbours;
    rendering.requires.iter().find_map(|required| {
        let Requirement { blueprint, version } = required;
        let range = range(version)?;
        let of_it = || neighbours.iter().filter(|it| it.blueprint == *blueprint);
        if of_it().any(|it| meets(it, &range)) {
            return None;
        }
        let mut leaving = of_it().flat_map(|it| it.leaving.iter().map(move |line| (it, line)));
        let (neighbour, (line, to)) = leaving.find(|(neighbour, (line, to))| {
            let now = neighbour.last_good.get(*line);
            now.is_some_and(|now| fits(&range, now)) && !fits(&range, to)
        })?;
        Some(format!(
            "{} goes back to {to} on {line}, and {} needs {blueprint} {version}",
            neighbour.integration, rendering.version
        ))
    })
}

/// Who needs more of this integration's blueprint than a line of it goes back to: `integration version on line needs range`.
pub(crate) fn needed_by(input: &Input<'_>, (from, to): (&str, &str)) -> Vec<String> {
    let Some(own) = input.target().map(|target| &target.blueprint.name) else {
        return Vec::new();
    };
    let neighbours = &input.observed.neighbours;
    let mut by: Vec<String> = neighbours
        .iter()
        .flat_map(|it| it.needs.iter().map(move |need| (it, need)))
        .filter(|(_, need)| need.requires.blueprint == *own)
        .filter(|(_, need)| {
            range(&need.requires.version).is_some_and(|range| {
                let others = neighbours.iter().filter(|it| it.blueprint == *own);
                let elsewhere = others.into_iter().any(|it| meets(it, &range));
                fits(&range, from) && !fits(&range, to) && !elsewhere
            })
        })
        .map(|(it, need)| {
            let (name, Requirement { version, .. }) = (&it.integration, &need.requires);
            format!("{name} {} on {} needs {version}", need.version, need.line)
        })
        .collect();
    by.dedup();
    by
}

/// Whether every line of an integration fits, and goes on to.
fn meets(neighbour: &Neighbour, range: &VersionReq) -> bool {
    let lines = &neighbour.last_good;
    let mut all = lines.values().chain(neighbour.leaving.values());
    !lines.is_empty() && all.all(|version| fits(range, version))
}

fn fits(range: &VersionReq, version: &str) -> bool {
    Version::parse(version).is_ok_and(|version| range.matches(&version))
}

/// Why a requirement is not met; none: it is.
fn unmet(required: &Requirement, neighbours: &[Neighbour]) -> Option<String> {
    let Requirement { blueprint, version } = required;
    let Some(range) = range(version) else {
        return Some(format!(
            "requires[{blueprint}].version: \"{version}\" is no version range; write for instance \">=1.0.0 <2.0.0\""
        ));
    };
    let mut running = Vec::new();
    for neighbour in neighbours
        .iter()
        .filter(|neighbour| neighbour.blueprint == *blueprint)
    {
        if meets(neighbour, &range) {
            return None;
        }
        let lines = &neighbour.last_good;
        running.extend(lines.iter().map(|(line, version)| {
            let back = neighbour.leaving.get(line);
            let back = back.map_or_else(String::new, |to| format!(", which goes back to {to}"));
            format!("{version} on {line}{back}")
        }));
        if lines.is_empty() {
            running.push(format!("nothing of {} yet", neighbour.integration));
        }
    }
    let running = match running.is_empty() {
        true => "it is not installed here".to_owned(),
        false => format!("here runs {}", running.join(", ")),
    };
    Some(format!("needs {blueprint} {version}; {running}"))
}

/// A version range; comparators are separated by blanks or commas.
fn range(text: &str) -> Option<VersionReq> {
    let mut comparators: Vec<String> = Vec::new();
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        match comparators.last_mut() {
            // `>= 1.0.0` is one comparator.
            Some(open) if !open.contains(|c: char| c.is_ascii_digit() || c == '*') => {
                open.push_str(word)
            }
            _ => comparators.push(word.to_owned()),
        }
    }
    VersionReq::parse(&comparators.join(", "))
        .ok()
        .filter(|_| !comparators.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn neighbour(blueprint: &str, last_good: &[(&str, &str)]) -> Neighbour {
        let pair = |(line, version): &(&str, &str)| ((*line).to_owned(), (*version).to_owned());
        Neighbour {
            integration: "base".to_owned(),
            blueprint: blueprint.to_owned(),
            last_good: last_good.iter().map(pair).collect(),
            on_trial: BTreeMap::new(),
            needs: Vec::new(),
            leaving: BTreeMap::new(),
        }
    }

    #[test]
    fn requirements_are_met_by_every_line_or_not_at_all() {
        let required = Requirement {
            blueprint: "plant-base".to_owned(),
            version: ">=1.0.0 <2.0.0".to_owned(),
        };
        let met = |neighbours: &[Neighbour]| unmet(&required, neighbours);
        assert_eq!(met(&[neighbour("plant-base", &[("site", "1.2.0")])]), None);
        for (neighbours, said) in [
            (vec![], "it is not installed here"),
            (
                vec![neighbour("other", &[("site", "1.2.0")])],
                "it is not installed here",
            ),
            (vec![neighbour("plant-base", &[])], "nothing of base yet"),
            (
                vec![neighbour("plant-base", &[("site", "2.0.0")])],
                "here runs 2.0.0 on site",
            ),
            (
                vec![neighbour("plant-base", &[("a", "1.0.0"), ("b", "0.9.0")])],
                "1.0.0 on a, 0.9.0 on b",
            ),
        ] {
            let message = met(&neighbours).unwrap();
            assert!(message.contains(said), "{message}");
        }
    }

    #[test]
    fn ranges_may_be_written_with_blanks() {
        let one_three = Version::parse("1.3.0").unwrap();
        for (text, fits) in [
            (">=1.0.0 <2.0.0", true),
            (">= 1.0.0, < 1.3.0", false),
            ("^1.2", true),
            ("*", true),
            ("=1.3.0", true),
        ] {
            assert_eq!(
                range(text).map(|range| range.matches(&one_three)),
                Some(fits),
                "{text}"
            );
        }
        for text in ["", "newest", ">=", "1.x.y.z"] {
            assert_eq!(range(text), None, "{text}");
        }
    }
}
