//! Reasons of conditions, holds and events. One word each; the message carries the numbers.

use std::fmt;

macro_rules! reasons {
    ($(#[$outer:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// Every one, for documentation and tests.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word as it stands in the API.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => stringify!($variant)),+ }
            }

            /// The reason of that name, if there is one.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

reasons! {
    /// Why something is not done now.
    HoldReason {
        /// No release asks anything of this plant.
        NoRelease,
        /// The release is paused.
        Paused,
        /// A less critical line has not finished.
        EarlierLineNotDone,
        /// As many lines of the plant are on trial as it allows, over all its integrations.
        BudgetTaken,
        /// A line failed this target; the plant has stopped for it.
        PlantStopped,
        /// This rendering failed here before.
        FailedBefore,
        /// A first install failed; there is nothing to go back to.
        InstallFailed,
        /// The blueprint object does not exist.
        BlueprintMissing,
        /// What the blueprint requires does not run at this plant.
        RequirementNotMet,
        /// The line is about to go back, and what relies on it goes back first.
        StillRequired,
        /// The parameters do not fit the blueprint's schema.
        ParametersInvalid,
        /// A template of the blueprint cannot be rendered.
        RenderFailed,
        /// The release's analysis cannot be used.
        AnalysisInvalid,
        /// The line is in the middle of something, by what its workload says; the change waits, but not for ever.
        WorkloadBusy,
        /// The check Job has not finished.
        CheckRunning,
        /// The candidate runs as a shadow, and what it shows is not enough to pass or to fail.
        Shadowing,
        /// A stage is not in place yet.
        StageNotReady,
        /// The old instance of a stage has not gone yet.
        OldInstanceLeaving,
        /// What is to stand by behind a stage is not connected yet.
        StandbyNotReady,
        /// What stands by got the canary's queue, and has not given it back.
        StandbyActive,
        /// The bake has not lasted long enough.
        Baking,
        /// The first documents after everything is in place are not judged.
        StartDelay,
        /// Too few documents to pass.
        TooFewSamples,
        /// The counters cannot be read.
        NoData,
        /// The canary finishes nothing, and the other lines do not either.
        AllLinesStandStill,
        /// No verdict for longer than the release lets a canary wait; somebody should look.
        NoVerdict,
        /// The other lines fail alike: nobody can tell whose fault it is.
        SharedOutage,
        /// The canary has finished nothing yet and has no input waiting.
        NoInput,
        /// The line is no longer in the PlantSite, and how what runs there may be stopped is not known; it is kept.
        LineRemoved,
        /// The line is no longer in the PlantSite, and documents wait in its queue.
        NotDrained,
        /// What the plant needs once is no longer in the PlantSite, and other integrations still run there.
        StillNeeded,
        /// The API server has not said whether it would take the rendering's objects.
        DryRunUnanswered,
        /// The PlantSite cannot be used.
        SpecInvalid,
        /// The rendering that the line would go back to is no longer kept in the plant.
        LastGoodMissing,
        /// An earlier wave is not over.
        EarlierWaveNotDone,
        /// The soak after a wave is not over.
        Soaking,
        /// People have to approve.
        AwaitingApproval,
        /// The wave selects no plant.
        WaveEmpty,
        /// Too many plants failed.
        TooManyFailedPlants,
        /// The release was given up.
        GivenUp,
        /// No wave selects the plant.
        NoWave,
        /// The plant is out of reach.
        PlantOffline,
        /// As many plants as may be are under way.
        EnoughPlantsUnderWay,
        /// The plant's windows, freezes or days off allow no change now.
        WindowClosed,
    }
}

reasons! {
    /// Why a trial failed.
    FailureReason {
        /// The evidence against an indicator reached the limit.
        CheckFailed,
        /// The routes did not start or a golden document came out wrong.
        RoutesInvalid,
        /// As a shadow it came out otherwise than what runs in too many documents.
        ShadowDiffers,
        /// The API server refused an object.
        Refused,
        /// Finished nothing while the other lines did.
        NoProgress,
        /// Did not become ready in time.
        NotReady,
        /// The container restarted again and again.
        CanaryRestarts,
        /// No verdict within the time that the release gives it.
        Inconclusive,
    }
}

reasons! {
    /// What an event tells.
    EventReason {
        /// A line's trial began.
        LineStarted,
        /// The routes were checked in the real engine.
        RoutesChecked,
        /// The candidate begins to run as a shadow.
        ShadowStarted,
        /// The candidate came out the same as what runs.
        ShadowPassed,
        /// The release asks for a shadow, and there is nothing to compare on this line.
        ShadowSkipped,
        /// A line changes although its workload says that it is in the middle of something, since it has waited long enough.
        PatienceOver,
        /// At the line's own pace the documents that a pass needs take longer than the bake, or than anybody waits.
        SamplesOutOfReach,
        /// Every stage is in place; the bake began.
        LineBaking,
        /// What of the last good stays connected beside the canary, what that costs and until when; or why nothing does.
        LineStandby,
        /// What stands by got the canary's queue, and gives it back.
        StandbyActive,
        /// A line's canary passed.
        LinePromoted,
        /// A person wants a line's canary to pass before its time.
        LinePromotionAsked,
        /// A line's canary failed; the line goes back.
        LineFailed,
        /// A line runs its last good again.
        LineRolledBack,
        /// A first install failed and was stopped.
        LineStopped,
        /// A newer target replaced the one on trial.
        LineSuperseded,
        /// A promoted line is taken back with the rest.
        LineUndone,
        /// A line takes no part any more and is being removed.
        LineRemoving,
        /// Nothing of a line is left.
        LineRemoved,
        /// Somebody had changed an object; it was put back.
        DriftPutBack,
        /// Nothing can be done until the spec changes.
        Invalid,
        /// Every line runs the target.
        ReleaseComplete,
        /// A wave's gate was passed.
        WaveOpened,
        /// A wave is over.
        WaveCompleted,
        /// A release was given up, by a person or because too many plants failed it.
        ReleaseGivenUp,
    }
}

reasons! {
    /// Reasons of the conditions `Ready`, `Reconciling`, `Stalled` and `RolledBack`.
    ConditionReason {
        /// Every line runs what it should.
        AllLinesSteady,
        /// A line is on trial.
        LineOnTrial,
        /// Something waits; the message says for what.
        Waiting,
        /// A line failed the target and went back.
        LineRolledBack,
        /// The spec cannot be used.
        Invalid,
        /// No release asks anything.
        NoRelease,
        /// The namespace already has a PlantSite.
        NamespaceTaken,
        /// The plant's lines and integrations are taken up.
        Accepted,
        /// Every plant runs the release.
        Complete,
        /// Some plant has not finished.
        Progressing,
        /// Paused by a person.
        Paused,
        /// No plant wants this integration.
        NoPlants,
        /// The blueprint object does not exist.
        BlueprintMissing,
        /// Another release of the fleet speaks for the same integration.
        Overlapping,
        /// Somebody has to approve.
        AwaitingApproval,
        /// A wave selects no plant.
        WaveEmpty,
        /// The release was given up.
        GivenUp,
    }
}
