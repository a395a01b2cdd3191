//! The site controller's decision: which `PlantIntegration` objects a plant has, and what its status says.

use crate::calendar::Calendar;
use crate::validated;
use andon_api::condition::{self, ConditionType, Wanted};
use andon_api::reason::ConditionReason;
use andon_api::{
    PlantIntegrationStatus, PlantSiteSpec, PlantSiteStatus, SITE_LINE, ScheduleState, label,
};
use jiff::{Timestamp, tz::TimeZone};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// What the site controller saw of one plant.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ObservedSite {
    /// When it was seen.
    pub now: Timestamp,
    /// The plant.
    pub site: PlantSeen,
    /// The other plants of the same namespace.
    pub siblings: Vec<Named>,
    /// The `PlantIntegration` objects of the namespace.
    pub integrations: Vec<IntegrationSeen>,
}

/// A `PlantSite` as the API server gave it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PlantSeen {
    /// Its name and age.
    #[serde(flatten)]
    pub named: Named,
    /// Its namespace.
    pub namespace: String,
    /// Its UID; part of the owner reference of everything it owns.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// Its resource version: the precondition of the status write.
    pub resource_version: String,
    /// Whether somebody has deleted it.
    #[serde(default)]
    pub deleting: bool,
    /// Whether it carries the finalizer that keeps it until its lines are removed.
    #[serde(default)]
    pub finalizer: bool,
    /// What people ask.
    pub spec: PlantSiteSpec,
    /// What is remembered.
    pub status: PlantSiteStatus,
}

/// An object's name and age: where two speak for the same thing, the older one does.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
}

/// A `PlantIntegration` as the site controller sees it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationSeen {
    /// Its name, which is the integration's.
    pub name: String,
    /// Its UID: the precondition of changing or deleting it.
    pub uid: String,
    /// UID of the object that controls it.
    pub owner: Option<String>,
    /// The integration that it says it is.
    pub integration: String,
    /// Value of the plant label.
    pub plant: Option<String>,
    /// Whether somebody has deleted it.
    #[serde(default)]
    pub deleting: bool,
    /// Whether it carries the finalizer that keeps it until its lines are removed.
    #[serde(default)]
    pub finalizer: bool,
    /// What runs.
    pub status: PlantIntegrationStatus,
}

/// What the site controller writes.
#[must_use = "a plan that nobody carries out changes nothing"]
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SitePlan {
    /// Writes, in order. Each may be repeated without harm.
    pub changes: Vec<SiteChange>,
    /// The status after this plan.
    pub status: PlantSiteStatus,
    /// Whether it differs from the observed one.
    pub write_status: bool,
    /// When the calendar says something else; none: never, or there is none.
    pub wake: Option<Duration>,
}

/// One write of the site controller.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum SiteChange {
    /// Creates a `PlantIntegration`, or puts back its metadata and `spec.integration`.
    Apply {
        /// The integration; also the object's name.
        integration: String,
        /// UID of the object that is there; none: it must not be there.
        uid: Option<String>,
    },
    /// Keeps the `PlantSite` until its lines are removed, should somebody delete it.
    AddFinalizer,
    /// Lets a deleted `PlantSite` go.
    RemoveFinalizer,
    /// Deletes a `PlantIntegration`. It stays, by its finalizer, until its lines are removed.
    Delete {
        /// Its name.
        integration: String,
        /// Its UID.
        uid: String,
    },
}

/// Decides which `PlantIntegration` objects a plant has.
pub fn plan_site(observed: &ObservedSite) -> SitePlan {
    let site = &observed.site;
    if site.deleting {
        return leave(observed);
    }
    if let Some(older) = speaker(&site.named, &observed.siblings) {
        let message = format!(
            "namespace {} already belongs to PlantSite {}; a plant lives alone in its namespace: \
             move this PlantSite to a namespace of its own",
            site.namespace, older.name
        );
        return refused(observed, ConditionReason::NamespaceTaken, message);
    }
    if let Err(message) = validate(&site.spec, &site.namespace) {
        return refused(observed, ConditionReason::Invalid, message);
    }
    let wanted: BTreeSet<&str> = site
        .spec
        .integrations
        .iter()
        .map(|i| i.name.as_str())
        .collect();
    // Before anything runs that has to be drained.
    let mut changes: Vec<SiteChange> = (!site.finalizer)
        .then_some(SiteChange::AddFinalizer)
        .into_iter()
        .collect();
    changes.extend(wanted.iter().filter_map(|name| claim(observed, name)));
    let mut kept = Vec::new();
    for seen in own(observed) {
        let unwanted = !wanted.contains(seen.name.as_str());
        // A status that was lost says nothing; the integration controller puts it together first.
        let known = seen.status.observed_generation > 0;
        if seen.deleting {
            kept.push(left_of(seen));
        } else if unwanted && known && lines(&seen.status).is_empty() {
            changes.push(delete(seen));
        } else if unwanted {
            kept.push(left_of(seen));
        }
    }
    finish(observed, changes, accepted(&site.spec, &kept))
}

/// A plant that somebody deleted: its integrations are deleted too, each stays until its lines are removed in their order, and the
/// plant goes when none of them is left.
fn leave(observed: &ObservedSite) -> SitePlan {
    let site = &observed.site;
    let changes: Vec<SiteChange> = own(observed)
        .filter(|seen| !seen.deleting)
        .map(delete)
        .collect();
    let left: Vec<String> = own(observed).map(left_of).collect();
    if left.is_empty() && site.finalizer {
        let plan = finish(observed, vec![SiteChange::RemoveFinalizer], Vec::new());
        return SitePlan {
            write_status: false,
            ..plan
        };
    }
    let message = format!(
        "deleted; its lines are removed one by one, inside its windows and once nothing waits in their queues: {}; \
         {} on the PlantIntegration names lines whose documents may be left where they are",
        left.join(", "),
        label::SKIP_DRAIN
    );
    finish(observed, changes, waiting(&message))
}

/// The plant's own integrations.
fn own(observed: &ObservedSite) -> impl Iterator<Item = &IntegrationSeen> {
    let uid = observed.site.uid.as_str();
    let integrations = observed.integrations.iter();
    integrations.filter(move |seen| seen.owner.as_deref() == Some(uid))
}

fn delete(seen: &IntegrationSeen) -> SiteChange {
    SiteChange::Delete {
        integration: seen.name.clone(),
        uid: seen.uid.clone(),
    }
}

/// An integration, with its lines of which something is left.
fn left_of(seen: &IntegrationSeen) -> String {
    let running = lines(&seen.status);
    match running.is_empty() {
        true => seen.name.clone(),
        false => format!("{} (lines {})", seen.name, running.join(", ")),
    }
}

/// The object that speaks instead of `mine`, if an older one does. Names settle a tie, so that both sides agree.
pub(crate) fn speaker<'a>(mine: &Named, others: &'a [Named]) -> Option<&'a Named> {
    others
        .iter()
        .filter(|other| (other.created, &other.name) < (mine.created, &mine.name))
        .min_by_key(|other| (other.created, &other.name))
}

/// What the API server's schema cannot say about a plant.
fn validate(spec: &PlantSiteSpec, namespace: &str) -> Result<(), String> {
    if TimeZone::get(&spec.time_zone).is_err() {
        return Err(format!(
            "spec.timeZone: \"{}\" is no IANA time zone; write for instance Europe/Berlin",
            spec.time_zone
        ));
    }
    Calendar::of(spec).map_err(|wrong| {
        let texts: Vec<String> = wrong.iter().map(|it| format!("spec.{it}")).collect();
        texts.join("; ")
    })?;
    if spec.fleet == namespace {
        return Err(format!(
            "spec.fleet: \"{namespace}\" is the plant's own namespace; a plant lives alone in a namespace of its \
             own: keep the releases in another one and name that"
        ));
    }
    if let Some(message) = validated::problem(spec) {
        return Err(format!("spec.{message}"));
    }
    let mut names = BTreeSet::new();
    for (index, line) in spec.lines.iter().enumerate() {
        if line.name == SITE_LINE {
            return Err(format!(
                "spec.lines[{index}].name: \"{SITE_LINE}\" is kept for what a plant has once; choose another name"
            ));
        }
        if !names.insert(&line.name) {
            return Err(format!(
                "spec.lines[{index}].name: \"{}\" is there twice; every line has a name of its own",
                line.name
            ));
        }
    }
    let mut integrations = BTreeSet::new();
    for (index, choice) in spec.integrations.iter().enumerate() {
        if !integrations.insert(&choice.name) {
            return Err(format!(
                "spec.integrations[{index}].name: \"{}\" is there twice; list an integration once",
                choice.name
            ));
        }
        let excluded = choice.lines.iter().flat_map(|lines| &lines.exclude);
        if let Some(unknown) = excluded.into_iter().find(|name| !names.contains(name)) {
            return Err(format!(
                "spec.integrations[{index}].lines.exclude: \"{unknown}\" is not in spec.lines; name a line of this plant"
            ));
        }
    }
    Ok(())
}

/// The write that makes an integration this plant's own; none if it is already.
fn claim(observed: &ObservedSite, name: &str) -> Option<SiteChange> {
    let site = &observed.site;
    let seen = observed.integrations.iter().find(|seen| seen.name == name);
    // One that was deleted is made anew when it has gone.
    let right = seen.is_some_and(|seen| {
        let mine = seen.owner.as_deref() == Some(&site.uid)
            && seen.integration == name
            && seen.plant.as_deref() == Some(&site.named.name);
        seen.deleting || (mine && seen.finalizer)
    });
    (!right).then(|| SiteChange::Apply {
        integration: name.to_owned(),
        uid: seen.map(|seen| seen.uid.clone()),
    })
}

/// Lines of which something is left.
fn lines(status: &PlantIntegrationStatus) -> Vec<&str> {
    let lines = status.lines.iter();
    lines.map(|line| line.name.as_str()).collect()
}

fn accepted(spec: &PlantSiteSpec, kept: &[String]) -> Vec<Wanted> {
    if kept.is_empty() {
        let message = format!(
            "{}, {}",
            count(spec.lines.len(), "line"),
            count(spec.integrations.len(), "integration")
        );
        return vec![Wanted {
            kind: ConditionType::Ready,
            status: true,
            reason: ConditionReason::Accepted,
            message,
        }];
    }
    let message = format!(
        "no longer in spec.integrations, or deleted, and removed line by line once nothing waits in its queues: {}; see the \
         PlantIntegration of that name",
        kept.join(", ")
    );
    waiting(&message)
}

/// Not ready, and it will go on by itself.
fn waiting(message: &str) -> Vec<Wanted> {
    [
        (ConditionType::Ready, false),
        (ConditionType::Reconciling, true),
    ]
    .into_iter()
    .map(|(kind, status)| Wanted {
        kind,
        status,
        reason: ConditionReason::Waiting,
        message: message.to_owned(),
    })
    .collect()
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Not ready, and only a person can change that.
pub(crate) fn stalled(reason: ConditionReason, message: String) -> Vec<Wanted> {
    [
        (ConditionType::Ready, false),
        (ConditionType::Stalled, true),
    ]
    .into_iter()
    .map(|(kind, status)| Wanted {
        kind,
        status,
        reason,
        message: message.clone(),
    })
    .collect()
}

fn refused(observed: &ObservedSite, reason: ConditionReason, message: String) -> SitePlan {
    finish(observed, Vec::new(), stalled(reason, message))
}

fn finish(observed: &ObservedSite, changes: Vec<SiteChange>, wanted: Vec<Wanted>) -> SitePlan {
    let site = &observed.site;
    let calendar = Calendar::of(&site.spec).ok().flatten();
    let status = PlantSiteStatus {
        observed_generation: site.generation,
        schedule: calendar
            .as_ref()
            .map(|calendar| state(calendar, observed.now)),
        conditions: condition::merge(
            &site.status.conditions,
            &wanted,
            site.generation,
            observed.now,
        ),
    };
    SitePlan {
        changes,
        write_status: status != site.status,
        wake: calendar.and_then(|calendar| {
            let edge = calendar.next_edge(observed.now)?;
            Duration::try_from(edge.duration_since(observed.now)).ok()
        }),
        status,
    }
}

/// What the calendar says now. Only edges: nothing that ticks.
fn state(calendar: &Calendar, now: Timestamp) -> ScheduleState {
    let state = calendar.state(now);
    ScheduleState {
        closed: !state.open,
        reason: state.reason.to_string(),
        next_open: state.next_open.map(Time),
        next_close: state.next_close.map(Time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_api::{LinePhase, LineStatus, RenderingReference};
    use serde_json::json;

    fn observed() -> ObservedSite {
        let at: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        let spec = json!({
            "siteCode": "DE-ULM-01", "timeZone": "Europe/Berlin", "fleet": "andon-fleet",
            "lines": [{"name": "packaging-1", "criticality": 10}],
            "integrations": [{"name": "confirmations"}]
        });
        ObservedSite {
            now: at,
            site: PlantSeen {
                named: Named {
                    name: "ulm".into(),
                    created: at,
                },
                namespace: "plant-ulm".into(),
                uid: "site-uid".into(),
                generation: 3,
                resource_version: "7".into(),
                deleting: false,
                finalizer: true,
                spec: serde_json::from_value(spec).unwrap(),
                status: PlantSiteStatus::default(),
            },
            siblings: Vec::new(),
            integrations: Vec::new(),
        }
    }

    fn seen(name: &str) -> IntegrationSeen {
        IntegrationSeen {
            name: name.into(),
            uid: format!("{name}-uid"),
            owner: Some("site-uid".into()),
            integration: name.into(),
            plant: Some("ulm".into()),
            deleting: false,
            finalizer: true,
            status: PlantIntegrationStatus::default(),
        }
    }

    fn runs(line: &str) -> PlantIntegrationStatus {
        let reference = RenderingReference {
            version: "1.0.0".into(),
            digest: "sha256:aa".into(),
            revision: "r".into(),
            plant_part: None,
            requires: Vec::new(),
        };
        PlantIntegrationStatus {
            lines: vec![LineStatus {
                name: line.into(),
                phase: LinePhase::Steady,
                desired: None,
                running: Some(reference.clone()),
                last_good: Some(reference),
                promoted: None,
                trial: None,
                failed: None,
                removing: None,
                hold: None,
            }],
            ..PlantIntegrationStatus::default()
        }
    }

    fn condition(plan: &SitePlan, kind: ConditionType) -> (String, String, String) {
        let found = condition::find(&plan.status.conditions, kind).unwrap();
        (
            found.status.clone(),
            found.reason.clone(),
            found.message.clone(),
        )
    }

    #[test]
    fn a_plant_gets_its_finalizer_before_anything_runs() {
        let mut observed = observed();
        observed.site.finalizer = false;
        let plan = plan_site(&observed);
        assert_eq!(plan.changes[0], SiteChange::AddFinalizer);
        assert_eq!(plan.changes.len(), 2);
        // An older PlantIntegration without one gets it too.
        observed.site.finalizer = true;
        let older = IntegrationSeen {
            finalizer: false,
            ..seen("confirmations")
        };
        observed.integrations = vec![older];
        let uid = Some("confirmations-uid".to_owned());
        let integration = "confirmations".to_owned();
        assert_eq!(
            plan_site(&observed).changes,
            [SiteChange::Apply { integration, uid }]
        );
    }

    #[test]
    fn a_deleted_plant_goes_when_its_integrations_have_gone() {
        let mut observed = observed();
        observed.site.deleting = true;
        // Whatever its spec says now.
        observed.site.spec.time_zone = "nowhere".into();
        let mut running = seen("confirmations");
        running.status = runs("packaging-1");
        observed.integrations = vec![running];
        let plan = plan_site(&observed);
        assert_eq!(
            plan.changes,
            [SiteChange::Delete {
                integration: "confirmations".into(),
                uid: "confirmations-uid".into()
            }]
        );
        let (status, _, message) = condition(&plan, ConditionType::Ready);
        assert_eq!(status, "False");
        assert!(
            message.contains("confirmations (lines packaging-1)")
                && message.contains("andon.dev/skip-drain"),
            "{message}"
        );
        observed.integrations[0].deleting = true;
        assert_eq!(plan_site(&observed).changes, []);
        observed.integrations.clear();
        let plan = plan_site(&observed);
        assert_eq!(plan.changes, [SiteChange::RemoveFinalizer]);
        assert!(!plan.write_status);
    }

    #[test]
    fn an_integration_deleted_by_hand_is_made_anew_when_it_has_gone() {
        let mut observed = observed();
        let mut deleted = seen("confirmations");
        deleted.deleting = true;
        deleted.status = runs("packaging-1");
        observed.integrations = vec![deleted];
        let plan = plan_site(&observed);
        assert_eq!(plan.changes, []);
        let (status, _, message) = condition(&plan, ConditionType::Ready);
        assert_eq!(status, "False");
        assert!(
            message.contains("confirmations (lines packaging-1)"),
            "{message}"
        );
        observed.integrations.clear();
        let integration = "confirmations".to_owned();
        assert_eq!(
            plan_site(&observed).changes,
            [SiteChange::Apply {
                integration,
                uid: None
            }]
        );
    }

    #[test]
    fn an_integration_gets_its_object_and_the_plant_is_ready() {
        let plan = plan_site(&observed());
        assert_eq!(
            plan.changes,
            [SiteChange::Apply {
                integration: "confirmations".into(),
                uid: None
            }]
        );
        let ready = condition(&plan, ConditionType::Ready);
        assert_eq!(
            ready,
            (
                "True".into(),
                "Accepted".into(),
                "1 line, 1 integration".into()
            )
        );
        assert_eq!(plan.status.observed_generation, 3);
    }

    #[test]
    fn planning_again_changes_nothing() {
        let mut observed = observed();
        observed.site.status = plan_site(&observed).status;
        observed.integrations = vec![seen("confirmations")];
        observed.now = "2026-11-21T09:00:00Z".parse().unwrap();
        let plan = plan_site(&observed);
        assert_eq!((plan.changes, plan.write_status), (Vec::new(), false));
    }

    #[test]
    fn an_object_whose_owner_or_label_was_changed_is_put_back() {
        for spoil in [
            |seen: &mut IntegrationSeen| seen.owner = None,
            |seen: &mut IntegrationSeen| seen.plant = Some("other".into()),
        ] {
            let mut observed = observed();
            let mut wrong = seen("confirmations");
            spoil(&mut wrong);
            observed.integrations = vec![wrong];
            let expected = SiteChange::Apply {
                integration: "confirmations".into(),
                uid: Some("confirmations-uid".into()),
            };
            assert_eq!(plan_site(&observed).changes, [expected]);
        }
    }

    #[test]
    fn the_older_of_two_plants_owns_the_namespace() {
        let mut observed = observed();
        observed.siblings = vec![Named {
            name: "neu-ulm".into(),
            created: "2026-11-20T08:00:00Z".parse().unwrap(),
        }];
        let plan = plan_site(&observed);
        assert!(plan.changes.is_empty());
        for kind in [ConditionType::Ready, ConditionType::Stalled] {
            let (_, reason, message) = condition(&plan, kind);
            assert_eq!(reason, "NamespaceTaken");
            assert!(
                message.contains("plant-ulm") && message.contains("neu-ulm"),
                "{message}"
            );
        }
        observed.siblings[0].created = "2026-11-22T08:00:00Z".parse().unwrap();
        assert_eq!(plan_site(&observed).changes.len(), 1);
        // Made in the same second: the name decides, the same way from both sides.
        observed.siblings[0].created = observed.site.named.created;
        assert!(plan_site(&observed).changes.is_empty());
    }

    #[test]
    fn what_cannot_be_used_is_named_with_field_value_and_remedy() {
        type Spoil = fn(&mut PlantSiteSpec);
        let cases: [(Spoil, &str); 5] = [
            (
                |spec| spec.time_zone = "Europe/Ulm".into(),
                "spec.timeZone: \"Europe/Ulm\"",
            ),
            (
                |spec| spec.fleet = "plant-ulm".into(),
                "spec.fleet: \"plant-ulm\"",
            ),
            (
                |spec| spec.lines.push(spec.lines[0].clone()),
                "spec.lines[1].name: \"packaging-1\"",
            ),
            (
                |spec| spec.lines[0].name = "site".into(),
                "spec.lines[0].name: \"site\"",
            ),
            (
                |spec| spec.integrations.push(spec.integrations[0].clone()),
                "spec.integrations[1].name: \"confirmations\"",
            ),
        ];
        for (spoil, expected) in cases {
            let mut observed = observed();
            spoil(&mut observed.site.spec);
            let plan = plan_site(&observed);
            assert!(plan.changes.is_empty(), "{expected}");
            let (_, reason, message) = condition(&plan, ConditionType::Stalled);
            assert_eq!(reason, "Invalid");
            assert!(
                message.starts_with(expected) && message.contains("; "),
                "{message}"
            );
        }
    }

    #[test]
    fn a_removed_integration_goes_only_when_nothing_runs() {
        let mut observed = observed();
        observed.integrations = vec![seen("confirmations"), seen("orders")];
        let delete = SiteChange::Delete {
            integration: "orders".into(),
            uid: "orders-uid".into(),
        };
        // Nobody has looked at it: its status may have been lost.
        assert!(plan_site(&observed).changes.is_empty());
        observed.integrations[1].status.observed_generation = 1;
        assert_eq!(plan_site(&observed).changes, [delete]);
        observed.integrations[1].status = PlantIntegrationStatus {
            observed_generation: 1,
            ..runs("packaging-1")
        };
        let plan = plan_site(&observed);
        assert!(plan.changes.is_empty());
        let (_, reason, message) = condition(&plan, ConditionType::Reconciling);
        assert_eq!(reason, "Waiting");
        assert!(message.contains("orders (lines packaging-1)"), "{message}");
    }

    #[test]
    fn what_belongs_to_somebody_else_is_left_alone() {
        let mut observed = observed();
        let mut foreign = seen("orders");
        foreign.owner = None;
        observed.integrations = vec![seen("confirmations"), foreign];
        assert!(plan_site(&observed).changes.is_empty());
    }
}
