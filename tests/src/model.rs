//! An exhaustive model check of the line machine: the real planner (`andon_plan::plan_with`) and its checker (`check_with`) in a
//! small plant, from an empty one on, through every order in which the following can happen.
//!
//! * **The leader** lists, looks (all at once, or objects and pods at different times), asks whether the PlantIntegration is still the
//!   one it saw, and writes one by one. It may die before and after each of these.
//! * **Takeover.** It may be deposed while a write is on its way ([`Late`]); that arrives later, or is lost, while the next
//!   leader works. At most one such write is on its way at a time.
//! * **The API server** knows UIDs, absence and the resource version; a write whose precondition does not hold fails, and what came
//!   after it in the plan is not tried (a delete of what has gone is fine): as `server_side_apply.rs` does it.
//! * **The plant**: pods become ready, or never do, or stop being ready; they leave, and their Deployment with them.
//! * **The world** answers each look in one of the ways of [`plant::Answer`]; what is wrong with version 2 is a [`Kind`] per line,
//!   the first bad line being any of them.
//! * **People** ask for version 2 at any moment, also in the middle of the first install, and for version 1 again.
//!
//! # What is abstracted
//!
//! * **Time.** Whatever is written carries the same instant, and a look comes one second after it, or an hour after it where a version
//!   that never becomes ready waits: so "the deadline has passed" is a choice, not a count. The bake is zero, one document is enough.
//! * **UIDs** are numbers; a new object gets the lowest that nothing refers to any more. The resource version is not kept: what was
//!   made from an older one is dropped, or loses its status write, in the very step that makes it old.
//! * **One stage** with one Deployment and one pod, no shared objects, no check Job (the dry run is the gate), no progress clock. A
//!   Deployment's status follows its pod at once; containers do not restart. Nobody else changes or deletes anything (no drift).
//! * **Counters** say 1 good document, and 20 bad ones where the version is bad. Two versions; version 1 is good.
//! * **Listing** is atomic in each kind; kept renderings are listed with the later half.
//! * The configurations with more than one line ask for version 2 once; `all` in `configuration.rs` says what each has switched on.
//! * Calendars, waves, levers, requirements, lost statuses and removed lines are not in it: the simulation has them.
//!
//! What a plan depends on is a [`plant::Sight`]; the planner is asked once for each different one. Two states are one only if all
//! of it is equal, so nothing is left out but by the list above.
//!
//! The explorer is our own: `stateright` (0.31) brings a web server and 17 crates more, says of its `eventually` that it is right on
//! graphs without cycles only, and does not keep the graph that "can always come to rest" asks for.

pub mod blueprint;
pub mod configuration;
pub mod explore;
pub mod operator;
pub mod plant;
pub mod rule;
pub mod state;
pub mod step;
mod story;

pub use configuration::{Config, Kind, Late};
use std::time::Instant;
use step::Machine;

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// States.
    pub states: usize,
    /// Steps between them.
    pub transitions: u64,
    /// Length of the longest shortest way to a state.
    pub depth: u32,
    /// States of rest.
    pub rests: u64,
    /// Different things that the planner was asked.
    pub plans: usize,
    /// Seconds it took.
    pub seconds: f64,
    /// The first thing that is wrong, and how it comes to that.
    pub wrong: Option<(String, String)>,
    /// Whether it was given up at the limit.
    pub cut: bool,
}

impl Report {
    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.states += other.states;
        self.transitions += other.transitions;
        self.depth = self.depth.max(other.depth);
    }
}

/// Explores a configuration.
pub fn check(config: &Config, limit: usize) -> Result<Report, String> {
    let begun = Instant::now();
    let mut machine = Machine::new(config)?;
    let found = explore::explore(&mut machine, limit);
    let wrong = found.wrong.map(|(why, way)| {
        let way: Vec<_> = way.iter().map(|at| found.states[*at as usize]).collect();
        (why, story::tell(&mut machine, &way))
    });
    Ok(Report {
        states: found.states.len(),
        transitions: found.transitions,
        depth: found.depth,
        rests: found.rests,
        plans: machine.operator.planned(),
        seconds: begun.elapsed().as_secs_f64(),
        wrong,
        cut: found.cut,
    })
}
