//! Whether enough people have approved a wave or a change of a validated line.

use andon_api::{ApprovalPolicy, ApprovalSpec, ApprovedLine};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Which approvals are asked about.
pub(crate) struct Question<'a> {
    pub(crate) subject: Subject<'a>,
    pub(crate) digest: &'a str,
    /// Who asked for the release; none: nobody knows.
    pub(crate) author: Option<&'a str>,
    /// Somebody whom nobody knows has a part in it as well.
    pub(crate) also_unknown: Option<&'static str>,
    pub(crate) now: Timestamp,
}

/// What is approved.
pub(crate) enum Subject<'a> {
    /// A wave of a release.
    Wave(&'a str),
    /// A validated line, by a release.
    Line {
        release: &'a str,
        line: &'a ApprovedLine,
    },
}

impl Subject<'_> {
    /// Whether an approval speaks of it; the digest is another question.
    fn is_of(&self, approval: &ApprovalSpec) -> bool {
        match self {
            // Those of other releases have been left out already.
            Self::Wave(name) => {
                let wave = approval.wave.as_deref();
                approval.line.is_none() && wave.is_none_or(|wave| wave == *name)
            }
            Self::Line { release, line } => {
                let same = approval.line.as_ref() == Some(*line);
                same && approval.wave.is_none() && approval.release == *release
            }
        }
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wave(name) => write!(f, "wave {name}"),
            Self::Line { release, line } => write!(
                f,
                "release {release}, line {} of plant {}",
                line.name, line.plant
            ),
        }
    }
}

/// What is missing, in words; none: enough people have approved.
pub(crate) fn missing(
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
    if short.is_empty()
        && people.len() < 2
        && let Some(why) = unknown(question)
    {
        short.push(format!("{} of 2 people, since {why}", people.len()));
    }
    (!short.is_empty()).then(|| {
        format!(
            "approved by {}; needs Approvals of {} and digest {}, not by the author",
            short.join(", "),
            question.subject,
            question.digest
        )
    })
}

/// Why nobody knows (all of) who the author is; then it takes two people, who can not both be the author. None: it is known.
fn unknown(question: &Question<'_>) -> Option<String> {
    let robot = question.author.is_none_or(is_robot);
    let author = question.author.unwrap_or("nobody");
    let robot =
        robot.then(|| format!("the author ({author}) is no known person: andon.dev/author"));
    robot.or(question.also_unknown.map(str::to_owned))
}

/// The people whose approvals count, each with their groups.
fn people<'a>(
    approvals: &'a [ApprovalSpec],
    question: &Question<'_>,
) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut people: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for approval in approvals {
        let counts = approval.digest == question.digest
            && question.subject.is_of(approval)
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
                subject: Subject::Wave("emea"),
                digest: DIGEST,
                author,
                also_unknown: None,
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

    #[test]
    fn an_approval_of_a_line_is_for_that_line_of_that_plant_and_release_alone() {
        let line = |plant: &str, name: &str| ApprovedLine {
            plant: plant.to_owned(),
            name: name.to_owned(),
        };
        let policy = policy(&[("qa", 1)]);
        let mine = line("plant-ulm", "filling-1");
        let missing_with = |change: &dyn Fn(&mut ApprovalSpec), also_unknown| {
            let mut approval = approval("anna", &["qa"]);
            (approval.wave, approval.line) = (None, Some(mine.clone()));
            change(&mut approval);
            let subject = Subject::Line {
                release: "confirmations",
                line: &mine,
            };
            let question = Question {
                subject,
                digest: DIGEST,
                author: Some("carl"),
                also_unknown,
                now: "2026-11-21T08:00:00Z".parse().unwrap(),
            };
            missing(&policy, &[approval], &question)
        };
        assert_eq!(missing_with(&|_| {}, None), None);
        let said = missing_with(&|_| {}, Some("the PlantSite was edited")).unwrap();
        assert!(
            said.contains("1 of 2 people, since the PlantSite"),
            "{said}"
        );
        let others: [&dyn Fn(&mut ApprovalSpec); 6] = [
            &|it| it.line = Some(line("plant-gent", "filling-1")),
            &|it| it.line = Some(line("plant-ulm", "filling-2")),
            &|it| it.line = None,
            &|it| it.release = "consumption".to_owned(),
            &|it| it.wave = Some("emea".to_owned()),
            &|it| it.digest = "sha256:b".to_owned(),
        ];
        for other in others {
            let said = missing_with(other, None).unwrap();
            assert!(
                said.contains("release confirmations, line filling-1 of plant plant-ulm"),
                "{said}"
            );
        }
        // Nor does it open a wave.
        let mut approval = approval("anna", &["qa"]);
        (approval.wave, approval.line) = (None, Some(mine.clone()));
        assert!(ask(&policy, &[approval], Some("carl")).is_some());
    }
}
