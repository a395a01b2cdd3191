//! Every state that can be reached, breadth first, and from which of them the plant cannot come to rest.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

/// What is explored.
pub trait Model {
    /// A state.
    type State: Copy + Eq + Hash;
    /// What leads from one to another.
    type Action;

    /// Where it begins.
    fn initial(&mut self) -> Vec<Self::State>;
    /// Every step from a state.
    fn steps(&mut self, state: &Self::State, steps: &mut Vec<Step<Self>>);
    /// What is wrong with a state.
    fn wrong(&mut self, state: &Self::State) -> Option<String>;
    /// Whether nothing goes on in it; an error is what is wrong with such an end.
    fn rests(&mut self, state: &Self::State) -> Result<bool, String>;
}

/// One step.
pub struct Step<M: Model + ?Sized> {
    /// What happens.
    pub action: M::Action,
    /// What is then.
    pub state: M::State,
    /// Whether it happens by itself, sooner or later. The others are faults, and what people do.
    pub by_itself: bool,
    /// What is wrong with the step.
    pub wrong: Option<String>,
}

/// What was found.
pub struct Explored<S> {
    /// Every state, in the order in which they were found.
    pub states: Vec<S>,
    /// Steps between them.
    pub transitions: u64,
    /// Length of the longest shortest way to a state.
    pub depth: u32,
    /// States of rest.
    pub rests: u64,
    /// The first thing that is wrong, with the states that lead to it.
    pub wrong: Option<(String, Vec<u32>)>,
    /// Whether it was given up at the limit.
    pub cut: bool,
}

struct Graph<S> {
    numbers: HashMap<S, u32>,
    states: Vec<S>,
    parents: Vec<u32>,
    depths: Vec<u32>,
    /// Steps that happen by themselves: where those of each state begin, and where they lead.
    begins: Vec<usize>,
    leads: Vec<u32>,
}

impl<S: Copy + Eq + Hash> Graph<S> {
    fn add(&mut self, state: S, parent: u32, depth: u32) -> u32 {
        let next = u32::try_from(self.states.len()).unwrap_or(u32::MAX);
        match self.numbers.entry(state) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(free) => {
                free.insert(next);
                self.states.push(state);
                self.parents.push(parent);
                self.depths.push(depth);
                next
            }
        }
    }

    /// The states that lead to a state, the first one first.
    fn way(&self, to: u32) -> Vec<u32> {
        let mut way = vec![to];
        let mut at = to;
        while self.parents[at as usize] != at {
            at = self.parents[at as usize];
            way.push(at);
        }
        way.reverse();
        way
    }

    /// The first state from which no state of rest can be reached by what happens by itself.
    fn stuck(&self, rests: &[u32]) -> Option<u32> {
        let count = self.states.len();
        let mut from = vec![0_usize; count + 1];
        for to in &self.leads {
            from[*to as usize + 1] += 1;
        }
        for at in 0..count {
            from[at + 1] += from[at];
        }
        let mut filled = from.clone();
        let mut back = vec![0_u32; self.leads.len()];
        for at in 0..count {
            for to in &self.leads[self.begins[at]..self.begins[at + 1]] {
                back[filled[*to as usize]] = u32::try_from(at).unwrap_or(u32::MAX);
                filled[*to as usize] += 1;
            }
        }
        let mut reaches = vec![false; count];
        let mut next = rests.to_vec();
        while let Some(at) = next.pop() {
            if !std::mem::replace(&mut reaches[at as usize], true) {
                next.extend(&back[from[at as usize]..from[at as usize + 1]]);
            }
        }
        let found = reaches.iter().position(|reached| !reached);
        found.and_then(|at| u32::try_from(at).ok())
    }
}

/// Explores all of it, or stops at the first thing that is wrong, or at `limit` states.
pub fn explore<M: Model>(model: &mut M, limit: usize) -> Explored<M::State> {
    let mut graph = Graph {
        numbers: HashMap::new(),
        states: Vec::new(),
        parents: Vec::new(),
        depths: Vec::new(),
        begins: vec![0],
        leads: Vec::new(),
    };
    for state in model.initial() {
        let next = u32::try_from(graph.states.len()).unwrap_or(0);
        graph.add(state, next, 0);
    }
    let (mut transitions, mut rests, mut wrong) = (0, Vec::new(), None);
    let mut steps = Vec::new();
    let mut at = 0;
    while at < graph.states.len() && graph.states.len() < limit && wrong.is_none() {
        let (state, number) = (graph.states[at], u32::try_from(at).unwrap_or(u32::MAX));
        let broken = model.wrong(&state).or_else(|| match model.rests(&state) {
            Ok(true) => {
                rests.push(number);
                None
            }
            Ok(false) => None,
            Err(why) => Some(why),
        });
        wrong = broken.map(|why| (why, number));
        model.steps(&state, &mut steps);
        for step in steps.drain(..) {
            transitions += 1;
            let to = graph.add(step.state, number, graph.depths[at] + 1);
            if step.by_itself {
                graph.leads.push(to);
            }
            if let (Some(why), None) = (step.wrong, &wrong) {
                wrong = Some((why, to));
            }
        }
        graph.begins.push(graph.leads.len());
        at += 1;
    }
    let cut = wrong.is_none() && at < graph.states.len();
    if wrong.is_none() && !cut {
        let stuck = graph.stuck(&rests);
        wrong = stuck.map(|at| ("from here the plant never comes to rest".to_owned(), at));
    }
    Explored {
        transitions,
        depth: graph.depths.iter().copied().max().unwrap_or(0),
        rests: rests.len() as u64,
        wrong: wrong.map(|(why, at)| (why, graph.way(at))),
        cut,
        states: graph.states,
    }
}
