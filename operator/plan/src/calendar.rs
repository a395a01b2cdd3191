//! The calendar of a plant: when changes may be made, and when the plant produces.
//!
//! Everything here is a pure function of the schedule and an instant: no clock, no files, no cache (but an `Almanac` for who asks often). [`Calendar::read`]
//! checks the schedule once; the questions never fail.
//!
//! **Openness** = (union of `Allow` windows, or always where there is none) − `Deny` windows − `notAllowedDates` − freezes.
//! All spans are half-open: closed at the instant a window ends, open at the instant it begins; windows that touch are one.
//!
//! **Civil times** (a cron time, the start of a date, a shift's `from` and `to`) become instants by one rule: *the first instant at
//! which the zone's clock shows that time or a later one*. So a time that the clock skips (spring, or a whole day, as in Samoa on
//! 2011-12-30) is the first instant after the gap, and a time that the clock shows twice (autumn) is its first showing, and each
//! happens exactly once. This is what Vixie cron and its descendants do with jobs at fixed times (cron(8): jobs in the skipped time
//! run right after the change, jobs in the repeated time are not run again). They except jobs with `*` in minute or hour from it;
//! here the rule has no exceptions, so `0 * * * *` does not open a second time in the repeated hour.
//!
//! **A window's duration is elapsed time**, as in Argo CD sync windows and AKS maintenance windows: `0 0 * * *` for `24h` closes for
//! the 25th hour of the day on which the clock goes back. Write `25h` to cover every day whole: overlapping windows are one.
//!
//! **Looking ahead is bounded**: what does not begin within [`HORIZON`], or does not end within a year after it, is `None`.

mod almanac;
mod checked;
mod clock;
mod cron;
mod days;
mod holding;
mod openings;
mod production;
mod read;
mod recurring;
mod span;
mod state;

pub(crate) use almanac::Almanac;
pub use checked::{Calendar, HORIZON};
pub use read::Problem;
pub use span::Opening;
pub use state::{Closed, Continue, WindowReason, WindowState};
