//! What is explored.

use super::state::LINES;
use andon_api::{RollbackScope, Strategy};

/// What is wrong with version 2 on a line. Version 1 is good everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Good,
    /// The ERP refuses its documents.
    Refused,
    /// Its pod never becomes ready.
    NeverReady,
    /// The API server refuses it.
    Forbidden,
    /// Its documents are refused at times: it may pass and fail later, or fail at once, or never.
    Fickle,
}

/// What becomes of a deposed leader's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// None arrives after the takeover: it is a crash.
    Never,
    /// The one that was on its way may arrive until the next leader has written the status once.
    Soon,
    /// The one that was on its way may arrive at any time.
    Whenever,
    /// All that is left of its plan may arrive at any time: it does not know that it was deposed.
    Whole,
}

/// What is explored.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it is called.
    pub name: &'static str,
    /// Lines.
    pub lines: usize,
    /// Strategy of the stage in each version.
    pub strategies: [Strategy; 2],
    /// What a failure takes back.
    pub scope: RollbackScope,
    /// Whether version 1 may be asked for again.
    pub back: bool,
    /// Whether a plan may be made from what was seen a while ago.
    pub stale: bool,
    /// Whether objects and pods may be listed at different times.
    pub torn: bool,
    /// Whether pods that are ready may become not ready.
    pub flaps: bool,
    /// What becomes of a deposed leader's writes.
    pub late: Late,
    /// Whether nobody asks the checker, so that only the rules of the plant are left.
    pub blind: bool,
    /// The worlds: what is wrong with version 2 on each line.
    pub qualities: Vec<[Kind; LINES]>,
}

/// Every world in which the lines before the first bad one are good. What version 2 is on the lines after that one does
/// not matter: no line after one that failed may try it, and that is a rule.
pub fn worlds(lines: usize) -> Vec<[Kind; LINES]> {
    let mut all = vec![[Kind::Good; LINES]];
    for line in 0..lines {
        for kind in [
            Kind::Refused,
            Kind::NeverReady,
            Kind::Forbidden,
            Kind::Fickle,
        ] {
            let mut world = [Kind::Good; LINES];
            world[line] = kind;
            all.push(world);
        }
    }
    all
}

const REPLACE: [Strategy; 2] = [Strategy::Replace; 2];
const TAKEOVER: [Strategy; 2] = [Strategy::Takeover; 2];

impl Config {
    /// So many lines, an operator that may die, and version 2 asked for once.
    pub fn new(name: &'static str, lines: usize, strategies: [Strategy; 2]) -> Self {
        Self {
            name,
            lines,
            strategies,
            scope: RollbackScope::Plant,
            back: false,
            stale: false,
            torn: false,
            flaps: false,
            late: Late::Never,
            blind: false,
            qualities: worlds(lines),
        }
    }

    /// With stale reads and takeovers.
    fn with_takeover(self) -> Self {
        Self {
            stale: true,
            late: Late::Soon,
            ..self
        }
    }

    /// With everything that can be switched on.
    fn with_everything(self) -> Self {
        Self {
            back: true,
            torn: true,
            flaps: true,
            ..self.with_takeover()
        }
    }

    fn by_line(self) -> Self {
        Self {
            scope: RollbackScope::Line,
            ..self
        }
    }
}

/// What is explored by each run of the tests.
pub fn quick() -> Vec<Config> {
    vec![
        Config::new("3 lines, Replace", 3, REPLACE).with_takeover(),
        Config::new("2 lines, Takeover", 2, TAKEOVER).with_takeover(),
    ]
}

/// All that is explored.
pub fn all() -> Vec<Config> {
    let mixed = [Strategy::Takeover, Strategy::Replace];
    let mut all = quick();
    all.extend([
        Config::new("3 lines, Takeover", 3, TAKEOVER).with_takeover(),
        Config::new("3 lines, Takeover then Replace, scope Line", 3, mixed)
            .with_takeover()
            .by_line(),
        Config::new("1 line, Replace, everything", 1, REPLACE).with_everything(),
        Config {
            back: true,
            qualities: vec![[Kind::Good, Kind::Forbidden, Kind::Good]],
            ..Config::new("2 lines, version 1 asked for again, crash", 2, REPLACE)
        },
    ]);
    all
}

/// A write of a deposed leader that may take for ever. It is known that this is not survived: a create has no precondition but
/// absence, and what was absent once can be absent again. The Lease must rule it out.
pub fn for_ever() -> Config {
    Config {
        late: Late::Whenever,
        ..Config::new(
            "1 line, Replace, a write that may take for ever",
            1,
            REPLACE,
        )
    }
}
