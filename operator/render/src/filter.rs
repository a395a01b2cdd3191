//! The filters, tests and functions that templates may use: a closed list.
//!
//! The engine's own list has some that write values as text (`safe`, `escape`, `tojson`, `debug`, and `replace`, `join`
//! and `format` when they meet a macro's output). None of those is here; where one is useful, it is written anew so
//! that it yields a plain value, which goes into a slot like any other. `namespace` is missing too: with it a loop could
//! nest a value so deep that dropping it overflows the stack.

use crate::canonical;
use crate::value::json_of;
use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, filters, functions, tests};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What templates may use, for error messages.
pub(crate) const FILTERS: &[&str] = &[
    "abs",
    "b64encode",
    "capitalize",
    "default",
    "dictsort",
    "first",
    "float",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "round",
    "select",
    "selectattr",
    "sort",
    "split",
    "string",
    "tojson",
    "trim",
    "unique",
    "upper",
];

/// What templates may call, for error messages.
pub(crate) const FUNCTIONS: &[&str] = &["dict", "fail", "file", "files", "range"];

/// Adds everything but the functions that read the blueprint's files.
pub(crate) fn add(env: &mut Environment<'static>) {
    env.add_filter("abs", filters::abs);
    env.add_filter("b64encode", |text: String| base64(text.as_bytes()));
    env.add_filter("capitalize", filters::capitalize);
    env.add_filter("default", filters::default);
    env.add_filter("dictsort", filters::dictsort);
    env.add_filter("first", filters::first);
    env.add_filter("float", filters::float);
    env.add_filter("int", filters::int);
    env.add_filter("items", filters::items);
    env.add_filter("join", join);
    env.add_filter("last", filters::last);
    env.add_filter("length", filters::length);
    env.add_filter("list", filters::list);
    env.add_filter("lower", filters::lower);
    env.add_filter("map", filters::map);
    env.add_filter("max", filters::max);
    env.add_filter("min", filters::min);
    env.add_filter("reject", filters::reject);
    env.add_filter("rejectattr", filters::rejectattr);
    env.add_filter("replace", replace);
    env.add_filter("round", filters::round);
    env.add_filter("select", filters::select);
    env.add_filter("selectattr", filters::selectattr);
    env.add_filter("sort", filters::sort);
    env.add_filter("split", filters::split);
    env.add_filter("string", filters::string);
    env.add_filter("tojson", tojson);
    env.add_filter("trim", filters::trim);
    env.add_filter("unique", filters::unique);
    env.add_filter("upper", filters::upper);

    env.add_test("defined", tests::is_defined);
    env.add_test("undefined", tests::is_undefined);
    env.add_test("none", tests::is_none);
    env.add_test("boolean", tests::is_boolean);
    env.add_test("number", tests::is_number);
    env.add_test("integer", tests::is_integer);
    env.add_test("string", tests::is_string);
    env.add_test("mapping", tests::is_mapping);
    env.add_test("sequence", tests::is_sequence);
    env.add_test("startingwith", tests::is_startingwith);
    env.add_test("endingwith", tests::is_endingwith);
    env.add_test("in", tests::is_in);
    env.add_test("eq", tests::is_eq);
    env.add_test("ne", tests::is_ne);
    env.add_test("true", tests::is_true);
    env.add_test("false", tests::is_false);

    env.add_function("range", functions::range);
    env.add_function("dict", functions::dict);
    env.add_function("fail", |message: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
}

/// Adds `file(path)` and `files(folder)`.
pub(crate) fn add_files(env: &mut Environment<'static>, content: Arc<BTreeMap<String, String>>) {
    let all = Arc::clone(&content);
    env.add_function("file", move |path: String| match all.get(&path) {
        Some(text) => Ok(Value::from(text.as_str())),
        None => Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("there is no file {path}; there are {}", names(&all)),
        )),
    });
    env.add_function("files", move |folder: String| {
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let direct = |(path, text): (&String, &String)| {
            let name = path.strip_prefix(&prefix)?;
            (!name.contains('/')).then(|| (name.to_owned(), Value::from(text.as_str())))
        };
        let found: Vec<(String, Value)> = content.iter().filter_map(direct).collect();
        if found.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidOperation,
                format!(
                    "there is no file in {folder}; there are {}",
                    names(&content)
                ),
            ));
        }
        Ok(Value::from_pairs(found))
    });
}

fn names(content: &BTreeMap<String, String>) -> String {
    let names: Vec<&str> = content.keys().map(String::as_str).collect();
    names.join(", ")
}

fn values_only(values: &[&Value]) -> Result<(), Error> {
    if values.iter().any(|value| value.is_safe()) {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            "a filter on the output of a macro or block; use it on the values inside",
        ));
    }
    Ok(())
}

fn text(value: &Value) -> Result<String, Error> {
    values_only(&[value])?;
    match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => Ok(match json_of(value)? {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        }),
        other => Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("{other} where a text is needed"),
        )),
    }
}

fn replace(value: &Value, from: &Value, to: &Value) -> Result<String, Error> {
    Ok(text(value)?.replace(&text(from)?, &text(to)?))
}

fn join(value: &Value, separator: Rest<Value>) -> Result<String, Error> {
    let separator = separator.first().map_or(Ok(String::new()), text)?;
    let items: Vec<String> = value
        .try_iter()?
        .map(|item| text(&item))
        .collect::<Result<_, _>>()?;
    Ok(items.join(&separator))
}

/// JSON with sorted keys: the same on every machine.
fn tojson(value: &Value) -> Result<String, Error> {
    Ok(canonical::text_of(&json_of(value)?))
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for index in 0..4 {
            if index > chunk.len() {
                out.push('=');
            } else {
                let digit = (group >> (18 - 6 * index)) & 63;
                out.push(char::from(ALPHABET[digit as usize]));
            }
        }
    }
    out
}

#[cfg(test)]
mod unit {
    use super::base64;

    #[test]
    fn base64_is_the_standard_one() {
        for (text, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), coded);
        }
    }
}
