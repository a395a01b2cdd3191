//! Values between JSON and the template engine. By hand: through serde some map keys would have a meaning of their own.

use crate::template::LINE;
use crate::yaml::{SLOT, SLOT_END};
use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};
use serde_json::{Map, Number, Value as Json};

/// A template's value as JSON.
pub(crate) fn json_of(value: &Value) -> Result<Json, Error> {
    let refuse = |what: String| Err(Error::new(ErrorKind::InvalidOperation, what));
    match value.kind() {
        ValueKind::None => Ok(Json::Null),
        ValueKind::Bool => Ok(Json::Bool(value.is_true())),
        ValueKind::Number => number_of(value),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            if text.contains([SLOT, SLOT_END, LINE]) {
                return refuse(
                    "a filter or operator on the output of a macro or block; use it on the values inside".to_owned(),
                );
            }
            Ok(Json::String(text.to_owned()))
        }
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter()?.map(|item| json_of(&item)).collect()
        }
        ValueKind::Map => {
            let mut members = Map::new();
            for key in value.try_iter()? {
                let Json::String(name) = json_of(&key)? else {
                    return refuse(format!("the key {key} is no text; write keys as texts"));
                };
                members.insert(name, json_of(&value.get_item(&key)?)?);
            }
            Ok(Json::Object(members))
        }
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        other => refuse(format!("a value of kind {other} cannot stand in an object")),
    }
}

fn number_of(value: &Value) -> Result<Json, Error> {
    if value.is_integer()
        && let Some(number) = value.as_i64()
    {
        return Ok(Json::Number(number.into()));
    }
    f64::try_from(value.clone())
        .ok()
        .and_then(Number::from_f64)
        .map(Json::Number)
        .ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidOperation,
                format!("the number {value} does not fit an object"),
            )
        })
}

/// JSON as a template's value.
pub(crate) fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(number)) => Value::from(number),
            (None, None) => Value::from(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(value_of).collect::<Vec<_>>()),
        Json::Object(members) => value_of_map(members),
    }
}

pub(crate) fn value_of_map(members: &Map<String, Json>) -> Value {
    Value::from_pairs(
        members
            .iter()
            .map(|(key, member)| (key.as_str(), value_of(member))),
    )
}
