//! What was read of the machine and of the servers, by the windows of the steps: before, while and after.

mod bins;
mod collect;
mod judged;
mod stretch;
#[cfg(test)]
mod tests;

pub(super) use collect::{Collecting, Times};
pub(super) use judged::is_told_by_another;
pub use judged::{COVERED, JudgedOn, adds_up, observed};

use crate::{
    catalog::{Metric, Quantity},
    plan::ScopeKey,
    record::{Class, SensorKind, Subject},
    stats::Drift,
};

/// What was read of one quantity over a stretch of the run. What a sensor did not read is not there.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// What.
    pub quantity: Quantity,
    /// Of what.
    pub subject: Subject,
    /// By what.
    pub sensor: SensorKind,
    /// How sure it is.
    pub class: Class,
    /// Readings that fall into the stretch.
    pub readings: u64,
    /// The share of the stretch between two readings.
    pub covered: f64,
    /// The last value before the stretch; only of a level, as what follows.
    pub before: Option<f64>,
    /// The mean over time: between two readings a sampled value is taken to change evenly, and one that is a mean since the
    /// reading before is what it says.
    pub mean: Option<f64>,
    /// The lowest reading, or what it is taken to be at the edges of the stretch.
    pub min: Option<f64>,
    /// The highest, likewise.
    pub max: Option<f64>,
    /// The first value after the stretch.
    pub after: Option<f64>,
    /// By how much a count grew in the stretch, interpolated at its ends. A count that fell began anew.
    pub growth: Option<f64>,
}

impl Observation {
    /// Whether anything was read in the stretch. What was read before or behind it alone is there as well, so that nobody takes what was
    /// lost for nothing.
    pub fn was_read(&self) -> bool {
        self.covered > 0.0 || self.readings > 0
    }
}

/// What a run tells of what was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// What could not be read, in the order in which that was found out.
    pub missing: Vec<Unread>,
    /// What reading cost; `None` where nothing was read.
    pub cost: Option<Cost>,
    /// What was read before the first step began.
    pub before: Vec<Observation>,
    /// What was read after the last request had ended.
    pub after: Vec<Observation>,
    /// Everything over the run, for charts.
    pub curves: Vec<Curve>,
    /// How the memory of servers went in long steps.
    pub memory: Vec<Trend>,
}

impl Observed {
    /// Why a quantity was not read, in words; empty where nobody said.
    pub fn why_unread(&self, metric: Metric) -> String {
        let quantity = if metric.is_energy() { Some(Quantity::Energy) } else { metric.quantity() };
        let Some(quantity) = quantity else { return String::new() };
        let whys = self.missing.iter().filter(|unread| unread.sensor.may_read(quantity));
        let whys: Vec<String> = whys.map(|unread| format!("{}: {}", unread.subject, unread.why)).collect();
        whys.join("; ")
    }
}

/// Something that was not read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unread {
    /// From when on, in seconds since the start of the run.
    pub from_s: f64,
    /// Until when, where it was there again.
    pub to_s: Option<f64>,
    /// What would have read it.
    pub sensor: SensorKind,
    /// What it is about.
    pub subject: Subject,
    /// Why, in words.
    pub why: String,
}

/// What reading cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Processor time in seconds; `None` where the system does not tell.
    pub cpu_s: Option<f64>,
    /// The same as a share of one processor over the run.
    pub cpu_share: Option<f64>,
    /// Moments at which nothing was read, since the reading before took too long.
    pub skipped: u64,
    /// Lines that were left out, since what writes them was behind.
    pub left_out: u64,
}

/// A level over the run, or what a count grew by each second, as means over slices of equal length from its start.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What.
    pub quantity: Quantity,
    /// Of what.
    pub subject: Subject,
    /// By what.
    pub sensor: SensorKind,
    /// The length of a slice, in seconds.
    pub slice_s: f64,
    /// The mean in each slice; `None` where nothing was read.
    pub means: Vec<Option<f64>>,
}

/// How the memory of a server went in a long step.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// The step.
    pub key: ScopeKey,
    /// The server.
    pub subject: Subject,
    /// The drift over the window.
    pub drift: Drift,
    /// Theil and Sen's slope, in bytes an hour.
    pub bytes_per_hour: f64,
    /// The length of the window, in seconds.
    pub length_s: f64,
}
