//! What numbers are of, and how they are shown.

use schemars::JsonSchema;
use serde::Serialize;

use crate::units;

/// What a metric's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Tokens per second.
    TokensPerSecond,
    /// Requests per second.
    RequestsPerSecond,
    /// A share of something, `0.0..=1.0`.
    Share,
    /// A plain number.
    Number,
    /// An amount of money, in the currency in which the scenario gives its price.
    Money,
    /// Bytes.
    Bytes,
    /// Degrees Celsius.
    Celsius,
    /// Megahertz.
    Megahertz,
    /// Watts.
    Watts,
    /// Joules.
    Joules,
}

impl Unit {
    /// Every unit.
    pub const ALL: [Self; 11] = [
        Self::Seconds,
        Self::TokensPerSecond,
        Self::RequestsPerSecond,
        Self::Share,
        Self::Number,
        Self::Money,
        Self::Bytes,
        Self::Celsius,
        Self::Megahertz,
        Self::Watts,
        Self::Joules,
    ];

    /// A value of this unit for people: `51.2 ms`, `58.3 tok/s`, `4.2 %`.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Seconds => units::show_seconds(value),
            Self::TokensPerSecond => format!("{} tok/s", units::show_number(value)),
            Self::RequestsPerSecond => format!("{} req/s", units::show_number(value)),
            Self::Share => units::show_share(value),
            Self::Number | Self::Money => units::show_number(value),
            // no reading is below zero, or near 2⁶⁴
            Self::Bytes => units::show_bytes(value as u64),
            Self::Celsius => format!("{} °C", units::show_number(value)),
            Self::Megahertz => format!("{} MHz", units::show_number(value)),
            Self::Watts => format!("{} W", units::show_number(value)),
            Self::Joules => format!("{} J", units::show_number(value)),
        }
    }

    /// The ending that a number of this unit gets in JSON, and the factor from the base unit: latencies are written
    /// in milliseconds.
    pub fn json(self) -> (&'static str, f64) {
        match self {
            Self::Seconds => ("_ms", 1e3),
            Self::Bytes => ("_bytes", 1.0),
            Self::Celsius => ("_celsius", 1.0),
            Self::Megahertz => ("_mhz", 1.0),
            Self::Watts => ("_watts", 1.0),
            Self::Joules => ("_joules", 1.0),
            Self::TokensPerSecond | Self::RequestsPerSecond | Self::Number | Self::Share | Self::Money => {
                ("", 1.0)
            }
        }
    }
}
