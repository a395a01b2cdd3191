//! Somebody edits or deletes what Andon made.

use super::{Act, Edit};
use crate::world::{Key, World};
use andon_api::label;
use serde_json::Value;
use std::rc::Rc;

impl World {
    pub(super) fn act_on_objects(&mut self, act: &Act) {
        if let Some(edit) = &act.edit
            && let Some(key) = self.find_object(edit)
        {
            self.tell(
                "",
                &format!(
                    "--- somebody edits {} {}: {}",
                    edit.kind, key.1, edit.pointer
                ),
            );
            if let Some(object) = self.objects.get_mut(&key) {
                let object = std::sync::Arc::make_mut(object);
                if let Some(place) = object.pointer_mut(&edit.pointer) {
                    *place = edit.value.clone();
                }
                let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
                object["metadata"]["generation"] = (generation + 1).into();
            }
            self.site_changed();
        }
        if let Some(edit) = &act.delete
            && let Some(key) = self.find_object(edit)
        {
            self.tell("", &format!("--- somebody deletes {} {}", edit.kind, key.1));
            let uid = self.objects[&key]["metadata"]["uid"]
                .as_str()
                .unwrap_or("")
                .to_owned();
            self.delete(&key.0, &key.1, &uid);
            self.site_changed();
        }
    }

    fn find_object(&self, edit: &Edit) -> Option<Rc<Key>> {
        let tag = |o: &Value, key: &str| {
            o["metadata"]["labels"][key]
                .as_str()
                .unwrap_or("")
                .to_owned()
        };
        let mut objects = self.objects.iter();
        let found = objects.find(|(key, o)| {
            key.0 == edit.kind
                && tag(o, label::LINE) == edit.line
                && tag(o, label::STAGE) == edit.stage
        });
        found.map(|(key, _)| Rc::clone(key))
    }
}
