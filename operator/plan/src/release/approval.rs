//! Whether enough people have approved a wave.

use andon_api::{ApprovalPolicy, ApprovalSpec};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Which approvals are asked about.
pub(super) struct Question<'a> {
    pub(super) digest: &'a str,
    pub(super) wave: &'a str,
    /// Who asked for the release; none: nobody knows.
    pub(super) author: Option<&'a str>,
    pub(super) now: Timestamp,
}

/// What is missing, in words; none: enough people have approved.
pub(super) fn missing(
    policy: &ApprovalPolicy,
    approvals: &[ApprovalSpec],
    question: &Question<'_>,
) -> Option<String> {
    let people = people(approvals, question);
    let mut short = Vec::new();
    let mut given: BTreeMap<&str, usize> = BTreeMap::new();
    // A place for each person that is asked for; a person takes one place only.
    let places: Vec<&str> = policy
        .all_of
        .iter()
        .flat_map(|group| {
            std::iter::repeat_n(
                group.group.as_str(),
                usize::try_from(group.count).unwrap_or(1),
            )
        })
        .collect();
    for group in seated(&places, &people) {
        *given.entry(group).or_default() += 1;
    }
    for group in &policy.all_of {
        let have = given.get(group.group.as_str()).copied().unwrap_or(0);
        if i64::try_from(have).unwrap_or(i64::MAX) < i64::from(group.count) {
            short.push(format!(
                "{have} of {} of group {}",
                group.count, group.group
            ));
        }
    }
    // Where nobody knows who the author is, two people can not both be the author.
    let robot = question.author.is_none_or(is_robot);
    if short.is_empty() && robot && people.len() < 2 {
        let author = question.author.unwrap_or("nobody");
        short.push(format!(
            "{} of 2 people, since the author ({author}) is no known person: andon.dev/author",
            people.len()
        ));
    }
    (!short.is_empty()).then(|| {
        format!(
            "approved by {}; needs Approvals of wave {} and digest {}, not by the author",
            short.join(", "),
            question.wave,
            question.digest
        )
    })
}

/// The people whose approvals count, each with their groups.
fn people<'a>(
    approvals: &'a [ApprovalSpec],
    question: &Question<'_>,
) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut people: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for approval in approvals {
        let counts = approval.digest == question.digest
            && approval
                .wave
                .as_deref()
                .is_none_or(|wave| wave == question.wave)
            && approval
                .expires
                .as_ref()
                .is_none_or(|at| question.now < at.0)
            && question.author != Some(&approval.approver)
            && !is_robot(&approval.approver);
        if counts {
            let groups = people.entry(&approval.approver).or_default();
            groups.extend(approval.groups.iter().map(String::as_str));
        }
    }
    people
}

/// A service account or a bot does what some person told it to.
fn is_robot(name: &str) -> bool {
    name.is_empty() || name.starts_with("system:") || name.ends_with("[bot]")
}

/// The groups of the places that can be taken at the same time (a maximum matching, by augmenting paths).
fn seated<'a>(places: &[&'a str], people: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<&'a str> {
    let people: Vec<&BTreeSet<&str>> = people.values().collect();
    let mut sits: Vec<Option<usize>> = vec![None; people.len()];
    for place in 0..places.len() {
        let mut asked = vec![false; people.len()];
        seat(
            place,
            places,
            &people,
            &mut Seats {
                sits: &mut sits,
                asked: &mut asked,
            },
        );
    }
    sits.iter().flatten().map(|place| places[*place]).collect()
}

struct Seats<'a> {
    /// Which place a person has taken.
    sits: &'a mut [Option<usize>],
    /// Whom this place has asked already.
    asked: &'a mut [bool],
}

fn seat(place: usize, places: &[&str], people: &[&BTreeSet<&str>], seats: &mut Seats<'_>) -> bool {
    for person in 0..people.len() {
        if seats.asked[person] || !people[person].contains(places[place]) {
            continue;
        }
        seats.asked[person] = true;
        let free = match seats.sits[person] {
            None => true,
            Some(other) => seat(other, places, people, seats),
        };
        if free {
            seats.sits[person] = Some(place);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DIGEST: &str = "sha256:a";

    fn approval(approver: &str, groups: &[&str]) -> ApprovalSpec {
        serde_json::from_value(json!({
            "release": "confirmations", "digest": DIGEST, "wave": "emea", "approver": approver, "groups": groups,
        }))
        .unwrap()
    }

    fn policy(groups: &[(&str, i32)]) -> ApprovalPolicy {
        let all_of = groups
            .iter()
            .map(|(group, count)| json!({"group": group, "count": count}));
        serde_json::from_value(json!({"allOf": all_of.collect::<Vec<_>>()})).unwrap()
    }

    fn ask(
        policy: &ApprovalPolicy,
        approvals: &[ApprovalSpec],
        author: Option<&str>,
    ) -> Option<String> {
        let now = "2026-11-21T08:00:00Z".parse().unwrap();
        missing(
            policy,
            approvals,
            &Question {
                digest: DIGEST,
                wave: "emea",
                author,
                now,
            },
        )
    }

    #[test]
    fn every_group_is_needed() {
        let policy = policy(&[("ot", 1), ("it", 1)]);
        let (anna, ben) = (approval("anna", &["ot"]), approval("ben", &["it"]));
        assert_eq!(ask(&policy, &[anna.clone(), ben], Some("carl")), None);
        let said = ask(&policy, &[anna], Some("carl")).unwrap();
        assert!(said.contains("0 of 1 of group it"), "{said}");
    }

    #[test]
    fn a_person_in_both_groups_counts_for_one() {
        let policy = policy(&[("ot", 1), ("it", 1)]);
        let anna = approval("anna", &["ot", "it"]);
        assert!(ask(&policy, std::slice::from_ref(&anna), Some("carl")).is_some());
        // Whichever group the other one is in, both places can be taken.
        for group in ["ot", "it"] {
            assert_eq!(
                ask(
                    &policy,
                    &[anna.clone(), approval("ben", &[group])],
                    Some("carl")
                ),
                None
            );
        }
    }

    #[test]
    fn approving_twice_counts_once() {
        let policy = policy(&[("ot", 2)]);
        let anna = approval("anna", &["ot"]);
        assert!(ask(&policy, &[anna.clone(), anna.clone()], Some("carl")).is_some());
        assert_eq!(
            ask(&policy, &[anna, approval("ben", &["ot"])], Some("carl")),
            None
        );
    }

    #[test]
    fn the_author_never_counts_and_an_unknown_author_takes_two_people() {
        let policy = policy(&[("ot", 1)]);
        let anna = approval("anna", &["ot"]);
        assert!(ask(&policy, std::slice::from_ref(&anna), Some("anna")).is_some());
        assert_eq!(ask(&policy, std::slice::from_ref(&anna), Some("ben")), None);
        for robot in [
            None,
            Some("system:serviceaccount:argocd:controller"),
            Some("renovate[bot]"),
            Some(""),
        ] {
            let said = ask(&policy, std::slice::from_ref(&anna), robot).unwrap();
            assert!(said.contains("1 of 2 people"), "{said}");
            assert_eq!(
                ask(&policy, &[anna.clone(), approval("ben", &["it"])], robot),
                None
            );
        }
        assert!(
            ask(
                &policy,
                &[approval("system:serviceaccount:x:y", &["ot"])],
                Some("ben")
            )
            .is_some()
        );
    }

    #[test]
    fn another_digest_another_wave_or_a_date_in_the_past_do_not_count() {
        let policy = policy(&[("ot", 1)]);
        let change = |change: &dyn Fn(&mut ApprovalSpec)| {
            let mut approval = approval("anna", &["ot"]);
            change(&mut approval);
            ask(&policy, &[approval], Some("carl"))
        };
        assert!(change(&|it| it.digest = "sha256:b".into()).is_some());
        assert!(change(&|it| it.wave = Some("apac".into())).is_some());
        assert_eq!(change(&|it| it.wave = None), None);
        let at = |text: &str| serde_json::from_value(json!(text)).unwrap();
        assert!(change(&|it| it.expires = at("2026-11-21T08:00:00Z")).is_some());
        assert_eq!(change(&|it| it.expires = at("2026-11-21T08:00:01Z")), None);
    }
}
