//! What a scope used of energy.

use schemars::JsonSchema;
use serde::Serialize;

use super::figures::finite;
use crate::{
    metrics::{self, EnergyUse},
    record::{Class, SensorKind, Subject},
};

/// What a scope used of energy, by the best that was read of each part of the machines.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Energy<'a> {
    /// By class, of which numbers are never put together, the largest first: that one is judged, and what others follow from.
    by_class: Vec<OfClass<'a>>,
    /// Parts that are in none of them although they were read.
    left_out: Vec<LeftOut<'a>>,
    /// Whether other phases ran beside it, so that it has no energy per request and token.
    shared: bool,
    /// Whether the net energy counts rather than all of it.
    net: bool,
}

/// Energy of one class.
#[derive(Debug, Serialize, JsonSchema)]
struct OfClass<'a> {
    /// How sure it is.
    class: Class,
    /// All that the parts used in the windows.
    gross_joules: Option<f64>,
    /// The same without what they draw at rest; null where that is not known.
    net_joules: Option<f64>,
    /// Mean power of all.
    mean_watts: Option<f64>,
    /// What they draw at rest, before the load; null where they had no rest.
    idle_watts: Option<f64>,
    /// The parts.
    parts: Vec<Part<'a>>,
}

/// A part of a machine.
#[derive(Debug, Serialize, JsonSchema)]
struct Part<'a> {
    /// What it is.
    subject: &'a Subject,
    /// What read it.
    sensor: SensorKind,
}

/// A part that is in no sum.
#[derive(Debug, Serialize, JsonSchema)]
struct LeftOut<'a> {
    /// What it is.
    subject: &'a Subject,
    /// Why, in words.
    why: &'a str,
}

impl<'a> Energy<'a> {
    /// `None` where nothing was read.
    pub(super) fn of(used: &'a EnergyUse) -> Option<Self> {
        let nothing = used.by_class.is_empty() && used.left_out.is_empty();
        (!nothing).then(|| Self {
            by_class: used.by_class.iter().map(OfClass::of).collect(),
            left_out: used.left_out.iter().map(|(subject, why)| LeftOut { subject, why }).collect(),
            shared: used.shared,
            net: used.net,
        })
    }
}

impl<'a> OfClass<'a> {
    fn of(energy: &'a metrics::Energy) -> Self {
        Self {
            class: energy.class,
            gross_joules: finite(energy.joules),
            net_joules: energy.net_joules().and_then(finite),
            mean_watts: finite(energy.watts()),
            idle_watts: energy.idle_watts.and_then(finite),
            parts: energy.parts.iter().map(|(subject, sensor)| Part { subject, sensor: *sensor }).collect(),
        }
    }
}
