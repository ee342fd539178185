//! The readings of one series over one stretch of the run.

use super::Observation;
use crate::{
    catalog::{Course, Quantity},
    config::PowerEstimate,
    metrics::window::Span,
    record::{Class, SensorKind, Subject},
};

/// A series: what is read of what, by what, and how sure.
pub(super) type Key = (Quantity, Subject, SensorKind, Class);

/// How the values between two readings follow from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Between {
    /// They change evenly from one to the other.
    Even,
    /// They are what the later one says, which is a mean since the one before.
    Later,
    /// They grow evenly.
    Growth,
}

impl Between {
    pub(super) fn of(quantity: Quantity, class: Class) -> Self {
        match (quantity.course(), class) {
            (Course::Count, _) => Self::Growth,
            // a count of the kernel's that never falls, and no mean
            (Course::Level, Class::Counter) if quantity != Quantity::ServerMemoryPeak => Self::Later,
            (Course::Level, _) => Self::Even,
        }
    }
}

/// Two readings of a series, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) from_ns: u64,
    pub(super) to_ns: u64,
    pub(super) first: f64,
    pub(super) last: f64,
    pub(super) between: Between,
}

impl Pair {
    /// The part of it that lies in a stretch, in nanoseconds; `None` where none does.
    pub(super) fn within(&self, from_ns: u64, to_ns: u64) -> Option<(u64, u64)> {
        let (from_ns, to_ns) = (self.from_ns.max(from_ns), self.to_ns.min(to_ns));
        (from_ns < to_ns).then_some((from_ns, to_ns))
    }

    /// The same of a count as what it grows by each second.
    pub(super) fn per_second(self) -> Self {
        let rate = self.growth((self.from_ns, self.to_ns)) * 1e9 / (self.to_ns - self.from_ns) as f64;
        Self { first: rate, last: rate, between: Between::Later, ..self }
    }

    fn at(&self, at_ns: u64) -> f64 {
        let part = (at_ns - self.from_ns) as f64 / (self.to_ns - self.from_ns) as f64;
        self.first + (self.last - self.first) * part
    }

    /// The value at both ends of a part of it.
    fn ends(&self, (from_ns, to_ns): (u64, u64)) -> (f64, f64) {
        if self.between == Between::Even {
            (self.at(from_ns), self.at(to_ns))
        } else {
            (self.last, self.last)
        }
    }

    /// The mean over a part of it.
    pub(super) fn mean(&self, part: (u64, u64)) -> f64 {
        let (first, last) = self.ends(part);
        f64::midpoint(first, last)
    }

    /// By how much it grows in a part of it; what fell began anew, and has counted what it says.
    fn growth(&self, (from_ns, to_ns): (u64, u64)) -> f64 {
        let grown = if self.last < self.first { self.last } else { self.last - self.first };
        grown * (to_ns - from_ns) as f64 / (self.to_ns - self.from_ns) as f64
    }
}

/// What one series comes to over a stretch.
#[derive(Debug, Clone, Default)]
pub(super) struct Stretch {
    length_s: f64,
    covered_s: f64,
    readings: u64,
    /// Value times seconds.
    integral: f64,
    growth: f64,
    /// Lowest and highest value, with what is interpolated at the edges.
    extremes: Option<(f64, f64)>,
    /// The same of the values at the ends of all parts, for a stretch that is too short for a reading.
    ends: Option<(f64, f64)>,
    before: Option<f64>,
    after: Option<f64>,
}

fn widen(range: &mut Option<(f64, f64)>, value: f64) {
    let (low, high) = range.unwrap_or((value, value));
    *range = Some((low.min(value), high.max(value)));
}

impl Stretch {
    pub(super) fn of(span: Span) -> Self {
        Self { length_s: span.length_s(), ..Self::default() }
    }

    /// Takes in a reading, with the one before it where there is one.
    pub(super) fn add(&mut self, span: Span, at_ns: u64, value: f64, between: Between, pair: Option<Pair>) {
        if at_ns <= span.from_ns {
            self.before = Some(value);
        }
        if at_ns >= span.to_ns && self.after.is_none() {
            self.after = Some(value);
        }
        let part = pair.and_then(|pair| Some((pair, pair.within(span.from_ns, span.to_ns)?)));
        if let Some((pair, part)) = part {
            let seconds = (part.1 - part.0) as f64 / 1e9;
            self.covered_s += seconds;
            self.integral += pair.mean(part) * seconds;
            self.growth += pair.growth(part);
            let (first, last) = pair.ends(part);
            widen(&mut self.ends, first);
            widen(&mut self.ends, last);
            // what changes evenly was there at the edges, too
            if between == Between::Even {
                widen(&mut self.extremes, first);
                widen(&mut self.extremes, last);
            }
        }
        let falls_in = match (between, part) {
            // a mean over a time belongs where most of that time lies
            (Between::Later, Some((pair, (from_ns, to_ns)))) => {
                (to_ns - from_ns) * 2 >= pair.to_ns - pair.from_ns
            }
            (Between::Later, None) => false,
            _ => span.contains(at_ns),
        };
        if falls_in {
            self.readings += 1;
            widen(&mut self.extremes, value);
        }
    }

    /// Takes in another stretch of the same series that comes later.
    pub(super) fn merge(&mut self, later: &Self) {
        self.length_s += later.length_s;
        self.covered_s += later.covered_s;
        self.readings += later.readings;
        self.integral += later.integral;
        self.growth += later.growth;
        if let Some((low, high)) = later.extremes {
            widen(&mut self.extremes, low);
            widen(&mut self.extremes, high);
        }
        if let Some((low, high)) = later.ends {
            widen(&mut self.ends, low);
            widen(&mut self.ends, high);
        }
        self.after = later.after;
    }

    /// The mean growth a second of what is counted, of levels the mean; `None` where nothing lies between two readings.
    pub(super) fn pace(&self, quantity: Quantity) -> Option<f64> {
        let whole = if quantity.course() == Course::Count { self.growth } else { self.integral };
        (self.covered_s > 0.0).then(|| whole / self.covered_s)
    }

    /// Readings that fall into it.
    pub(super) fn readings(&self) -> u64 {
        self.readings
    }

    /// How long it is known, in seconds.
    pub(super) fn covered_s(&self) -> f64 {
        self.covered_s
    }

    /// The power and energy that would follow from a share of busy processors. It is linear, so that means and extremes are those
    /// of the share.
    pub(super) fn estimated(&self, by: PowerEstimate) -> Self {
        let range = |range: Option<(f64, f64)>| range.map(|(low, high)| (by.watts(low), by.watts(high)));
        let joules = self.covered_s * by.watts(0.0) + self.integral * (by.watts(1.0) - by.watts(0.0));
        Self {
            integral: joules,
            growth: joules,
            extremes: range(self.extremes),
            ends: range(self.ends),
            before: self.before.map(|share| by.watts(share)),
            after: self.after.map(|share| by.watts(share)),
            ..self.clone()
        }
    }

    /// What it comes to; `None` where nothing was read.
    pub(super) fn observation(&self, key: &Key) -> Option<Observation> {
        Some(self.observed(key)).filter(Observation::was_read)
    }

    /// What it comes to, also where nothing was read in it.
    pub(super) fn observed(&self, key: &Key) -> Observation {
        let (quantity, subject, sensor, class) = key;
        let covered = self.covered_s > 0.0;
        let level = quantity.course() == Course::Level;
        let extremes = self.extremes.or(self.ends).filter(|_| level);
        // of a single moment it is what was read then
        let mean = match extremes {
            _ if !level => None,
            _ if covered => Some(self.integral / self.covered_s),
            extremes => extremes.map(|(low, high)| f64::midpoint(low, high)),
        };
        Observation {
            quantity: *quantity,
            subject: subject.clone(),
            sensor: *sensor,
            class: *class,
            readings: self.readings,
            covered: match self.length_s {
                length_s if length_s > 0.0 => (self.covered_s / length_s).min(1.0),
                _ if self.readings > 0 || covered => 1.0,
                _ => 0.0,
            },
            before: self.before.filter(|_| level),
            mean,
            // a mean since the reading before may lie mostly beside a short stretch, and is in its mean all the same
            min: extremes.map(|(low, _)| mean.map_or(low, |mean| low.min(mean))),
            max: extremes.map(|(_, high)| mean.map_or(high, |mean| high.max(mean))),
            after: self.after.filter(|_| level),
            // something always draws power: a counter of energy that does not move counts nothing
            growth: (!level && covered)
                .then_some(self.growth)
                .filter(|growth| *quantity != Quantity::Energy || *growth > 0.0),
        }
    }
}
