//! The shadow of a stage: it gets the same documents as the stage, and must not be able to post one (`unable.rs`).

mod unable;

pub(crate) use unable::may_post;

use crate::manifest;
use crate::problem::Problem;
use crate::template::Templates;
use andon_api::{Session, Stage, Strategy, label};

/// The part that holds a stage's shadow: its folder below `templates/`.
pub(crate) fn part(stage: &str) -> String {
    format!("{stage}/{}", label::SHADOW)
}

/// The stage of a part: `post` of `post/shadow`.
pub(crate) fn stage_of(part: &str) -> &str {
    part.split_once('/').map_or(part, |(stage, _)| stage)
}

/// The value of `andon.dev/stage` on a part's objects: `shadow` of `post/shadow`.
pub(crate) fn own_name(part: &str) -> &str {
    part.split_once('/').map_or(part, |(_, own)| own)
}

/// Why a stage cannot have the shadow that it declares.
pub(crate) struct Misfit {
    /// Its index.
    pub stage: usize,
    /// The field at fault.
    pub field: &'static str,
    pub problem: String,
    pub remedy: &'static str,
}

/// What the stages say of shadows that cannot be.
pub(crate) fn misfits(stages: &[Stage]) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    let mut first: Option<&str> = None;
    for (index, stage) in stages.iter().enumerate() {
        let Some(_) = &stage.shadow else {
            continue;
        };
        let name = &stage.name;
        let mut say = |field, problem, remedy| {
            misfits.push(Misfit {
                stage: index,
                field,
                problem,
                remedy,
            });
        };
        if stage.metrics.is_none() {
            say(
                "metrics",
                format!("the stage {name} has a shadow and does not say where its counters are"),
                "write metrics: {port, path} in that stage: the shadow's pods serve theirs there too",
            );
        }
        if stage.session == Session::Exclusive {
            say(
                "session",
                format!("the stage {name} holds an exclusive session and has a shadow"),
                "take the shadow out: beside the stage it would be a second session",
            );
        }
        if stage.strategy == Strategy::InPlace {
            say(
                "strategy",
                format!("the stage {name} is changed where it stands and has a shadow"),
                "take the shadow out: nothing of such a stage can run beside it",
            );
        }
        if let Some(first) = first {
            say(
                "shadow",
                format!("the stages {first} and {name} both have a shadow"),
                "leave it to the one that maps documents",
            );
        }
        first.get_or_insert(name);
        let twin = format!("{name}-{}", label::SHADOW);
        if stages.iter().any(|other| other.name == twin) {
            say(
                "name",
                format!("the stage {twin} has the name of the shadow of {name}"),
                "choose another name",
            );
        }
    }
    misfits
}

/// Templates of shadows that no stage declares: they would be rendered nowhere.
pub(crate) fn stray(stages: &[Stage], templates: &Templates) -> Vec<Problem> {
    let without = stages.iter().filter(|stage| stage.shadow.is_none());
    let files = without.flat_map(|stage| templates.of_part(&part(&stage.name)));
    files
        .map(|file| {
            Problem::new(
                &file,
                None,
                "this template is a shadow's, and its stage has none",
                format!(
                    "write shadow: {{same, different}} in that stage of {}",
                    manifest::FILE
                ),
            )
        })
        .collect()
}
