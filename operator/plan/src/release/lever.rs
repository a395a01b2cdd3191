//! What people ask for by annotations: pause, resume, abort, undo, retry. Each value counts once and is repeated in the status, so
//! that an annotation that stays in Git does nothing a second time.

use super::ObservedRelease;
use super::fleet::Fleet;
use andon_api::{GivenUp, Go, IntegrationReleaseSpec, Levers, RollbackScope, label};

/// The levers after this look.
pub(super) fn pull(observed: &ObservedRelease, fleet: &Fleet<'_>) -> Levers {
    let release = &observed.release;
    let mut levers = release.status.levers.clone();
    // What was honoured before a loss of the status, nobody knows: nothing is honoured again, but a pause, which is safe.
    let unknown = release.status.observed_generation < 1;
    let new = |key: &str, honoured: &mut Option<String>| {
        let asked = label::lever(&release.annotations, key);
        let fresh = asked.is_some() && asked != *honoured;
        if fresh {
            *honoured = asked;
        }
        fresh && (key == label::PAUSE || !unknown)
    };
    let pause = new(label::PAUSE, &mut levers.pause);
    let resume = new(label::RESUME, &mut levers.resume);
    let abort = new(label::ABORT, &mut levers.abort);
    let undo = new(label::UNDO, &mut levers.undo);
    let retry = new(label::RETRY, &mut levers.retry);
    // Of a pause and a resume that come together, the pause counts: standing still is safe.
    levers.paused = pause || (levers.paused && !resume);
    if levers
        .given_up
        .as_ref()
        .is_some_and(|it| it.digest != fleet.digest)
        || retry
    {
        levers.given_up = None;
    }
    if unknown && !retry && levers.given_up.is_none() {
        levers.given_up = remembered_by_plants(observed, fleet);
    }
    let give_up = |go, why: &Option<String>| GivenUp {
        digest: fleet.digest.clone(),
        go,
        why: why.clone().unwrap_or_default(),
    };
    if undo {
        levers.given_up = Some(give_up(Go::Undo, &levers.undo));
    } else if abort && levers.given_up.is_none() {
        levers.given_up = Some(give_up(Go::Abort, &levers.abort));
    } else if levers.given_up.is_none()
        && release.spec.rollback.scope == RollbackScope::Release
        && let Some(failed) = fleet.failed().next()
    {
        let why = Some(format!("plant {} failed it", failed.plant.namespace));
        levers.given_up = Some(give_up(Go::Undo, &why));
    }
    levers
}

/// A status can be lost; what plants were told tells that the release had been given up.
fn remembered_by_plants(observed: &ObservedRelease, fleet: &Fleet<'_>) -> Option<GivenUp> {
    let told = |go: Go| {
        let mut targets = fleet.members.iter().filter_map(|it| {
            let seen = it.plant.integration.as_ref()?;
            seen.spec.target.as_ref()
        });
        targets
            .any(|it| it.digest == fleet.digest && it.go == go)
            .then_some(go)
    };
    let name = &observed.release.named.name;
    told(Go::Undo).or(told(Go::Abort)).map(|go| GivenUp {
        digest: fleet.digest.clone(),
        go,
        why: format!("the status of {name} was lost; its plants had been told to"),
    })
}

/// The retry that plants are told of after this look.
pub(super) fn retry(observed: &ObservedRelease) -> Option<String> {
    let release = &observed.release;
    label::lever(&release.annotations, label::RETRY).or_else(|| release.status.levers.retry.clone())
}

/// What plants are told that take part.
pub(super) fn go(spec: &IntegrationReleaseSpec, levers: &Levers, digest: &str) -> Go {
    match &levers.given_up {
        Some(given_up) if given_up.digest == digest => given_up.go,
        _ if spec.paused || levers.paused => Go::Wait,
        _ => Go::Proceed,
    }
}
