//! The real planner, asked once for each different thing that can be seen; its plans as writes of the model.

use super::Kind;
use super::plant::{self, Answer, Plant, Sight};
use super::state::{At, Hand, IDLE, Id, LINES, Op, References, VERSIONS, places};
use andon_api::{LineStatus, PlantIntegrationStatus, Trial};
use andon_plan::{Change, Memory, Plan};
use std::collections::HashMap;
use std::hash::Hash;

/// What a plan comes to.
#[derive(Clone, Debug)]
pub struct Look {
    /// Its writes.
    pub ops: Vec<Op>,
    /// Whether it asks to look again.
    pub wakes: bool,
    /// Rules that it breaks.
    pub broken: Option<String>,
}

/// What the rules of the model ask of a status.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Of each line.
    pub lines: [Line; LINES],
    /// Whether counters are read.
    pub counted: bool,
    /// Whether a trial waits for the API server's dry run.
    pub unchecked: bool,
    /// Incarnations of pods that it names.
    pub references: References,
}

/// What the rules of the model ask of a line's status.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line {
    /// Version that is its last good.
    pub last_good: Option<u8>,
    /// Version that it ran before, while it may be taken back.
    pub previous: Option<u8>,
    /// Version and target on trial.
    pub trial: Option<Tried>,
    /// Version and target that failed.
    pub failed: Option<(u8, u8)>,
}

/// A trial.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    /// Its version.
    pub version: u8,
    /// Its target.
    pub target: u8,
    /// Whether pods may change.
    pub checked: bool,
    /// Whether it has failed.
    pub failed: bool,
    /// Whether it goes back.
    pub back: bool,
    /// Whether it is known not to be ready, so that a deadline runs.
    pub unready: bool,
}

/// Numbers for values.
struct Interned<K, V> {
    numbers: HashMap<K, Id>,
    values: Vec<V>,
}

impl<K: Eq + Hash, V> Interned<K, V> {
    fn new() -> Self {
        Self {
            numbers: HashMap::new(),
            values: Vec::new(),
        }
    }

    fn add(&mut self, key: K, value: impl FnOnce() -> V) -> Id {
        let values = &mut self.values;
        *self.numbers.entry(key).or_insert_with(|| {
            values.push(value());
            Id::try_from(values.len() - 1).unwrap_or(Id::MAX)
        })
    }
}

/// The operator, whichever of its instances it is: all run the same program.
pub struct Operator {
    plant: Plant,
    statuses: Interned<String, (PlantIntegrationStatus, Facts)>,
    hands: Interned<Hand, (Hand, References)>,
    looks: HashMap<Sight, Look>,
    /// One for each target: a memory keeps only the last answer.
    memories: [Memory; VERSIONS],
}

impl Operator {
    /// An operator that has seen nothing yet.
    pub fn new(plant: Plant) -> Self {
        let mut operator = Self {
            plant,
            statuses: Interned::new(),
            hands: Interned::new(),
            looks: HashMap::new(),
            memories: Default::default(),
        };
        operator.hand(Hand::Begun(Vec::new()));
        let unobserved = PlantIntegrationStatus {
            observed_generation: -1,
            ..PlantIntegrationStatus::default()
        };
        operator.status(&unobserved);
        operator
    }

    /// The plant it looks at.
    pub fn plant(&self) -> &Plant {
        &self.plant
    }

    /// How often the planner was asked.
    pub fn planned(&self) -> usize {
        self.looks.len()
    }

    /// The number of a hand.
    pub fn hand(&mut self, hand: Hand) -> Id {
        let hand = match hand {
            Hand::Planned(ops) if ops.is_empty() => Hand::Begun(ops),
            // Nothing but the status: its own precondition is all there is.
            Hand::Planned(ops) if matches!(ops[..], [Op::Status(_)]) => Hand::Begun(ops),
            hand => hand,
        };
        self.hands.add(hand.clone(), || {
            let references = hand.references();
            (hand, references)
        })
    }

    /// The hand of a number.
    pub fn hand_of(&self, id: Id) -> &Hand {
        &self.hands.values[id as usize].0
    }

    /// The incarnations that are referred to.
    pub fn references(&self, (status, hands): (Id, [Id; 2])) -> References {
        let mut all = self.facts(status).references;
        for hand in hands.into_iter().filter(|hand| *hand != IDLE) {
            let more = &self.hands.values[hand as usize].1;
            for at in places(LINES) {
                *at.of(&mut all) |= at.get(more);
            }
        }
        all
    }

    /// What a status says.
    pub fn facts(&self, status: Id) -> &Facts {
        &self.statuses.values[status as usize].1
    }

    /// The status of a number.
    pub fn status_of(&self, status: Id) -> &PlantIntegrationStatus {
        &self.statuses.values[status as usize].0
    }

    /// The number of a status. Every instant becomes the same one: what a state may know of time is what it has waited for.
    fn status(&mut self, status: &PlantIntegrationStatus) -> Id {
        let text = serde_json::to_string(status).unwrap_or_default();
        let text = text.replace(plant::LATE, plant::THEN);
        let text = text.replace(plant::NOW, plant::THEN);
        let plant = &self.plant;
        self.statuses.add(text.clone(), || {
            let status: PlantIntegrationStatus =
                serde_json::from_str(&text).unwrap_or_else(|_| status.clone());
            let facts = facts(plant, &status, &text);
            (status, facts)
        })
    }

    /// One look: what the planner makes of what is seen.
    pub fn look(&mut self, sight: &Sight) -> &Look {
        if !self.looks.contains_key(sight) {
            let look = self.plan(sight);
            self.looks.insert(*sight, look);
        }
        &self.looks[sight]
    }

    fn plan(&mut self, sight: &Sight) -> Look {
        let observed = self.plant.observed(sight, self.status_of(sight.status));
        let memory = &mut self.memories[usize::from(sight.target)];
        let plan = andon_plan::plan_with(&observed, memory);
        let checked = andon_plan::check_with(&observed, &plan, memory);
        let mut broken = checked.err().map(|rules| {
            let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
            rules.join("; ")
        });
        let ops = match self.ops(&plan) {
            Ok(ops) => ops,
            Err(why) => {
                broken = broken.or(Some(why));
                Vec::new()
            }
        };
        Look {
            ops,
            wakes: plan.wake.is_some(),
            broken,
        }
    }

    /// The writes of a plan; an error if one is none of those that the model knows.
    fn ops(&mut self, plan: &Plan) -> Result<Vec<Op>, String> {
        let changes = plan.changes.iter().map(|change| self.op(change));
        let mut ops = changes
            .collect::<Option<Vec<Op>>>()
            .ok_or_else(|| format!("a write that the model does not know: {:?}", plan.changes))?;
        if plan.write_status {
            ops.push(Op::Status(self.status(&plan.status)));
        }
        Ok(ops)
    }

    fn op(&self, change: &Change) -> Option<Op> {
        let object = |name: &str| {
            places(self.plant.renderings.len())
                .find(|at| self.plant.rendering(*at).stages[0].instance == name)
        };
        let revision = |name: &str| {
            places(self.plant.renderings.len()).find(|at| self.plant.revision_name(*at) == name)
        };
        Some(match change {
            Change::Apply { object: it, uid } => {
                let at = object(it["metadata"]["name"].as_str()?)?;
                let uid = uid.as_deref().map(incarnation);
                Op::Apply(at, uid)
            }
            Change::RemoveFinalizer => return None,
            Change::Delete { name, uid, .. } => Op::Delete(object(name)?, incarnation(uid)),
            Change::SaveRevision { name, number, .. } => {
                Op::Save(revision(name)?, u8::try_from(*number).ok()?)
            }
            Change::MarkRevision {
                name,
                last_good,
                failed,
                ..
            } => {
                let failed = failed.as_deref().map(target);
                Op::Mark(revision(name)?, *last_good, failed)
            }
            Change::DeleteRevision { name, .. } => Op::Forget(revision(name)?),
            // Nothing stands by here.
            Change::DeletePod { .. } => return None,
        })
    }

    /// How the world may answer in a state with this status, so that it makes a difference. A deadline passes only where a
    /// version never becomes ready: a good one is ready before.
    pub fn answers(&self, (status, quality): (Id, u8)) -> Vec<Answer> {
        let facts = self.facts(status);
        let kind = |line: usize, version: u8| {
            let line = u8::try_from(line).unwrap_or(0);
            self.plant.kind(quality, At { line, version })
        };
        let mut answers = vec![Answer::Yes];
        if facts.counted || facts.unchecked {
            answers.push(Answer::No);
        }
        if facts.counted && (0..LINES).any(|line| kind(line, 1) == Kind::Fickle) {
            answers.push(Answer::Bad);
        }
        let overdue = |(line, it): (usize, &Line)| {
            let trial = it.trial.filter(|trial| trial.unready);
            trial.is_some_and(|trial| kind(line, trial.version) == Kind::NeverReady)
        };
        if facts.lines.iter().enumerate().any(overdue) {
            answers.push(Answer::Late);
        }
        answers
    }
}

/// The incarnation in a UID.
fn incarnation(uid: &str) -> u8 {
    let last = uid.rsplit('-').next();
    last.and_then(|it| it.parse().ok()).unwrap_or(u8::MAX)
}

/// The target of a digest.
fn target(digest: &str) -> u8 {
    incarnation(digest)
}

fn facts(plant: &Plant, status: &PlantIntegrationStatus, text: &str) -> Facts {
    let mut facts = Facts::default();
    for (index, line) in facts.lines.iter_mut().enumerate() {
        let name = plant::name(index);
        if let Some(known) = status.lines.iter().find(|line| line.name == name) {
            *line = line_facts(plant, known);
        }
    }
    facts.counted = status.lines.iter().any(andon_plan::is_counted);
    let mut trials = status.lines.iter().filter_map(|line| line.trial.as_ref());
    facts.unchecked = trials.any(|trial| !trial.checked && !goes_back(trial));
    for at in places(LINES) {
        let named = (0..u8::BITS).filter(|incarnation| {
            let uid = plant::pod_uid(at, u8::try_from(*incarnation).unwrap_or(0));
            text.contains(&uid)
        });
        *at.of(&mut facts.references) = named.fold(0, |all, one| all | 1 << one);
    }
    facts
}

fn line_facts(plant: &Plant, line: &LineStatus) -> Line {
    let version = |digest: &String| plant.at(&line.name, digest).map(|at: At| at.version);
    let kept = line.last_good.as_ref();
    let promoted = line.promoted.as_ref();
    Line {
        last_good: kept.and_then(|kept| version(&kept.digest)),
        previous: promoted.and_then(|promoted| version(&promoted.previous.digest)),
        trial: line.trial.as_ref().and_then(|trial| {
            Some(Tried {
                version: version(&trial.rendering.digest)?,
                target: target(&trial.target_digest),
                checked: trial.checked,
                failed: trial.failure.is_some(),
                back: goes_back(trial),
                unready: trial.unready.is_some(),
            })
        }),
        failed: line.failed.as_ref().and_then(|failed| {
            let version = version(&failed.rendering.digest)?;
            Some((version, target(&failed.target_digest)))
        }),
    }
}

fn goes_back(trial: &Trial) -> bool {
    trial.failure.is_some() || trial.withdrawn.is_some()
}
