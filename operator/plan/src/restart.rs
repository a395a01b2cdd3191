//! Containers of a canary that restart, and queues that it lost.

use crate::canary::MOST_RESTARTS;
use crate::line::Turn;
use andon_api::Trial;
use andon_render::Rendering;

/// Whether one of the trial's containers restarts again and again.
pub(crate) fn too_often(turn: &Turn<'_>, trial: &Trial, rendering: &Rendering) -> Option<String> {
    let scene = turn.scene();
    rendering
        .stages
        .iter()
        .flat_map(|stage| scene.pods_of(stage))
        .find_map(|pod| {
            let before = trial.restarts_before.get(&pod.uid).copied().unwrap_or(0);
            let restarts = pod.restarts - before;
            // While its standby had the queue it was as good as gone.
            let standby = trial.standby.as_ref();
            let taken = standby
                .filter(|standby| standby.stages.contains(&pod.stage))
                .map_or(0, |standby| standby.taken);
            (restarts + taken > MOST_RESTARTS).then(|| {
                let words = pod.last_words.as_deref().or(pod.trouble.as_deref());
                let words = words.map_or_else(String::new, |words| format!(": {words}"));
                let taken = match taken {
                    0 => String::new(),
                    _ => format!(", and its standby got the queue {taken} times beside that"),
                };
                format!("{} restarted {restarts} times{taken}{words}", pod.name)
            })
        })
}
