//! Tells events.

use super::{Error, Owner, Writer};
use andon_plan::Event;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1 as events;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::PostParams;
use kube::{Api, ResourceExt};

impl Writer {
    /// Tells an event.
    pub async fn tell(
        &self,
        regarding: &Owner,
        instance: &str,
        event: &Event,
    ) -> Result<(), Error> {
        let now = jiff::Timestamp::now();
        let related = event.related.as_ref().map(|it| ObjectReference {
            api_version: Some(it.api_version.clone()),
            kind: Some(it.kind.clone()),
            name: Some(it.name.clone()),
            namespace: Some(regarding.namespace.clone()),
            ..ObjectReference::default()
        });
        let reason = event.reason.as_str().to_owned();
        let mut object = events::Event {
            event_time: Some(MicroTime(now)),
            type_: Some(if event.warning { "Warning" } else { "Normal" }.to_owned()),
            action: Some(reason.clone()),
            reason: Some(reason),
            note: Some(clipped(&event.note)),
            regarding: Some(regarding.object_reference()),
            related,
            reporting_controller: Some("andon.dev/operator".to_owned()),
            reporting_instance: Some(instance.chars().take(128).collect()),
            ..events::Event::default()
        };
        object.metadata.namespace = Some(regarding.namespace.clone());
        object.metadata.name = Some(format!("{}.{:x}", regarding.name, now.as_nanosecond()));
        let api = Api::<events::Event>::namespaced(self.client.clone(), &regarding.namespace);
        let what = format!("event {}", object.name_any());
        self.edge(&what, api.create(&PostParams::default(), &object))
            .await?;
        Ok(())
    }
}

/// The longest note the API takes is 1 kB.
fn clipped(note: &str) -> String {
    const LONGEST: usize = 1000;
    if note.len() <= LONGEST {
        return note.to_owned();
    }
    let end = (0..=LONGEST).rev().find(|at| note.is_char_boundary(*at));
    format!("{}…", &note[..end.unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_note_is_clipped_between_characters() {
        assert_eq!(clipped("short"), "short");
        let clipped = clipped(&"ü".repeat(900));
        assert!(
            clipped.len() <= 1024 && clipped.ends_with('…'),
            "{}",
            clipped.len()
        );
    }
}
