//! YAML as Kubernetes means it, with the place of every node.
//!
//! Stricter than YAML: what two parsers read differently is refused instead of guessed (`yes`, `0644`, `1_000`), and
//! so is what has no place in a template (anchors, aliases, tags, merge keys). Slots, the places where values go, are
//! filled in the tree: see `template.rs`.

use crate::problem::{Place, alternatives};
use granit_parser::{Event, Marker, Options, Parser, ScalarStyle, ScanError, Span, StrInput};
use serde_json::{Map, Number, Value};

/// Opens a slot; its number follows.
pub(crate) const SLOT: char = '\u{E000}';
/// Closes a slot.
pub(crate) const SLOT_END: char = '\u{E001}';

/// What is wrong in a YAML text, and where in that text.
#[derive(Debug)]
pub(crate) struct Flaw {
    pub place: Place,
    pub problem: String,
    pub remedy: String,
}

impl Flaw {
    fn new(place: Place, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            place,
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

/// A node and where it begins.
#[derive(Debug)]
pub(crate) struct Node {
    pub place: Place,
    pub content: Content,
}

/// What a node holds. A slot's value is a leaf, whatever its type.
#[derive(Debug)]
pub(crate) enum Content {
    Leaf(Value),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The place of the node at `path`, or of the nearest node above it.
    pub fn place_of(&self, path: &[&str]) -> Place {
        let mut node = self;
        for step in path {
            let below = match &node.content {
                Content::Map(members) => members
                    .iter()
                    .find(|(key, _)| key == step)
                    .map(|(_, member)| member),
                Content::List(items) => step
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index)),
                Content::Leaf(_) => None,
            };
            match below {
                Some(member) => node = member,
                None => break,
            }
        }
        node.place
    }

    pub fn to_value(&self) -> Value {
        match &self.content {
            Content::Leaf(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::to_value).collect(),
            Content::Map(members) => Value::Object(
                members
                    .iter()
                    .map(|(key, member)| (key.clone(), member.to_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }
}

/// Parses every document of a text; empty documents are left out.
pub(crate) fn parse(text: &str, slots: &[Value]) -> Result<Vec<Node>, Flaw> {
    let mut options = Options::default();
    options.emit_comments = false;
    let mut tree = Tree {
        parser: Parser::new_from_str_with_options(text, options),
        slots,
    };
    let mut documents = Vec::new();
    loop {
        let (event, at) = tree.next()?;
        match event {
            Event::StreamEnd => return Ok(documents),
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
            other => {
                let document = tree.node(other, at)?;
                if !matches!(document.content, Content::Leaf(Value::Null)) {
                    documents.push(document);
                }
            }
        }
    }
}

/// Whether a text is YAML at all; for files that others read by their own rules.
pub(crate) fn is_yaml(text: &str) -> Result<(), Flaw> {
    Parser::new_from_str(text)
        .try_for_each(|event| event.map(drop).map_err(|error| not_yaml(&error)))
}

fn not_yaml(error: &ScanError) -> Flaw {
    Flaw::new(
        place(error.marker()),
        format!("not YAML: {}", error.info()),
        "check indentation, brackets and quotes here and in the line above",
    )
}

struct Tree<'text> {
    parser: Parser<'text, StrInput<'text>>,
    slots: &'text [Value],
}

fn place(marker: &Marker) -> Place {
    Place {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

impl<'text> Tree<'text> {
    fn next(&mut self) -> Result<(Event<'text>, Place), Flaw> {
        match self.parser.next() {
            Some(Ok((event, span))) => Ok((event, start(&span))),
            Some(Err(error)) => Err(not_yaml(&error)),
            None => Ok((Event::StreamEnd, Place { line: 1, column: 1 })),
        }
    }

    fn node(&mut self, event: Event<'text>, at: Place) -> Result<Node, Flaw> {
        let content = match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse_properties(at, anchor, tag.is_some())?;
                Content::Leaf(self.scalar(&text, style, at)?)
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse_properties(at, anchor, tag.is_some())?;
                Content::List(self.list()?)
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse_properties(at, anchor, tag.is_some())?;
                Content::Map(self.map()?)
            }
            Event::Alias(_) => return Err(no_anchors(at)),
            other => {
                return Err(Flaw::new(
                    at,
                    format!("unexpected {other:?}"),
                    "write a mapping, a list or a scalar",
                ));
            }
        };
        Ok(Node { place: at, content })
    }

    fn list(&mut self) -> Result<Vec<Node>, Flaw> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, at) => items.push(self.node(event, at)?),
            }
        }
    }

    fn map(&mut self) -> Result<Vec<(String, Node)>, Flaw> {
        let mut members: Vec<(String, Node)> = Vec::new();
        loop {
            let (key, at) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(members),
                (Event::Scalar(text, style, anchor, tag), at) => {
                    refuse_properties(at, anchor, tag.is_some())?;
                    (self.key(&text, style, at)?, at)
                }
                (_, at) => {
                    return Err(Flaw::new(
                        at,
                        "a key that is no text",
                        "write a text as key",
                    ));
                }
            };
            if members.iter().any(|(known, _)| *known == key) {
                return Err(Flaw::new(
                    at,
                    format!("the key \"{key}\" is there twice"),
                    "keep one of them",
                ));
            }
            let (event, at) = self.next()?;
            let member = self.node(event, at)?;
            members.push((key, member));
        }
    }

    fn key(&self, text: &str, style: ScalarStyle, at: Place) -> Result<String, Flaw> {
        if text == "<<" && style == ScalarStyle::Plain {
            return Err(no_anchors(at));
        }
        match self.scalar(text, style, at)? {
            Value::String(key) => Ok(key),
            // JSON has text keys only: `8080: x` is the key "8080", in a slot as well. But is `1.10` the key "1.1"?
            Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
            Value::Number(_) => Err(ambiguous(text, at, &[])),
            other => Err(Flaw::new(
                at,
                format!("{other} as a key"),
                "write a text as key, in quotes if need be",
            )),
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, at: Place) -> Result<Value, Flaw> {
        if !text.contains(SLOT) {
            return match style {
                ScalarStyle::Plain => plain(text, at),
                _ => Ok(Value::String(text.to_owned())),
            };
        }
        if style == ScalarStyle::Plain
            && let Some(value) = self.whole_slot(text)
        {
            return Ok(value.clone());
        }
        self.fill(text, at).map(Value::String)
    }

    /// The value of a scalar that is one slot and nothing else: it keeps its type.
    fn whole_slot(&self, text: &str) -> Option<&Value> {
        let number = text.strip_prefix(SLOT)?.strip_suffix(SLOT_END)?;
        self.slots.get(number.parse::<usize>().ok()?)
    }

    /// Fills the slots of a text.
    fn fill(&self, text: &str, at: Place) -> Result<String, Flaw> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(SLOT) {
            filled.push_str(before);
            let slot = after.split_once(SLOT_END);
            let value = slot.and_then(|(number, _)| self.slots.get(number.parse::<usize>().ok()?));
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
                        format!("{} inside a text", crate::problem::shown(value)),
                        "put it alone after the colon and without quotes, or use the filter tojson",
                    ));
                }
            }
            rest = behind;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

fn start(span: &Span) -> Place {
    place(&span.start)
}

fn refuse_properties(at: Place, anchor: usize, tag: bool) -> Result<(), Flaw> {
    if anchor != 0 {
        return Err(no_anchors(at));
    }
    if tag {
        return Err(Flaw::new(
            at,
            "a YAML tag",
            "leave the tag out; quote a value that must be a text",
        ));
    }
    Ok(())
}

fn no_anchors(at: Place) -> Flaw {
    Flaw::new(
        at,
        "YAML anchors, aliases and merge keys are not allowed",
        "write the value out, or use a macro",
    )
}

/// A plain scalar, by the core schema; refused where YAML 1.1 readers, kubectl and Helm among them, see something else.
fn plain(text: &str, at: Place) -> Result<Value, Flaw> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(text: &str, slots: &[Value]) -> Result<Value, String> {
        match parse(text, slots) {
            Ok(mut documents) => Ok(documents.remove(0).to_value()),
            Err(flaw) => Err(format!("{}: {}; {}", flaw.place, flaw.problem, flaw.remedy)),
        }
    }

    #[test]
    fn scalars_are_what_kubernetes_means() {
        let text = "{a: 1, b: -2, c: 1.5, d: true, e: null, f: ~, g: text, h: '1', i: \"no\", j: 12:30, k: 1.2.3, \
                    l: 2026-01-01, m: 1e3, ip: 10.0.0.1, o: 5m, p: '', q: .5, r: 0}";
        assert_eq!(
            value(text, &[]),
            Ok(
                json!({"a": 1, "b": -2, "c": 1.5, "d": true, "e": null, "f": null, "g": "text", "h": "1", "i": "no",
                      "j": "12:30", "k": "1.2.3", "l": "2026-01-01", "m": 1000.0, "ip": "10.0.0.1", "o": "5m", "p": "",
                      "q": 0.5, "r": 0})
            )
        );
    }

    #[test]
    fn what_readers_read_differently_is_refused() {
        for text in [
            "yes",
            "No",
            "on",
            "OFF",
            "y",
            "N",
            "0644",
            "-007",
            "1_000",
            "0x1F",
            "0o17",
            "0b1",
            ".inf",
            ".NaN",
            "99999999999999999999",
        ] {
            let refused = value(&format!("a: {text}"), &[]).expect_err(text);
            assert!(
                refused.starts_with("1:4: ") && refused.contains("in quotes"),
                "{refused}"
            );
        }
    }

    #[test]
    fn anchors_tags_merge_keys_and_twins_are_refused() {
        for text in [
            "a: &x 1",
            "a: !!str 1",
            "<<: {a: 1}",
            "a: 1\na: 2",
            "[a]: 1",
            "a: [1",
            "? [x]\n: 1",
        ] {
            assert!(value(text, &[]).is_err(), "{text}");
        }
    }

    #[test]
    fn slots_keep_their_type_alone_and_become_text_in_company() {
        let slots = [json!({"k": ["v"]}), json!(8080), json!("x: y\n# z")];
        let text = "a: \u{E000}0\u{E001}\nb: \u{E000}1\u{E001}\nc: \"\u{E000}1\u{E001}\"\nd: h:\u{E000}1\u{E001}\n\
                    \u{E000}2\u{E001}: |\n  \u{E000}2\u{E001}\n";
        assert_eq!(
            value(text, &slots),
            Ok(
                json!({"a": {"k": ["v"]}, "b": 8080, "c": "8080", "d": "h:8080", "x: y\n# z": "x: y\n# z\n"})
            )
        );
        assert!(value("a: \"\u{E000}0\u{E001}\"", &slots).is_err());
        assert!(value("a: \u{E000}7\u{E001}", &slots).is_err());
    }
}
