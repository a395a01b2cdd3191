//! Which lines may be on trial beside each other: less critical ones first, the first of an equipment family alone, and no more at
//! a time than the release and the plant allow.

use crate::budget;
use crate::hold::Hold;
use crate::input::Input;
use crate::start::is_done;
use andon_api::LineStatus;

/// Why a line must not begin because of others; none: it may. Its own trial, which would be replaced, does not count.
pub(crate) fn obstacle(input: &Input<'_>, line: &LineStatus, lines: &[LineStatus]) -> Option<Hold> {
    let order = Order { input, line, lines };
    order
        .going_back()
        .or_else(|| order.places())
        .or_else(|| order.earlier())
        .or_else(|| {
            order
                .family(line)
                .map(|first| order.waits_for_family(first))
        })
        .or_else(|| budget::obstacle(input, &line.name, lines))
}

struct Order<'a> {
    input: &'a Input<'a>,
    line: &'a LineStatus,
    lines: &'a [LineStatus],
}

impl<'a> Order<'a> {
    fn others(&self) -> impl Iterator<Item = &'a LineStatus> {
        let own = &self.line.name;
        self.lines.iter().filter(move |other| other.name != *own)
    }

    /// Whether a line runs what it should, and has passed.
    fn done(&self, name: &str) -> bool {
        let line = self.lines.iter().find(|line| line.name == name);
        match (self.input.desired(name), line) {
            (Some(Ok(desired)), Some(line)) => is_done(line, desired),
            _ => false,
        }
    }

    /// While a line that failed goes back nobody knows yet what that means for the others.
    fn going_back(&self) -> Option<Hold> {
        let failed = |other: &&LineStatus| {
            let trial = other.trial.as_ref();
            trial.is_some_and(|trial| trial.failure.is_some())
        };
        self.others()
            .find(failed)
            .map(|other| waits_for(&other.name, "on trial"))
            .or_else(|| {
                let leaves = |other: &&LineStatus| {
                    let promoted = other.promoted.as_ref();
                    promoted.is_some_and(|it| it.leaving.is_some())
                };
                let other = self.others().find(leaves)?;
                Some(waits_for(&other.name, "about to go back"))
            })
    }

    /// As many lines as the release allows.
    fn places(&self) -> Option<Hold> {
        let most = self.input.most_on_trial();
        let on_trial: Vec<&LineStatus> = self
            .others()
            .filter(|other| other.trial.is_some())
            .collect();
        let first = on_trial.first().filter(|_| on_trial.len() >= most)?;
        Some(match most {
            1 => waits_for(&first.name, "on trial"),
            most => waits_for(
                &first.name,
                &format!("on trial, and {most} lines at a time are enough"),
            ),
        })
    }

    /// Every less critical line is done; those of the same criticality have at least begun, in the order of their names.
    fn earlier(&self) -> Option<Hold> {
        let own = self.criticality(&self.line.name);
        for (name, desired) in &self.input.lines {
            if *name == self.line.name {
                return None;
            }
            let same = self.criticality(name) == own;
            let known = self.lines.iter().find(|line| line.name == *name);
            let begun = known.is_some_and(|it| it.trial.is_some() || self.family(it).is_some());
            if self.done(name) || (same && begun && desired.is_ok()) {
                continue;
            }
            return Some(match (desired, known) {
                (Err(_), _) => waits_for(name, "cannot move"),
                (Ok(_), Some(known)) if known.trial.is_some() => waits_for(name, "on trial"),
                (Ok(desired), _) => {
                    waits_for(name, &format!("does not run {} yet", desired.version))
                }
            });
        }
        None
    }

    /// The line of the same equipment family that has to pass before this one may be tried; none: one has passed, or none is on
    /// trial.
    fn family(&self, line: &LineStatus) -> Option<&'a LineStatus> {
        let family = self.input.line(&line.name)?.equipment_family.as_ref();
        let mut members = self.input.observed.site.spec.lines.iter();
        let passed = members
            .any(|other| other.equipment_family.as_ref() == family && self.done(&other.name));
        if passed {
            return None;
        }
        self.lines.iter().find(|other| {
            let same = self.input.line(&other.name);
            let same = same.is_some_and(|it| it.equipment_family.as_ref() == family);
            let others = other.name != line.name && other.name != self.line.name;
            same && others && other.trial.is_some()
        })
    }

    fn waits_for_family(&self, first: &LineStatus) -> Hold {
        let family = self
            .input
            .line(&first.name)
            .and_then(|it| it.equipment_family.as_deref());
        waits_for(
            &first.name,
            &match family {
                Some(family) => format!("on trial, the first of equipment family {family}"),
                None => "on trial, the first of the lines without an equipment family".to_owned(),
            },
        )
    }

    fn criticality(&self, name: &str) -> Option<i32> {
        self.input.line(name).map(|line| line.criticality)
    }
}

fn waits_for(line: &str, what: &str) -> Hold {
    Hold::EarlierLineNotDone {
        line: line.to_owned(),
        what: what.to_owned(),
    }
}
