//! Fills the slots of a tree with values.
//!
//! A slot alone, without quotes, becomes its value, whatever its type; in quotes or beside other text its value must be
//! a text, a number or a truth value, and becomes text.

use crate::problem::{Place, shown};
use crate::yaml::{Content, Flaw, Key, Node, Open, SLOT, SLOT_END, key_text, twice};
use serde_json::{Map, Value};

/// The value of a node, with its slots filled.
pub(crate) fn fill(node: &Node, slots: &[Value]) -> Result<Value, Flaw> {
    match &node.content {
        Content::Leaf(value) => Ok(value.clone()),
        Content::Open(open) => scalar(open, slots, node.place),
        Content::List(items) => items.iter().map(|item| fill(item, slots)).collect(),
        Content::Map(members) => {
            let mut filled = Map::new();
            for (key, member) in members {
                let name = name(key, slots)?;
                if filled.insert(name.clone(), fill(member, slots)?).is_some() {
                    return Err(twice(&name, key.place));
                }
            }
            Ok(Value::Object(filled))
        }
    }
}

fn name(key: &Key, slots: &[Value]) -> Result<String, Flaw> {
    if !key.open {
        return Ok(key.text.clone());
    }
    match whole(&key.text, slots) {
        Some(value) => key_text(value.clone(), key.place),
        None => text(&key.text, slots, key.place),
    }
}

fn scalar(open: &Open, slots: &[Value], at: Place) -> Result<Value, Flaw> {
    match whole(&open.text, slots) {
        Some(value) if open.plain => Ok(value.clone()),
        _ => text(&open.text, slots, at).map(Value::String),
    }
}

/// The value of a text that is one slot and nothing else.
fn whole<'a>(text: &str, slots: &'a [Value]) -> Option<&'a Value> {
    let number = text.strip_prefix(SLOT)?.strip_suffix(SLOT_END)?;
    slots.get(number.parse::<usize>().ok()?)
}

fn text(text: &str, slots: &[Value], at: Place) -> Result<String, Flaw> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(SLOT) {
        filled.push_str(before);
        let slot = after.split_once(SLOT_END);
        let value = slot.and_then(|(number, _)| slots.get(number.parse::<usize>().ok()?));
        let (Some((_, behind)), Some(value)) = (slot, value) else {
            return Err(Flaw::new(
                at,
                "a filter cut through a value's place",
                "use filters on values, not on the output of macros, set blocks or call blocks",
            ));
        };
        match value {
            Value::String(text) => filled.push_str(text),
            Value::Number(number) => filled.push_str(&number.to_string()),
            Value::Bool(flag) => filled.push_str(if *flag { "true" } else { "false" }),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(Flaw::new(
                    at,
                    format!("{} inside a text", shown(value)),
                    "put it alone after the colon and without quotes, or use the filter tojson",
                ));
            }
        }
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}
