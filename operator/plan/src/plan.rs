//! A plan: complete, so that carrying it out makes no choice.

use andon_api::PlantIntegrationStatus;
use andon_api::reason::EventReason;
use andon_render::Rendering;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// What to do, what to remember, what to tell, and when to look again.
#[must_use = "a plan that nobody carries out changes nothing"]
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Writes, in order. Each may be repeated without harm.
    pub changes: Vec<Change>,
    /// The status after this plan. Written after the changes, with the resource version that was observed as its
    /// precondition, and only if `write_status` says so.
    pub status: PlantIntegrationStatus,
    /// Whether the status differs enough from the observed one to be written (a count that merely ticks is written
    /// every ten seconds at most).
    pub write_status: bool,
    /// What to tell once the status is written.
    pub events: Vec<Event>,
    /// When to look again if nothing wakes us before; none: only a change can alter anything.
    pub wake: Option<Duration>,
}

/// One write to the plant.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// Keeps a rendering in the plant (create; if it is there already it is the same, names carry the digest).
    SaveRevision {
        /// Name of the ControllerRevision.
        name: String,
        /// Line it belongs to.
        line: String,
        /// Its number.
        number: i64,
        /// The rendering.
        rendering: Box<Rendering>,
    },
    /// Sets or takes off the marks of a revision.
    MarkRevision {
        /// Name of the ControllerRevision.
        name: String,
        /// Its UID.
        uid: String,
        /// Whether it is its line's newest last good.
        last_good: bool,
        /// Target digest it failed for.
        failed: Option<String>,
    },
    /// Forgets a rendering that nothing needs any more.
    DeleteRevision {
        /// Name of the ControllerRevision.
        name: String,
        /// Its UID.
        uid: String,
    },
    /// Applies an object (server-side apply; namespace and owner are added when it is carried out).
    Apply {
        /// The object.
        object: Value,
        /// UID of the object that is there now; none: it must not be there.
        uid: Option<String>,
    },
    /// Deletes an object in the foreground, so that it is seen until all of it has gone.
    Delete {
        /// `apiVersion` of the object.
        api_version: String,
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// Its UID: another object of the same name is left alone.
        uid: String,
    },
    /// Lets the PlantIntegration itself go, which somebody has deleted: nothing of it is left.
    RemoveFinalizer,
    /// Deletes a pod; its workload makes another one.
    DeletePod {
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
    },
}

/// Something to tell people.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Whether it is bad news.
    pub warning: bool,
    /// What happened, in one word.
    pub reason: EventReason,
    /// What happened, with the numbers that decided it.
    pub note: String,
    /// The moving object: its kind, API version and name.
    pub related: Option<Related>,
}

/// The object an event is about, beside the `PlantIntegration`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Related {
    /// `apiVersion`.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}
