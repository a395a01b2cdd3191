//! Validated lines: what they run changes only once enough people have approved the very rendering, by its digest. A line that
//! goes back asks nobody: what it goes back to was approved before, and harm does not wait for a signature.

use crate::approval::{self, Question, Subject};
use crate::hold::Hold;
use crate::input::Input;
use crate::observed::{Observed, Seen};
use andon_api::{ApprovalPolicy, ApprovedLine, LineStatus, PlantSiteSpec, SITE_LINE};
use serde_json::json;

/// Why a two-person rule holds although the release has an author.
const EDITED: &str =
    "nobody knows who edited the PlantSite, whose part in it is not what the line runs with";

/// Whether a line is validated. What the plant needs once serves every line, so it is if any line is.
pub(crate) fn is_so(observed: &Observed, line: &str) -> bool {
    let mut lines = observed.site.spec.lines.iter();
    lines.any(|it| it.validated && (it.name == line || line == SITE_LINE))
}

/// Why a validated line must not be changed to the rendering with this digest now; none: it may, or the line is not validated.
pub(crate) fn obstacle(input: &Input<'_>, line: &LineStatus, digest: &str) -> Option<Hold> {
    let observed = input.observed;
    if !is_so(observed, &line.name) {
        return None;
    }
    let policy = match policy(&observed.site.spec) {
        Ok(policy) => policy,
        Err(message) => return Some(Hold::SpecInvalid { message }),
    };
    let target = input.target()?;
    let (namespace, release) = target
        .release
        .split_once('/')
        .unwrap_or(("", &target.release));
    let approvals = match &observed.approvals {
        Seen::Present(approvals) => approvals.as_slice(),
        Seen::Absent => &[],
        Seen::Unknown(why) => {
            let why = format!("namespace {namespace}: {why}");
            return Some(Hold::ApprovalsUnknown { why });
        }
    };
    let approved = ApprovedLine {
        plant: observed.site.namespace.clone(),
        name: line.name.clone(),
    };
    let subject = Subject::Line {
        release,
        line: &approved,
    };
    let question = Question {
        subject,
        digest,
        author: target.author.as_deref(),
        also_unknown: is_edited(observed, line).then_some(EDITED),
        now: input.now(),
    };
    let missing = approval::missing(policy, approvals, &question)?;
    Some(Hold::AwaitingApproval { missing })
}

/// Digest of what a validated line should run and does not run yet.
pub(crate) fn desired(input: &Input<'_>, line: &LineStatus) -> Option<String> {
    if !is_so(input.observed, &line.name) {
        return None;
    }
    let digest = &input.desired(&line.name)?.ok()?.digest;
    let runs = line.last_good.as_ref().map(|kept| &kept.digest);
    (runs != Some(digest)).then(|| digest.clone())
}

/// Whether the plant's own part may be another one than in what the line runs: then somebody whom nobody knows changed it.
fn is_edited(observed: &Observed, line: &LineStatus) -> bool {
    let runs = line.last_good.as_ref();
    let then = runs.and_then(|kept| kept.plant_part.as_ref());
    then != Some(&plant_part(observed, &line.name))
}

/// Digest of all that the PlantSite puts into what a line runs.
pub(crate) fn plant_part(observed: &Observed, line: &str) -> String {
    let spec = &observed.site.spec;
    let integration = &observed.integration.spec.integration;
    let mut chosen = spec.integrations.iter();
    let mut lines = spec.lines.iter();
    let line = lines.find(|it| it.name == line);
    andon_render::digest_json(&json!({
        "plant": [observed.site.name, observed.site.namespace, spec.site_code, spec.time_zone],
        "parameters": spec.parameters,
        "integration": chosen.find(|it| it.name == *integration).map(|it| &it.parameters),
        "line": line.map(|it| json!({"criticality": it.criticality, "parameters": it.parameters})),
    }))
}

/// Who must approve; an error says what is missing in the PlantSite.
pub(crate) fn policy(spec: &PlantSiteSpec) -> Result<&ApprovalPolicy, String> {
    let policy = spec.validation.as_ref().map(|it| &it.approval);
    let remedy =
        "write which groups must approve changes of validated lines, and how many people of each";
    match policy {
        None => Err(format!(
            "validation.approval: is missing though a line is validated; {remedy}"
        )),
        Some(policy) if policy.all_of.is_empty() => Err(format!(
            "validation.approval.allOf: names no group; {remedy}"
        )),
        Some(policy) => match policy.all_of.iter().position(|it| it.count < 1) {
            Some(index) => Err(format!(
                "validation.approval.allOf[{index}].count: {} is less than 1; {remedy}",
                policy.all_of[index].count
            )),
            None => Ok(policy),
        },
    }
}

/// What is wrong with how a PlantSite asks for approvals; none: nothing.
pub(crate) fn problem(spec: &PlantSiteSpec) -> Option<String> {
    let asked = spec.validation.is_some() || spec.lines.iter().any(|it| it.validated);
    policy(spec).err().filter(|_| asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_with(validation: serde_json::Value, validated: bool) -> Option<String> {
        let mut spec = json!({
            "siteCode": "DE-ULM-01", "timeZone": "Europe/Berlin", "fleet": "andon-fleet",
            "lines": [{"name": "filling-1", "criticality": 50, "validated": validated}],
        });
        if !validation.is_null() {
            spec["validation"] = validation;
        }
        problem(&serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn who_approves_is_said_before_it_is_needed() {
        let approval = |all_of| json!({"approval": {"allOf": all_of}});
        let good = approval(json!([{"group": "qa", "count": 1}]));
        assert_eq!(problem_with(json!(null), false), None);
        assert_eq!(problem_with(good.clone(), true), None);
        assert_eq!(problem_with(good, false), None);
        for (validation, said) in [
            (json!(null), "validation.approval: is missing"),
            (
                approval(json!([])),
                "validation.approval.allOf: names no group",
            ),
            (
                approval(json!([{"group": "qa", "count": 0}])),
                "validation.approval.allOf[0].count: 0 is less than 1",
            ),
        ] {
            let message = problem_with(validation, true).unwrap();
            assert!(message.starts_with(said), "{message}");
        }
    }
}
