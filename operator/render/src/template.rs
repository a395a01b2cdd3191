//! Placeholder rendering: no value ever touches YAML text.
//!
//! ```text
//! template       image: "{{ registry }}/post:{{ tag }}"
//!   | minijinja, whose formatter keeps each value and writes only its number
//! text           image: "<0>/post:<1>"                        slots: ["example.com", "1.10"]
//!   | YAML parser
//! tree           {image: "<0>/post:<1>"}
//!   | slots filled in the tree
//! object         {image: "example.com/post:1.10"}
//! ```
//!
//! So a value may hold colons, quotes, line breaks or braces: it cannot become structure. A slot alone after its colon
//! keeps its value's type; in quotes, or beside other text, it becomes text.

use crate::explain::{explain, problem_of};
use crate::filter;
use crate::lines::LineMap;
use crate::memo::Memo;
use crate::problem::{Place, Problem};
use crate::slot;
use crate::value::json_of;
use crate::yaml::{self, Flaw, Node, SLOT, SLOT_END};
use andon_api::label;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior};
use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

/// Stands for a digit of the digest that is computed once everything else is in place.
pub(crate) const DIGIT: char = '\u{E003}';
/// Ends each line of a template's own text while it is rendered, so that errors find back: see `lines.rs`.
pub(crate) const LINE: char = '\u{E002}';

/// Instructions a template may run: a page takes some thousands.
pub(crate) const FUEL: u64 = 200_000;
/// Templates and macros that may be inside each other; each takes some of the thread's stack.
const DEEPEST: usize = 32;
/// Bytes a template may write before slots are filled.
pub(crate) const LONGEST_OUTPUT: usize = 1 << 20;
/// Where templates are, and how the rendered ones end; others there can be imported.
pub(crate) const FOLDER: &str = "templates/";
/// See [`FOLDER`].
pub(crate) const RENDERED: &str = ".yaml";

/// Whether a text holds one of the characters that rendering needs for itself.
pub(crate) fn is_reserved(text: &str) -> bool {
    text.contains([SLOT, SLOT_END, LINE, DIGIT])
}

/// The templates of a blueprint, compiled.
pub(crate) struct Templates {
    env: Environment<'static>,
    sources: BTreeMap<String, String>,
}

/// Values that a template wrote, by the number of their slot.
#[derive(Default)]
struct Slots(Vec<Json>);

impl Templates {
    /// The templates of a blueprint's files: every file below `templates/`; `file` and `files` read the others.
    pub fn of(files: &BTreeMap<String, String>) -> Result<Rc<Self>, Vec<Problem>> {
        COMPILED.with_borrow_mut(|compiled| compiled.get(files, || Self::compile(files)))
    }

    fn compile(files: &BTreeMap<String, String>) -> Result<Self, Vec<Problem>> {
        let mut env = environment();
        let mut sources = BTreeMap::new();
        let mut problems = Vec::new();
        let mut content = BTreeMap::new();
        for (path, text) in files {
            if is_reserved(text) {
                problems.push(Problem::new(
                    path,
                    None,
                    "a character between U+E000 and U+E003",
                    "rendering needs these four for itself; use other ones",
                ));
            } else if path.starts_with(FOLDER) {
                let index = sources.len();
                sources.insert(path.clone(), text.clone());
                let marked = LineMap::mark(text, index);
                if let Err(error) = env.add_template_owned(path.clone(), marked) {
                    problems.push(problem_of(&error, path));
                }
            } else {
                content.insert(path.clone(), text.clone());
            }
        }
        filter::add_files(&mut env, Arc::new(content));
        if problems.is_empty() {
            Ok(Self { env, sources })
        } else {
            Err(problems)
        }
    }

    /// The files that become objects of a part: a stage, `<stage>/shadow`, `common` or `check`. A stage's shadow is none of its own.
    pub fn of_part(&self, part: &str) -> Vec<String> {
        let folder = format!("{FOLDER}{part}/");
        let shadow = format!("{folder}{}/", label::SHADOW);
        let below = |path: &&String| {
            path.starts_with(&folder) && !path.starts_with(&shadow) && path.ends_with(RENDERED)
        };
        self.sources.keys().filter(below).cloned().collect()
    }

    /// Renders one file.
    pub fn render<'t>(&'t self, file: &'t str, context: &Value) -> Result<Page<'t>, Problem> {
        let template = self
            .env
            .get_template(file)
            .map_err(|error| problem_of(&error, file))?;
        let mut output = Bounded(Vec::new());
        let rendered = template.render_captured_to(context.clone(), &mut output);
        let mut captured = rendered.map_err(|error| explain(&error, file, context))?;
        let slots = captured.with_state_mut(|state| {
            std::mem::take(state.get_or_insert_extension(Slots::default()))
        });
        drop(captured);
        // The formatter and the templates are UTF-8, and pieces are written whole.
        let output = String::from_utf8_lossy(&output.0);
        let names: Vec<&str> = self.sources.keys().map(String::as_str).collect();
        let (text, lines) = LineMap::strip(&output, &names, file);
        let nodes = TEXTS.with_borrow_mut(|texts| texts.get(&text, || yaml::parse(&text)));
        let mut page = Page {
            text,
            lines,
            sources: &self.sources,
            nodes: Rc::default(),
            values: Vec::new(),
        };
        let filled = nodes.and_then(|nodes| {
            let values = nodes.iter().map(|node| slot::fill(node, &slots.0));
            Ok((
                values.collect::<Result<Vec<Json>, Flaw>>()?,
                Rc::clone(&nodes),
            ))
        });
        match filled {
            Ok((values, nodes)) => {
                (page.values, page.nodes) = (values, nodes);
                Ok(page)
            }
            Err(flaw) => Err(page.problem(flaw.place, flaw.problem, flaw.remedy)),
        }
    }
}

thread_local! {
    /// Values never touch a template's text, so all lines of a blueprint mostly have the same text.
    static TEXTS: RefCell<Memo<String, Vec<Node>>> = const { RefCell::new(Memo::new(64)) };
    /// Compiled templates of the last few blueprints.
    static COMPILED: RefCell<Memo<BTreeMap<String, String>, Templates>> = const { RefCell::new(Memo::new(8)) };
}

/// What a template wrote: its documents, and the way back to it.
pub(crate) struct Page<'t> {
    text: String,
    lines: LineMap<'t>,
    sources: &'t BTreeMap<String, String>,
    nodes: Rc<Vec<Node>>,
    values: Vec<Json>,
}

impl<'t> Page<'t> {
    /// Its documents.
    pub fn documents(&self) -> impl Iterator<Item = Document<'_, 't>> {
        let document = |(value, node)| Document {
            value,
            node,
            page: self,
        };
        self.values.iter().zip(self.nodes.iter()).map(document)
    }

    fn problem(&self, place: Place, problem: String, remedy: String) -> Problem {
        let (file, place) = self.lines.origin(place, &self.text, self.sources);
        Problem::new(file, Some(place), problem, remedy)
    }
}

/// One YAML document that a template wrote.
pub(crate) struct Document<'p, 't> {
    /// The object.
    pub value: &'p Json,
    node: &'p Node,
    page: &'p Page<'t>,
}

impl Document<'_, '_> {
    /// Something wrong with the node at `path`, or, if there is none, with the nearest above it.
    pub fn problem(
        &self,
        path: &[&str],
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Problem {
        let problem = problem.into().replace(DIGIT, "0");
        self.page
            .problem(self.node.place_of(path), problem, remedy.into())
    }
}

fn environment() -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    if let Ok(syntax) = minijinja::syntax::SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
    {
        env.set_syntax(syntax);
    }
    // Any mode but None marks what macros and blocks write as template text, which the formatter passes on.
    env.set_auto_escape_callback(|_| AutoEscape::Json);
    env.set_formatter(format);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(DEEPEST);
    env.set_debug(true);
    filter::add(&mut env);
    env
}

/// Keeps a value and writes only its number. Text of the template itself (the output of a macro or of a set block,
/// which holds numbers already) passes.
fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_safe()
        && let Some(text) = value.as_str()
    {
        return out.write_str(text).map_err(Error::from);
    }
    let json = json_of(value)?;
    let slots = state.get_or_insert_extension(Slots::default());
    slots.0.push(json);
    let number = slots.0.len() - 1;
    write!(out, "{SLOT}{number}{SLOT_END}").map_err(Error::from)
}

/// A writer that refuses to grow without bounds.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST_OUTPUT {
            return Err(io::Error::other(format!(
                "the template writes more than {LONGEST_OUTPUT} bytes"
            )));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
