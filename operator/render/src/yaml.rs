//! YAML as Kubernetes means it, with the place of every node.
//!
//! Stricter than YAML: what two parsers read differently is refused instead of guessed (`yes`, `0644`, `1_000`), and
//! so is what has no place in a template (anchors, aliases, tags, merge keys). Slots, the places where values go, are
//! filled in the tree: see `template.rs`.

use crate::problem::Place;
use crate::scalar;
use granit_parser::{Event, Marker, Options, Parser, ScalarStyle, ScanError, Span, StrInput};
use serde_json::Value;

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
    pub fn new(place: Place, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
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

/// What a node holds. A text with slots stays open until it is filled (`slot.rs`).
#[derive(Debug)]
pub(crate) enum Content {
    Leaf(Value),
    Open(Open),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A text with slots.
#[derive(Debug)]
pub(crate) struct Open {
    pub text: String,
    /// Without quotes: alone, a slot keeps its value's type.
    pub plain: bool,
}

/// A key and where it stands.
#[derive(Debug)]
pub(crate) struct Key {
    pub place: Place,
    pub text: String,
    /// Whether it has slots.
    pub open: bool,
}

impl Node {
    /// The place of the node at `path`, or of the nearest node above it.
    pub fn place_of(&self, path: &[&str]) -> Place {
        let mut node = self;
        for step in path {
            let below = match &node.content {
                Content::Map(members) => members
                    .iter()
                    .find(|(key, _)| key.text == *step)
                    .map(|(_, member)| member),
                Content::List(items) => step
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index)),
                Content::Leaf(_) | Content::Open(_) => None,
            };
            match below {
                Some(member) => node = member,
                None => break,
            }
        }
        node.place
    }
}

/// Parses every document of a text; empty documents are left out.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, Flaw> {
    let mut options = Options::default();
    options.emit_comments = false;
    let mut tree = Tree {
        parser: Parser::new_from_str_with_options(text, options),
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
                scalar(&text, style, at)?
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

    fn map(&mut self) -> Result<Vec<(Key, Node)>, Flaw> {
        let mut members: Vec<(Key, Node)> = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Ok(members),
                (Event::Scalar(text, style, anchor, tag), at) => {
                    refuse_properties(at, anchor, tag.is_some())?;
                    key(&text, style, at)?
                }
                (_, at) => {
                    return Err(Flaw::new(
                        at,
                        "a key that is no text",
                        "write a text as key",
                    ));
                }
            };
            if !key.open && members.iter().any(|(known, _)| known.text == key.text) {
                return Err(twice(&key.text, key.place));
            }
            let (event, at) = self.next()?;
            let member = self.node(event, at)?;
            members.push((key, member));
        }
    }
}

/// A key that is there twice.
pub(crate) fn twice(key: &str, at: Place) -> Flaw {
    Flaw::new(
        at,
        format!("the key \"{key}\" is there twice"),
        "keep one of them",
    )
}

fn key(text: &str, style: ScalarStyle, at: Place) -> Result<Key, Flaw> {
    if text == "<<" && style == ScalarStyle::Plain {
        return Err(no_anchors(at));
    }
    let (text, open) = match scalar(text, style, at)? {
        Content::Leaf(value) => (key_text(value, at)?, false),
        _ => (text.to_owned(), true),
    };
    Ok(Key {
        place: at,
        text,
        open,
    })
}

/// A key's text. JSON has text keys only: `8080: x` is the key "8080", in a slot as well. But is `1.10` the key "1.1"?
pub(crate) fn key_text(value: Value, at: Place) -> Result<String, Flaw> {
    match value {
        Value::String(key) => Ok(key),
        Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
        other => Err(Flaw::new(
            at,
            format!("{other} as a key"),
            "write a text as key, in quotes if need be",
        )),
    }
}

fn scalar(text: &str, style: ScalarStyle, at: Place) -> Result<Content, Flaw> {
    let plain = style == ScalarStyle::Plain;
    if text.contains(SLOT) {
        let text = text.to_owned();
        return Ok(Content::Open(Open { text, plain }));
    }
    match plain {
        true => scalar::plain(text, at).map(Content::Leaf),
        false => Ok(Content::Leaf(Value::String(text.to_owned()))),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot;
    use serde_json::json;

    fn value(text: &str, slots: &[Value]) -> Result<Value, String> {
        let filled = parse(text).and_then(|documents| slot::fill(&documents[0], slots));
        filled.map_err(|flaw| format!("{}: {}; {}", flaw.place, flaw.problem, flaw.remedy))
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
