//! Where counters come from.

pub mod counters;
pub mod direct;
pub mod exposition;
pub mod prometheus;
