#![doc = include_str!("../README.md")]

pub mod condition;
pub mod crd;
pub mod digest;
pub mod duration;
pub mod label;
pub mod percent;
pub mod reason;
mod rule;
pub mod v1alpha1;

pub use v1alpha1::*;
