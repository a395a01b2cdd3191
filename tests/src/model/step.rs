//! What can happen in a state: the operator's steps, the plant's, faults, and what people ask for.

use super::explore::{Model, Step};
use super::operator::Operator;
use super::plant::{Answer, Plant, Sight};
use super::state::{At, Hand, IDLE, Id, Op, Phase, Revisions, Slot, Slots, State, places};
use super::{Config, Kind, Late, rule};

/// What happens.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// The leader lists the one half of what it sees.
    List,
    /// The leader looks and plans.
    Look(Answer),
    /// The leader asks whether the PlantIntegration is still the one it saw.
    Begin,
    /// The leader writes.
    Write(Op),
    /// The leader dies, and another one starts with nothing in hand.
    Crash,
    /// The leader is deposed while this write is on its way.
    Takeover(Op),
    /// A write of a deposed leader arrives.
    Arrive(Op),
    /// A write of a deposed leader is lost.
    Lost(Op),
    /// A pod becomes ready.
    Ready(At),
    /// A pod is no longer ready.
    Unready(At),
    /// A pod has left, and its Deployment with it.
    Gone(At),
    /// Another version is asked for.
    Ask(u8),
}

/// The plant with its operators.
pub struct Machine {
    /// What is explored.
    pub config: Config,
    /// The operator.
    pub operator: Operator,
}

impl Machine {
    /// A plant with nothing in it.
    pub fn new(config: &Config) -> Result<Self, String> {
        Ok(Self {
            config: config.clone(),
            operator: Operator::new(Plant::new(config)?),
        })
    }

    /// Whether a pod of that instance becomes ready.
    fn starts(&self, state: &State, at: At) -> bool {
        self.operator.plant().kind(state.quality, at) != Kind::NeverReady
    }

    /// The looks that an operator with nothing in hand can take.
    pub fn sights(&self, state: &State, listed: Option<(bool, Slots)>) -> Vec<Sight> {
        let answers = self.operator.answers((state.status, state.quality));
        let (objects, pods) = match listed {
            None => (state.slots, state.slots),
            Some((true, pods)) => (state.slots, pods),
            Some((false, objects)) => (objects, state.slots),
        };
        let sight = |answer| Sight {
            target: state.target,
            quality: state.quality,
            objects,
            pods,
            revisions: state.revisions,
            status: state.status,
            answer,
        };
        answers.into_iter().map(sight).collect()
    }

    fn look(&mut self, state: &State, sight: &Sight) -> Step<Self> {
        let look = self.operator.look(sight);
        let wrong = look.broken.clone().filter(|_| !self.config.blind);
        let ops = look.ops.clone();
        let mut hand = match self.config.stale {
            true => Hand::Planned(ops),
            false => Hand::Begun(ops),
        };
        // What was listed a while ago may name what has gone since.
        for at in places(self.config.lines) {
            let (then, now) = (at.get(&sight.objects), at.get(&state.slots));
            let gone = now.phase == Phase::Absent || now.incarnation != then.incarnation;
            if then.phase != Phase::Absent && gone {
                hand = hand.without(at, then.incarnation);
            }
        }
        let leader = self.operator.hand(hand);
        Step {
            action: Action::Look(sight.answer),
            state: State { leader, ..*state },
            by_itself: true,
            wrong,
        }
    }

    fn leader(&mut self, state: &State, steps: &mut Vec<Step<Self>>) {
        let by_itself = |action, state| Step {
            action,
            state,
            by_itself: true,
            wrong: None,
        };
        match self.operator.hand_of(state.leader).clone() {
            Hand::Begun(ops) if ops.is_empty() => {
                for sight in self.sights(state, None) {
                    let step = self.look(state, &sight);
                    steps.push(step);
                }
                for pods_first in [false, true].into_iter().filter(|_| self.config.torn) {
                    let seen = state.slots;
                    let leader = self.operator.hand(Hand::Half { pods_first, seen });
                    steps.push(by_itself(Action::List, State { leader, ..*state }));
                }
                return;
            }
            Hand::Half { pods_first, seen } => {
                for sight in self.sights(state, Some((pods_first, seen))) {
                    let step = self.look(state, &sight);
                    steps.push(step);
                }
            }
            Hand::Planned(ops) => {
                let leader = self.operator.hand(Hand::Begun(ops));
                steps.push(by_itself(Action::Begin, State { leader, ..*state }));
            }
            Hand::Begun(ops) => self.writes(state, &ops, steps),
        }
        steps.push(Step {
            action: Action::Crash,
            state: State {
                leader: IDLE,
                ..*state
            },
            by_itself: false,
            wrong: None,
        });
    }

    fn writes(&mut self, state: &State, ops: &[Op], steps: &mut Vec<Step<Self>>) {
        let (first, rest) = (ops[0], ops[1..].to_vec());
        if state.deposed == IDLE && self.config.late != Late::Never {
            let left = match self.config.late {
                Late::Whole => ops.to_vec(),
                Late::Never | Late::Soon | Late::Whenever => vec![first],
            };
            let deposed = self.operator.hand(Hand::Begun(left));
            steps.push(Step {
                action: Action::Takeover(first),
                state: State {
                    leader: IDLE,
                    deposed,
                    ..*state
                },
                by_itself: false,
                wrong: None,
            });
        }
        let mut after = *state;
        let wrong = self.write(&mut after, first, rest, Who::Leader);
        steps.push(Step {
            action: Action::Write(first),
            state: after,
            by_itself: true,
            wrong,
        });
    }

    fn deposed(&mut self, state: &State, steps: &mut Vec<Step<Self>>) {
        let Hand::Begun(ops) = self.operator.hand_of(state.deposed).clone() else {
            return;
        };
        let Some((first, rest)) = ops.split_first() else {
            return;
        };
        let mut after = *state;
        let wrong = self.write(&mut after, *first, rest.to_vec(), Who::Deposed);
        steps.push(Step {
            action: Action::Arrive(*first),
            state: after,
            by_itself: true,
            wrong,
        });
        steps.push(Step {
            action: Action::Lost(*first),
            state: State {
                deposed: IDLE,
                ..*state
            },
            by_itself: true,
            wrong: None,
        });
    }

    /// One write, as the API server takes it.
    fn write(&mut self, state: &mut State, op: Op, rest: Vec<Op>, who: Who) -> Option<String> {
        let mut goes_on = true;
        let mut wrong = None;
        match op {
            Op::Apply(at, uid) => match (at.get(&state.slots), uid) {
                (slot, None) if slot.phase == Phase::Absent => {
                    wrong = rule::comes(self, state, at);
                    *at.of(&mut state.slots) = Slot {
                        phase: Phase::Pending,
                        incarnation: self.free(state, at),
                    };
                }
                // What is there is what is applied: its name holds the digest.
                (slot, None) => goes_on = slot.phase != Phase::Absent,
                (slot, Some(uid)) => {
                    goes_on = slot.phase != Phase::Absent && slot.incarnation == uid;
                }
            },
            Op::Delete(at, uid) => {
                let slot = at.get(&state.slots);
                if slot.phase != Phase::Absent && slot.incarnation == uid {
                    wrong = rule::goes(self, state, at);
                    at.of(&mut state.slots).phase = Phase::Leaving;
                }
            }
            Op::Save(at, number) => save(&mut state.revisions, at, number),
            Op::Mark(at, last_good, failed) => {
                let kept = at.of(&mut state.revisions);
                goes_on = kept.number > 0;
                if goes_on {
                    (kept.last_good, kept.failed) = (last_good, failed);
                }
            }
            Op::Forget(_) => {
                wrong = Some("of two renderings, one is forgotten".to_owned());
            }
            Op::Status(status) => {
                wrong = rule::written(self, state, status);
                self.status(state, status);
                if who == Who::Leader && self.config.late == Late::Soon {
                    state.deposed = IDLE;
                }
            }
        }
        let left = if goes_on { rest } else { Vec::new() };
        let left = self.operator.hand(Hand::Begun(left));
        match who {
            Who::Leader => state.leader = left,
            Who::Deposed => state.deposed = left,
        }
        wrong
    }

    fn status(&mut self, state: &mut State, status: Id) {
        state.status = status;
        for (line, facts) in self.operator.facts(status).lines.iter().enumerate() {
            let failing = facts.trial.filter(|trial| trial.failed);
            let failing = failing.map(|trial| trial.target);
            let failed = facts.failed.map(|(_, target)| target);
            for target in failing.into_iter().chain(failed) {
                state.failed |= 1 << (2 * line + usize::from(target));
            }
        }
        self.touched(state);
    }

    /// The PlantIntegration has another resource version.
    fn touched(&mut self, state: &mut State) {
        let leader = self.operator.hand_of(state.leader).outdated();
        let deposed = self.operator.hand_of(state.deposed).outdated();
        state.leader = self.operator.hand(leader);
        state.deposed = self.operator.hand(deposed);
    }

    /// The lowest incarnation that nothing refers to any more.
    fn free(&self, state: &State, at: At) -> u8 {
        let hands = [state.leader, state.deposed];
        let used = self.operator.references((state.status, hands));
        let used = at.get(&used);
        u8::try_from(used.trailing_ones()).unwrap_or(u8::MAX)
    }

    fn gone(&mut self, state: &State, at: At) -> State {
        let mut after = *state;
        let slot = std::mem::take(at.of(&mut after.slots));
        let leader = self.operator.hand_of(state.leader);
        let leader = leader.without(at, slot.incarnation);
        after.leader = self.operator.hand(leader);
        let deposed = self.operator.hand_of(state.deposed);
        let deposed = deposed.without(at, slot.incarnation);
        after.deposed = self.operator.hand(deposed);
        after
    }

    fn plant(&mut self, state: &State, steps: &mut Vec<Step<Self>>) {
        for at in places(self.config.lines) {
            let mut after = *state;
            let (action, by_itself) = match at.get(&state.slots).phase {
                Phase::Pending if self.starts(state, at) => {
                    at.of(&mut after.slots).phase = Phase::Ready;
                    (Action::Ready(at), true)
                }
                Phase::Ready if self.config.flaps => {
                    at.of(&mut after.slots).phase = Phase::Pending;
                    (Action::Unready(at), false)
                }
                Phase::Leaving => {
                    after = self.gone(state, at);
                    (Action::Gone(at), true)
                }
                Phase::Absent | Phase::Pending | Phase::Ready => continue,
            };
            steps.push(Step {
                action,
                state: after,
                by_itself,
                wrong: None,
            });
        }
    }

    fn people(&mut self, state: &State, steps: &mut Vec<Step<Self>>) {
        if state.target == 1 && !self.config.back {
            return;
        }
        let mut after = State {
            target: 1 - state.target,
            // Who asks for it again has said so.
            failed: 0,
            ..*state
        };
        self.touched(&mut after);
        steps.push(Step {
            action: Action::Ask(after.target),
            state: after,
            by_itself: false,
            wrong: None,
        });
    }
}

/// Who writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Leader,
    Deposed,
}

fn save(revisions: &mut Revisions, at: At, number: u8) {
    let kept = at.of(revisions);
    if kept.number == 0 {
        kept.number = number;
    }
}

impl Model for Machine {
    type State = State;
    type Action = Action;

    fn initial(&mut self) -> Vec<State> {
        let count = u8::try_from(self.config.qualities.len()).unwrap_or(u8::MAX);
        let begin = |quality| State {
            target: 0,
            quality,
            failed: 0,
            slots: Slots::default(),
            revisions: Revisions::default(),
            status: 0,
            leader: IDLE,
            deposed: IDLE,
        };
        (0..count).map(begin).collect()
    }

    fn steps(&mut self, state: &State, steps: &mut Vec<Step<Self>>) {
        self.leader(state, steps);
        self.deposed(state, steps);
        self.plant(state, steps);
        self.people(state, steps);
        // Looking and doing nothing leads nowhere, but a plan that breaks a rule is told.
        steps.retain(|step| step.state != *state || step.wrong.is_some());
    }

    fn wrong(&mut self, state: &State) -> Option<String> {
        rule::always(self, state)
    }

    fn rests(&mut self, state: &State) -> Result<bool, String> {
        rule::rests(self, state)
    }
}
