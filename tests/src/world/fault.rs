//! What is out of order on purpose.

use std::collections::BTreeSet;

/// What is out of order on purpose. Chances are in thousandths.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The ERP answers nobody.
    pub erp_down: bool,
    /// The ERP refuses every document of everybody.
    pub erp_picky: bool,
    /// Nobody's counters can be read.
    pub metrics_off: bool,
    /// The counters have other names than the blueprint says.
    pub metrics_renamed: bool,
    /// No image can be pulled.
    pub registry_away: bool,
    /// The namespace is being deleted: nothing can be created in it.
    pub terminating: bool,
    /// Two operators take themselves for the leader.
    pub two_leaders: bool,
    /// Lines that produce nothing.
    pub idle: BTreeSet<String>,
    /// The operator dies after every write.
    pub crash_always: bool,
    /// The operator dies after a write this often.
    pub crash: u64,
    /// The operator plans on an older observation this often.
    pub stale: u64,
    /// A pod's container dies this often, each second.
    pub pod_death: u64,
    /// A reading has a gap this often.
    pub gap: u64,
    /// A document is refused this often whatever the mapping.
    pub refused: u64,
    /// A pod takes much longer to leave this often.
    pub slow_end: u64,
}
