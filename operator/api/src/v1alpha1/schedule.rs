//! `spec.schedule` of a PlantSite: when a plant may be changed, and when it produces. What a schema cannot say, the operator
//! checks and says in a condition.

use crate::rule;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a plant may be changed and when it produces.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schedule {
    /// When changes are allowed or denied. Without an `Allow` window they are always allowed, except where something denies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub windows: Vec<Window>,
    /// Days without changes, such as holidays and stocktaking.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub not_allowed_dates: Vec<NotAllowedDate>,
    /// When the plant produces: the union of all shifts. Left out: always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 21))]
    pub shifts: Vec<Shift>,
    /// Spans without changes that somebody ordered, such as an audit or a launch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub freezes: Vec<Freeze>,
}

/// What a window does.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum WindowKind {
    /// Changes may be made while it is open.
    Allow,
    /// No changes while it is open; wins over every `Allow`.
    Deny,
}

/// A recurring window.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Window {
    /// Unique among the windows of the plant.
    #[schemars(length(max = rule::LABEL))]
    pub name: String,
    /// Allow or deny.
    pub kind: WindowKind,
    /// When it opens: five cron fields (minute, hour, day of month, month, day of week), for instance `0 6 * * 1-5`.
    #[schemars(length(max = 64))]
    pub cron: String,
    /// How long it stays open, in elapsed time, for instance `8h`. May be longer than the time to the next opening.
    #[schemars(length(max = rule::DURATION))]
    #[x_kube(validation = rule::duration("duration")[0].clone(), validation = rule::duration("duration")[1].clone())]
    pub duration: String,
    /// IANA time zone of `cron`. Left out: the plant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rule::TEXT))]
    #[x_kube(validation = rule::time_zone("timeZone"))]
    pub time_zone: Option<String>,
}

/// Days without changes.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NotAllowedDate {
    /// First day, in the plant's time zone, for instance `2026-12-24`.
    #[schemars(length(max = 40))]
    pub from: String,
    /// Last day, inclusive.
    #[schemars(length(max = 40))]
    pub to: String,
    /// Why, for people.
    #[schemars(length(max = rule::TEXT))]
    pub reason: String,
    /// Where it was decided, for instance a change number.
    #[schemars(length(max = rule::TEXT))]
    pub reference: String,
}

/// A weekday.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// A shift: hours in which the plant produces.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Shift {
    /// Unique among the shifts of the plant.
    #[schemars(length(max = rule::LABEL))]
    pub name: String,
    /// Days on which it begins.
    #[schemars(length(max = 7))]
    pub days: Vec<Day>,
    /// Civil time of its beginning, for instance `06:00`.
    #[schemars(length(max = 40))]
    pub from: String,
    /// Civil time of its end. Not later than `from`: on the next day; the same as `from`: the whole way round.
    #[schemars(length(max = 40))]
    pub to: String,
}

/// An ordered span without changes.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Freeze {
    /// Unique among the freezes of the plant, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rule::LABEL))]
    pub name: Option<String>,
    /// First instant of the freeze, RFC 3339, for instance `2026-11-20T18:00:00+01:00`.
    #[schemars(length(max = 40))]
    pub from: String,
    /// First instant after it, RFC 3339.
    #[schemars(length(max = 40))]
    pub to: String,
    /// Why, for people.
    #[schemars(length(max = rule::TEXT))]
    pub reason: String,
    /// Where it was ordered.
    #[schemars(length(max = rule::TEXT))]
    pub ticket: String,
}

/// Whether a plant may be changed now, and when that changes. Instants are edges of its calendar: nothing here ticks.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleState {
    /// Whether no change may start.
    pub closed: bool,
    /// Why.
    pub reason: String,
    /// When changes may start again, or next after this opening; none: not within nine years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_open: Option<Time>,
    /// When this opening, or the next one, ends; none: not within ten years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_close: Option<Time>,
}
