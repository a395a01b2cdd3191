//! Validated lines: what people say about them.

use super::act::Act;
use super::{INTEGRATION, World};
use andon_api::{ApprovalSpec, ApprovedLine};
use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Deserialize;
use serde_json::{Value, json};

/// An approval.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Approve {
    /// Who.
    pub by: String,
    /// In which groups.
    pub groups: Vec<String>,
    /// The line.
    pub line: String,
    /// Seconds from now after which it counts no more.
    #[serde(default)]
    pub expires: Option<i64>,
}

impl World {
    pub(super) fn act_on_validation(&mut self, act: &Act) {
        if let Some(author) = &act.author {
            self.author = Some(author.clone());
            let author = self.author.clone();
            if let Some(target) = &mut self.integration.spec.target {
                target.author = author;
                self.spec_changed();
            }
        }
        if let Some(groups) = &act.approvers {
            self.name_approvers(groups);
        }
        if let Some(lines) = &act.validated {
            let told = match lines.is_empty() {
                true => "no line is validated".to_owned(),
                false => format!("{} is validated", lines.join(", ")),
            };
            self.tell("", &format!("--- {told}"));
            for line in &mut self.site.spec.lines {
                line.validated = lines.contains(&line.name);
            }
            self.site_changed();
        }
        if let Some(approve) = &act.approve {
            self.approve(approve);
        }
        if let Some(who) = &act.revoke {
            self.tell("", &format!("--- the Approvals of {who} are deleted"));
            self.approvals.retain(|it| it.approver != *who);
            self.site_changed();
        }
    }

    fn name_approvers(&mut self, groups: &[String]) {
        let all_of = groups
            .iter()
            .map(|group| json!({"group": group, "count": 1}));
        let all_of: Vec<Value> = all_of.collect();
        let validation = json!({"approval": {"allOf": all_of}});
        self.site.spec.validation = match groups.is_empty() {
            true => None,
            false => serde_json::from_value(validation).ok(),
        };
        self.site_changed();
    }

    /// Somebody reads in the status what a line should run, and approves it.
    pub fn approve(&mut self, approve: &Approve) {
        let Approve {
            by, groups, line, ..
        } = approve;
        let until = match approve.expires {
            Some(seconds) => format!(", for {seconds} s"),
            None => String::new(),
        };
        let groups_told = groups.join(", ");
        let mut lines = self.integration.status.lines.iter();
        let desired = lines.find(|it| it.name == *line);
        let Some(digest) = desired.and_then(|it| it.desired.clone()) else {
            let told = format!("--- {by} ({groups_told}) finds nothing to approve");
            return self.tell(line, &told);
        };
        self.tell(
            line,
            &format!("--- {by} ({groups_told}) approves what it should run{until}"),
        );
        let expires = approve.expires.map(SignedDuration::from_secs);
        self.approvals.push(ApprovalSpec {
            release: INTEGRATION.to_owned(),
            digest,
            wave: None,
            line: Some(ApprovedLine {
                plant: self.site.namespace.clone(),
                name: line.clone(),
            }),
            approver: by.clone(),
            groups: groups.clone(),
            comment: None,
            expires: expires.map(|it| Time(self.now + it)),
        });
        self.site_changed();
    }
}
