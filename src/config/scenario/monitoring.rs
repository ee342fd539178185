//! `[monitoring]`: what is read of the machine and of the servers while a run goes on, and how often.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{catalog::Quantity, units::Seconds};

/// `[monitoring]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Whether what the machine draws at rest, before the load, is subtracted from its energy.
    #[serde(default)]
    pub subtract_idle: bool,
    /// What power follows from where nothing reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<PowerEstimate>,
}

/// `monitoring.estimate`: what the machine draws by how busy its processors are, evenly in between.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PowerEstimate {
    /// Watts with idle processors.
    pub idle_watts: f64,
    /// Watts with all processors busy.
    pub busy_watts: f64,
}

impl PowerEstimate {
    /// Watts where this share of the processors' time is used.
    pub fn watts(self, share: f64) -> f64 {
        self.idle_watts + (self.busy_watts - self.idle_watts) * share
    }
}

impl Monitoring {
    /// Time between two readings of a quantity, at most.
    pub fn interval_of(self, quantity: Quantity) -> Duration {
        match quantity {
            Quantity::Energy | Quantity::Power => self.interval.max(self.energy_interval),
            _ => self.interval,
        }
    }

    /// The shortest time between two readings: more often than that the system's own counts hardly move, and reading costs.
    pub const SHORTEST: Duration = Duration::from_millis(10);

    /// The longest: what is read once an hour says nothing of a phase.
    pub const LONGEST: Duration = Duration::from_secs(3600);

    /// Readings of energy that power at rest is taken from, at least: between two of them, a counter that moves ten times a second
    /// is a tenth off.
    pub const IDLE_READINGS: u32 = 5;

    /// How long the machine has to rest before the load for its power to be known.
    pub fn rest(&self) -> Duration {
        self.energy_interval * Self::IDLE_READINGS
    }
}

impl Default for Monitoring {
    /// What holds where nobody says otherwise, as `builtin.toml` has it.
    fn default() -> Self {
        Self {
            enabled: true,
            interval: Duration::from_millis(100),
            energy_interval: Duration::from_secs(1),
            subtract_idle: false,
            estimate: None,
        }
    }
}
