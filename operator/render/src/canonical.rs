//! Digests: SHA-256 over canonical JSON, the same on every machine.

use crate::Parameters;
use andon_api::{BlueprintSpec, digest};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// JSON with sorted keys and no white space. Sorts by itself: whether `serde_json` keeps maps sorted depends on
/// features that any crate of the build may switch on.
fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| key.as_str());
            out.push(b'{');
            for (index, (key, member)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                scalar(key, out);
                out.push(b':');
                write(member, out);
            }
            out.push(b'}');
        }
        value => scalar(value, out),
    }
}

fn scalar<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    // Writing to memory cannot fail, and every text and number has its JSON.
    let _ = serde_json::to_writer(out, value);
}

/// A value's canonical JSON.
pub(crate) fn text_of(value: &Value) -> String {
    let mut text = Vec::new();
    write(value, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// `sha256:` and the digits of a value's canonical JSON.
pub(crate) fn digest_of(value: &Value) -> String {
    let mut text = Vec::new();
    write(value, &mut text);
    let mut hex = String::with_capacity(digest::PREFIX.len() + 64);
    hex.push_str(digest::PREFIX);
    for byte in Sha256::digest(&text) {
        for half in [byte >> 4, byte & 15] {
            hex.push(char::from_digit(u32::from(half), 16).unwrap_or_default());
        }
    }
    hex
}

/// Digest of everything a blueprint holds.
pub fn content_digest(blueprint: &BlueprintSpec) -> String {
    digest_json(blueprint)
}

/// Digest of anything that serializes to JSON: the target digest is one of `{blueprint content digest, parameters,
/// analysis}`.
pub fn digest_json<T: Serialize>(value: &T) -> String {
    // The API's types have string keys and finite numbers only, so they always serialize; a type that does not
    // still gets a digest, of its error.
    let value =
        serde_json::to_value(value).unwrap_or_else(|error| Value::String(error.to_string()));
    digest_of(&value)
}

/// Deep merge: members of `over` win, member by member; anything but an object replaces what was there.
pub(crate) fn merge(under: &mut Parameters, over: &Parameters) {
    for (key, value) in over {
        match (under.get_mut(key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => merge(below, above),
            _ => {
                under.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn canonical_json_is_sorted_and_dense() {
        let value = json!({"b": [1, 2.5, null], "a": {"d": "x\n", "c": true}});
        assert_eq!(
            text_of(&value),
            r#"{"a":{"c":true,"d":"x\n"},"b":[1,2.5,null]}"#
        );
    }

    #[test]
    fn a_digest_is_the_same_on_every_machine() {
        assert_eq!(
            digest_of(&json!({})),
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
    }
}
