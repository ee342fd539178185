//! `[monitoring]`: what is read of the machine and of the servers while a run goes on, and how often.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Seconds;

/// `[monitoring]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Monitoring {
    /// Whether anything is read at all.
    pub enabled: bool,
    /// Time between two readings.
    #[serde(rename = "interval_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub interval: Duration,
    /// Time between two readings of energy.
    #[serde(rename = "energy_interval_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub energy_interval: Duration,
}

impl Monitoring {
    /// The shortest time between two readings: more often than that the system's own counts hardly move, and reading costs.
    pub const SHORTEST: Duration = Duration::from_millis(10);

    /// The longest: what is read once an hour says nothing of a phase.
    pub const LONGEST: Duration = Duration::from_secs(3600);
}

impl Default for Monitoring {
    /// What holds where nobody says otherwise, as `builtin.toml` has it.
    fn default() -> Self {
        Self { enabled: true, interval: Duration::from_millis(100), energy_interval: Duration::from_secs(1) }
    }
}
