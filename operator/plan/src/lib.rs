//! Pure: what is observed -> what to do, what not and why, when to look again.

mod approval;
mod budget;
pub mod calendar;
mod canary;
mod check;
mod checking;
mod compare;
mod count;
mod decide;
mod desired;
mod drift;
mod event;
mod health;
mod hold;
mod input;
mod line;
mod memory;
mod object;
mod observed;
mod order;
mod pace;
mod plan;
mod progress;
mod promote;
mod release;
mod removal;
mod require;
mod restart;
mod rules;
mod shadow;
mod site;
mod stage;
mod standby;
mod start;
pub mod statistics;
mod status;
mod undo;
mod validated;
mod value;
mod verdict;
mod veto;

pub use canary::MOST_RESTARTS;
pub use check::{Violation, check, check_with};
pub use count::MOST_CONTAINERS;
pub use decide::{plan, plan_with};
pub use desired::Memory;
pub use hold::{Ends, Hold};
pub use observed::{
    BucketCount, Counts, DryRun, GoodBad, Integration, Need, Neighbour, Observed, Pod, Reading,
    Revision, Seen, Site,
};
pub use pace::{Outlook, Pace};
pub use plan::{Change, Event, Plan, Related};
pub use release::{
    Assign, ObservedRelease, ReleasePlan, ReleasePlant, ReleaseSeen, TargetSeen, plan_release,
    target_digest, wants,
};
pub use shadow::MOST_FIELDS;
pub use site::{IntegrationSeen, Named, ObservedSite, PlantSeen, SiteChange, SitePlan, plan_site};
pub use statistics::log_e;
pub use undo::is_counted;
pub use veto::{Asked, asked as vetoes};
