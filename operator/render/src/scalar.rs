//! Plain scalars: what is a number, what a text, and what nobody should have to guess.

use crate::problem::{Place, alternatives};
use crate::yaml::Flaw;
use serde_json::{Number, Value};

/// A plain scalar, by the core schema; refused where YAML 1.1 readers, kubectl and Helm among them, see something else.
pub(crate) fn plain(text: &str, at: Place) -> Result<Value, Flaw> {
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "" | "~" | "null" => return Ok(Value::Null),
        "true" => return Ok(Value::Bool(true)),
        "false" => return Ok(Value::Bool(false)),
        "yes" | "on" | "y" => return Err(ambiguous(text, at, &["true"])),
        "no" | "off" | "n" => return Err(ambiguous(text, at, &["false"])),
        ".nan" | ".inf" | "+.inf" | "-.inf" => return Err(ambiguous(text, at, &[])),
        _ => {}
    }
    let unsigned = lower.strip_prefix(['+', '-']).unwrap_or(&lower);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Ok(Value::String(text.to_owned()));
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits(unsigned) {
        if unsigned.len() > 1 && unsigned.starts_with('0') {
            return Err(ambiguous(text, at, &[unsigned.trim_start_matches('0')]));
        }
        let trimmed = text.strip_prefix('+').unwrap_or(text);
        return match trimmed.parse::<i64>() {
            Ok(number) => Ok(Value::Number(number.into())),
            Err(_) => Err(ambiguous(text, at, &[])),
        };
    }
    if digits(&unsigned.replace('_', "")) {
        return Err(ambiguous(text, at, &[&unsigned.replace('_', "")]));
    }
    let based = |prefix: &str, radix: u32| {
        let rest = unsigned.strip_prefix(prefix)?;
        (!rest.is_empty() && rest.chars().all(|c| c.is_digit(radix))).then_some(())
    };
    if based("0x", 16)
        .or(based("0o", 8))
        .or(based("0b", 2))
        .is_some()
    {
        return Err(ambiguous(text, at, &["the number in decimal"]));
    }
    let float = unsigned.contains(|c: char| c.is_ascii_digit())
        && unsigned
            .bytes()
            .all(|b| b.is_ascii_digit() || b".e+-".contains(&b));
    match lower
        .parse::<f64>()
        .ok()
        .filter(|_| float)
        .and_then(Number::from_f64)
    {
        Some(number) => Ok(Value::Number(number)),
        None => Ok(Value::String(text.to_owned())),
    }
}

fn ambiguous(text: &str, at: Place, instead: &[&str]) -> Flaw {
    let mut remedies: Vec<String> = instead.iter().map(|word| (*word).to_owned()).collect();
    remedies.push(format!("\"{text}\" in quotes for the text"));
    Flaw::new(
        at,
        format!("{text} means different things to different YAML readers"),
        format!("write {}", alternatives(&remedies)),
    )
}
