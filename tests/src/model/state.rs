//! What a state of the model is: small values that are equal whenever nothing that can still happen differs.

/// Most lines of a modelled plant.
pub const LINES: usize = 3;
/// Versions that exist.
pub const VERSIONS: usize = 2;

/// A Deployment and its pod, of one version on one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Slot {
    /// What is there.
    pub phase: Phase,
    /// Which object of that name it is: part of its UID.
    pub incarnation: u8,
}

/// What is there of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Nothing.
    #[default]
    Absent,
    /// The Deployment, and a pod that is not ready.
    Pending,
    /// The Deployment, and a pod that is ready.
    Ready,
    /// Both are being deleted; both are still seen.
    Leaving,
}

/// Every slot of a plant.
pub type Slots = [[Slot; VERSIONS]; LINES];

/// A kept rendering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Kept {
    /// Its number; 0: it is not there.
    pub number: u8,
    /// Marked as last good.
    pub last_good: bool,
    /// Marked as failed for this target.
    pub failed: Option<u8>,
}

/// Every kept rendering of a plant.
pub type Revisions = [[Kept; VERSIONS]; LINES];

/// Number of an interned value.
pub type Id = u32;

/// The hand of an operator that has nothing to do.
pub const IDLE: Id = 0;

/// What an operator has in hand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Hand {
    /// It has listed the one half of what it sees, and not yet the other.
    Half {
        /// Pods were listed before objects, not after.
        pods_first: bool,
        /// What it has listed.
        seen: Slots,
    },
    /// It has planned, and has not asked yet whether the PlantIntegration is still the one it saw.
    Planned(Vec<Op>),
    /// It carries out what is left of a plan.
    Begun(Vec<Op>),
}

/// One write, with its precondition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Applies a Deployment; the incarnation that must be there, or none.
    Apply(At, Option<u8>),
    /// Deletes a Deployment of that incarnation.
    Delete(At, u8),
    /// Keeps a rendering under this number.
    Save(At, u8),
    /// Marks a kept rendering: last good, failed for a target.
    Mark(At, bool, Option<u8>),
    /// Forgets a kept rendering.
    Forget(At),
    /// Writes the status, if the PlantIntegration is still the one that was seen.
    Status(Id),
}

/// A version on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct At {
    /// Line.
    pub line: u8,
    /// Version.
    pub version: u8,
}

impl At {
    /// Its place in an array of all.
    pub fn get<T: Copy>(self, all: &[[T; VERSIONS]; LINES]) -> T {
        all[usize::from(self.line)][usize::from(self.version)]
    }

    /// Its place in an array of all.
    pub fn of<T>(self, all: &mut [[T; VERSIONS]; LINES]) -> &mut T {
        &mut all[usize::from(self.line)][usize::from(self.version)]
    }
}

/// Every version on each of so many lines.
pub fn places(lines: usize) -> impl Iterator<Item = At> {
    (0..lines).flat_map(|line| {
        (0..VERSIONS).map(move |version| At {
            line: u8::try_from(line).unwrap_or(0),
            version: u8::try_from(version).unwrap_or(0),
        })
    })
}

/// The plant, the operators, and what people ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Version that is asked for.
    pub target: u8,
    /// Which world this is: what is wrong with version 2, and where.
    pub quality: u8,
    /// Line and target that have failed, one bit each. History: no plan sees it.
    pub failed: u8,
    /// The workloads.
    pub slots: Slots,
    /// The kept renderings.
    pub revisions: Revisions,
    /// The status as it is persisted.
    pub status: Id,
    /// What the leader has in hand.
    pub leader: Id,
    /// What a deposed leader has sent and what has not arrived yet.
    pub deposed: Id,
}

/// Incarnations that something refers to, one bit each.
pub type References = [[u8; VERSIONS]; LINES];

impl Hand {
    /// The incarnations it refers to.
    pub fn references(&self) -> References {
        let mut found = References::default();
        let mut note = |at: At, incarnation: u8| *at.of(&mut found) |= 1 << incarnation;
        match self {
            Self::Half { seen, .. } => {
                for at in places(LINES) {
                    if at.get(seen).phase != Phase::Absent {
                        note(at, at.get(seen).incarnation);
                    }
                }
            }
            Self::Planned(ops) | Self::Begun(ops) => {
                for op in ops {
                    match op {
                        Op::Apply(at, Some(it)) | Op::Delete(at, it) => note(*at, *it),
                        _ => {}
                    }
                }
            }
        }
        found
    }

    /// What is left of it once the PlantIntegration has been written by somebody else: what was not begun is dropped whole,
    /// and of what was begun the status write, which has the version as its precondition.
    pub fn outdated(&self) -> Self {
        match self {
            Self::Half { .. } | Self::Planned(_) => Self::Begun(Vec::new()),
            Self::Begun(ops) => {
                let kept = ops.iter().filter(|op| !matches!(op, Op::Status(_)));
                Self::Begun(kept.copied().collect())
            }
        }
    }

    /// What is left of it once an object has gone, so that its UID never comes back. A delete of it does nothing; an apply
    /// over it fails, and nothing after it is tried.
    pub fn without(&self, at: At, incarnation: u8) -> Self {
        let left = |ops: &[Op]| {
            let fails = |op: &Op| *op == Op::Apply(at, Some(incarnation));
            let tried = ops.iter().take_while(|op| !fails(op));
            tried
                .filter(|op| **op != Op::Delete(at, incarnation))
                .copied()
                .collect::<Vec<_>>()
        };
        match self {
            Self::Half { .. } => self.clone(),
            Self::Planned(ops) if left(ops).is_empty() => Self::Begun(Vec::new()),
            Self::Planned(ops) => Self::Planned(left(ops)),
            Self::Begun(ops) => Self::Begun(left(ops)),
        }
    }
}
