//! What tests and the demo share: the cluster, the shop floor, processes, waiting with deadlines.

pub mod bench;
pub mod cluster;
pub mod cores;
pub mod demo;
pub mod fleet;
pub mod floor;
pub mod golden;
pub mod model;
pub mod packages;
pub mod plant;
pub mod process;
pub mod prometheus;
pub mod rollback;
pub mod seeds;
pub mod story;
pub mod wait;
pub mod world;
