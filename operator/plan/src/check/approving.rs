//! Rules about validated lines: no change of one without the people who must approve it.

use super::Findings;
use crate::observed::{Observed, Seen};
use andon_api::{ApprovalSpec, SITE_LINE};
use std::collections::{BTreeMap, BTreeSet};

/// A line that begins, or whose first pod changes, is not validated, or enough people have approved this rendering of it.
pub(super) fn approved(observed: &Observed, name: &str, digest: &str, findings: &mut Findings<'_>) {
    let spec = &observed.site.spec;
    let own = spec.lines.iter().find(|l| l.name == name);
    let validated = match own {
        Some(line) => line.validated,
        None => name == SITE_LINE && spec.lines.iter().any(|l| l.validated),
    };
    if !validated {
        return;
    }
    let Some(validation) = &spec.validation else {
        return findings.demand(false, "I24", || {
            format!("{name} is validated and changes though nobody is named to approve it")
        });
    };
    let people = people(observed, name, digest);
    let places: Vec<&str> = validation
        .approval
        .all_of
        .iter()
        .flat_map(|group| (0..group.count).map(|_| group.group.as_str()))
        .collect();
    let mut free: Vec<&BTreeSet<&str>> = people.values().collect();
    let least = match author_is_known(observed, name) {
        true => 1,
        false => 2,
    };
    let enough = free.len() >= least && seats(&places, &mut free);
    findings.demand(enough, "I24", || {
        let people: Vec<_> = people.keys().copied().collect();
        format!("{name} is validated, and only {people:?} have approved {digest}")
    });
}

/// Who has approved, each with their groups.
fn people<'a>(
    observed: &'a Observed,
    name: &str,
    digest: &str,
) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut people: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let (Some(target), Seen::Present(approvals)) =
        (&observed.integration.spec.target, &observed.approvals)
    else {
        return people;
    };
    let speaks = |it: &&ApprovalSpec| {
        let line = it.line.as_ref();
        target.release.ends_with(&format!("/{}", it.release))
            && line.is_some_and(|l| l.name == name && l.plant == observed.site.namespace)
            && it.wave.is_none()
            && it.digest == digest
    };
    for it in approvals.iter().filter(speaks) {
        let over = it.expires.as_ref().is_some_and(|at| at.0 <= observed.now);
        if !over && target.author.as_ref() != Some(&it.approver) && is_person(&it.approver) {
            let groups = people.entry(&it.approver).or_default();
            groups.extend(it.groups.iter().map(String::as_str));
        }
    }
    people
}

/// Whether one known person has asked for all of the change: the release's author, and the plant's part is as it was.
fn author_is_known(observed: &Observed, name: &str) -> bool {
    let target = observed.integration.spec.target.as_ref();
    let author = target.and_then(|target| target.author.as_deref());
    let mut lines = observed.integration.status.lines.iter();
    let runs = lines
        .find(|l| l.name == name)
        .and_then(|l| l.last_good.as_ref());
    let part = crate::validated::plant_part(observed, name);
    author.is_some_and(is_person) && runs.is_some_and(|it| it.plant_part == Some(part))
}

fn is_person(name: &str) -> bool {
    !(name.is_empty() || name.starts_with("system:") || name.ends_with("[bot]"))
}

/// Whether everybody who is asked for is there; every way to seat people is tried.
fn seats(places: &[&str], free: &mut Vec<&BTreeSet<&str>>) -> bool {
    let Some((place, rest)) = places.split_first() else {
        return true;
    };
    (0..free.len()).any(|index| {
        if !free[index].contains(place) {
            return false;
        }
        let person = free.remove(index);
        let fits = seats(rest, free);
        free.insert(index, person);
        fits
    })
}
