//! Pure: blueprint + parameters -> the objects of one line, with a stable digest.
//!
//! ```text
//! folder --pack--> BlueprintSpec --+
//! defaults < release < plant <     |--render--> Rendering { stages, common, check, digest }
//!   integration < line  ----------+
//! ```

mod rendering;

pub use rendering::{RenderedCheck, RenderedStage, Rendering};
