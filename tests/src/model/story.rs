//! How it came to a state, for whoever looks into a violation.

use super::explore::Model;
use super::state::{Op, State};
use super::step::{Action, Machine};

/// The steps that lead from each state to the next, and what each status says that is written.
pub fn tell(machine: &mut Machine, way: &[State]) -> String {
    let mut told = Vec::new();
    if let Some(first) = way.first() {
        let world = &machine.config.qualities[usize::from(first.quality)];
        told.push(format!("version 2 is {:?}", &world[..machine.config.lines]));
    }
    for pair in way.windows(2) {
        let mut steps = Vec::new();
        machine.steps(&pair[0], &mut steps);
        let Some(step) = steps.iter().find(|step| step.state == pair[1]) else {
            continue;
        };
        told.push(format!("{:?}", step.action));
        if let Action::Write(Op::Status(id)) | Action::Arrive(Op::Status(id)) = step.action {
            let lines = machine.operator.facts(id).lines;
            let lines = lines[..machine.config.lines].iter();
            told.extend(lines.map(|line| format!("      {line:?}")));
        }
    }
    told.join("\n")
}
