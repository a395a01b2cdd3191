//! Finds the way back from rendered text to the template.
//!
//! While a template is rendered, each line of its own text ends in a mark `<file.line>`; before the text is parsed the
//! marks are taken out again and remembered. Lines inside macros and set blocks carry none (a mark there would be seen
//! by `length` or `==`), and none stands after a block tag (it would keep the engine from trimming the line break).

use crate::problem::Place;
use crate::template::LINE;
use std::collections::BTreeMap;

/// For each line of a rendered text the line of the template it came from.
pub(crate) struct LineMap<'a> {
    origins: Vec<(&'a str, usize)>,
}

impl<'a> LineMap<'a> {
    /// Puts marks into a template.
    pub fn mark(source: &str, file: usize) -> String {
        let mut marked = String::with_capacity(source.len() + source.len() / 4);
        let mut scan = Scan::default();
        for (index, line) in source.split_inclusive('\n').enumerate() {
            let body = line.trim_end_matches(['\n', '\r']);
            scan.read(body);
            marked.push_str(body);
            if scan.in_plain_text() && !body.ends_with("%}") && !body.ends_with("#}") {
                marked.push_str(&format!("{LINE}{file}.{}{LINE}", index + 1));
            }
            marked.push_str(&line[body.len()..]);
        }
        marked
    }

    /// Takes the marks out of a rendered text.
    pub fn strip(rendered: &str, names: &[&'a str], main: &'a str) -> (String, Self) {
        let mut text = String::with_capacity(rendered.len());
        let mut found: Vec<Option<(&'a str, usize)>> = Vec::new();
        for line in rendered.split_inclusive('\n') {
            let mut origin = None;
            for (index, piece) in line.split(LINE).enumerate() {
                if index % 2 == 0 {
                    text.push_str(piece);
                } else if let Some((file, number)) = piece.split_once('.') {
                    let name = file.parse().ok().and_then(|file: usize| names.get(file));
                    origin = name.copied().zip(number.parse().ok());
                }
            }
            found.push(origin);
        }
        // A line without a mark came from the same place as the next one with a mark: a macro's lines belong to its call.
        let mut next = found
            .iter()
            .rev()
            .flatten()
            .next()
            .copied()
            .unwrap_or((main, 1));
        let mut origins: Vec<(&'a str, usize)> = Vec::with_capacity(found.len());
        for origin in found.into_iter().rev() {
            next = origin.unwrap_or(next);
            origins.push(next);
        }
        origins.reverse();
        (text, Self { origins })
    }

    /// Where in which template a place of the rendered text came from. The column holds where nothing before it on the
    /// line was filled in; else it is that of the line's first word.
    pub fn origin(
        &self,
        place: Place,
        text: &str,
        sources: &BTreeMap<String, String>,
    ) -> (&'a str, Place) {
        let index = place
            .line
            .saturating_sub(1)
            .min(self.origins.len().saturating_sub(1));
        let Some((file, line)) = self.origins.get(index).copied() else {
            return ("", place);
        };
        let source = sources
            .get(file)
            .and_then(|source| source.lines().nth(line - 1))
            .unwrap_or_default();
        let rendered = text.lines().nth(index).unwrap_or_default();
        let before = |line: &str| {
            line.chars()
                .take(place.column.saturating_sub(1))
                .collect::<String>()
        };
        let column = if before(source) == before(rendered) {
            place.column
        } else {
            source.chars().take_while(|c| c.is_whitespace()).count() + 1
        };
        (file, Place { line, column })
    }
}

/// Reads a template just far enough to know whether a line ends inside a tag or inside a captured block.
#[derive(Default)]
struct Scan {
    /// The tag that is open: its closing mark.
    tag: Option<&'static str>,
    /// The quote that is open inside a tag.
    quote: Option<char>,
    /// What the open `{%` tag says so far.
    words: String,
    /// Blocks whose text is captured and may be looked at.
    captured: usize,
}

impl Scan {
    fn in_plain_text(&self) -> bool {
        self.tag.is_none() && self.captured == 0
    }

    fn read(&mut self, line: &str) {
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let width = match self.tag {
                None => self.open(rest),
                Some(close) if self.quote.is_none() && rest.starts_with(close) => self.close(close),
                Some(_) => {
                    self.inside(first);
                    first.len_utf8()
                }
            };
            rest = &rest[width..];
        }
    }

    fn open(&mut self, rest: &str) -> usize {
        for (open, close) in [("{{", "}}"), ("{%", "%}"), ("{#", "#}")] {
            if rest.starts_with(open) {
                self.tag = Some(close);
                self.words.clear();
                return open.len();
            }
        }
        rest.chars().next().map_or(1, char::len_utf8)
    }

    fn inside(&mut self, c: char) {
        if self.tag == Some("#}") {
            return;
        }
        match self.quote {
            Some(quote) if c == quote => self.quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => self.quote = Some(c),
            None => {}
        }
        self.words.push(c);
    }

    fn close(&mut self, close: &'static str) -> usize {
        if close == "%}" {
            let words = self.words.trim_matches(['-', '+', ' ']);
            let first = words.split([' ', '(']).next().unwrap_or_default();
            let captures = matches!(first, "macro" | "call" | "filter" | "raw")
                || (first == "set" && !words.contains('='));
            let ends = matches!(
                first,
                "endmacro" | "endcall" | "endfilter" | "endraw" | "endset"
            );
            self.captured += usize::from(captures);
            self.captured = self.captured.saturating_sub(usize::from(ends));
        }
        self.tag = None;
        close.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_after_plain_text_only() {
        let source = "a: {{ x }}\n{% if y %}\nb: 1\n{% endif %}\n{% set z %}\nq\n{% endset %}\nc: {{\n  w }}\n";
        let marked = LineMap::mark(source, 3);
        let with: Vec<usize> = marked
            .lines()
            .enumerate()
            .filter(|(_, line)| line.contains(LINE))
            .map(|(index, _)| index + 1)
            .collect();
        assert_eq!(with, [1, 3, 9]);
        let names = ["", "", "", "t"];
        let (text, map) = LineMap::strip(&marked, &names, "t");
        assert_eq!(text, source);
        assert_eq!(map.origins[0], ("t", 1));
        assert_eq!(
            map.origins[1],
            ("t", 3),
            "a line without a mark takes the next one"
        );
    }
}
