//! Pure: what is observed -> what to do, what not and why, when to look again.

mod observed;
mod plan;
mod site;

pub use observed::{
    Counts, DryRun, GoodBad, Integration, Neighbour, Observed, Pod, Reading, Revision, Seen, Site,
};
pub use plan::{Change, Event, Plan, Related};
pub use site::{IntegrationSeen, Named, ObservedSite, PlantSeen, SiteChange, SitePlan, plan_site};
