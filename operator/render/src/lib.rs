#![doc = include_str!("../README.md")]

mod canonical;
mod explain;
mod filter;
mod lines;
mod manifest;
mod memo;
mod object;
mod order;
mod pack;
mod parameter;
mod problem;
mod render;
mod rendering;
mod scalar;
mod shadow;
mod slot;
mod template;
mod value;
mod yaml;

pub use andon_api::Parameters;
pub use canonical::{content_digest, digest_json};
pub use manifest::version_range;
pub use pack::{is_read, pack};
pub use parameter::{Layers, NamedParameters, ParameterError, effective};
pub use problem::{PackError, Place, Problem, RenderError};
pub use render::{Facts, LineFacts, PlantFacts, RenderRequest, render};
pub use rendering::{RenderedCheck, RenderedShadow, RenderedStage, Rendering};
