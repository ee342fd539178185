//! What was read of the machine and of servers over a sliding window.

use std::collections::{BTreeMap, VecDeque};

use super::ring::Ring;
use crate::{
    catalog::{Course, Quantity, Statistic},
    config::Beyond,
    metrics::adds_up,
    record::{Class, Sample, SensorKind, Subject, is_told_by_another},
    stats::{median, median_absolute_deviation},
};

/// One quantity, of all subjects that have it.
#[derive(Debug)]
pub(super) struct Readings {
    quantity: Quantity,
    statistic: Option<Statistic>,
    window_ns: u64,
    series: BTreeMap<(Subject, SensorKind, Class), Series>,
}

#[derive(Debug)]
struct Series {
    first_ns: u64,
    last: f64,
    slots: Ring<Slot>,
}

/// Readings of a slot.
#[derive(Debug, Clone, Copy)]
struct Slot {
    readings: u64,
    sum: f64,
    min: f64,
    max: f64,
    /// By how much a count grew.
    growth: f64,
}

impl Slot {
    const EMPTY: Self =
        Self { readings: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY, growth: 0.0 };
}

impl Readings {
    pub(super) fn new(quantity: Quantity, statistic: Option<Statistic>, window_ns: u64) -> Self {
        Self { quantity, statistic, window_ns, series: BTreeMap::new() }
    }

    /// Takes in what was read at a moment.
    pub(super) fn add(&mut self, sample: &Sample) {
        let Some(value) = sample.readings.get(&self.quantity).copied() else { return };
        let key = (sample.subject.clone(), sample.sensor, sample.class);
        let series = self.series.entry(key).or_insert_with(|| Series {
            first_ns: sample.at_ns,
            last: value,
            slots: Ring::new(self.window_ns),
        });
        // a count that fell began anew, and has counted what it says
        let growth = if value < series.last { value } else { value - series.last };
        series.last = value;
        if let Some(slot) = series.slots.at(sample.at_ns, || Slot::EMPTY) {
            slot.readings += 1;
            slot.sum += value;
            slot.min = slot.min.min(value);
            slot.max = slot.max.max(value);
            slot.growth += growth;
        }
    }

    /// The value over the window that ends now, and whose it is: of several subjects the worst, or their sum where they add up. `None`
    /// where too little was read.
    pub(super) fn value(&mut self, now_ns: u64, is: Beyond) -> Option<(f64, Option<Subject>)> {
        let (quantity, statistic) = (self.quantity, self.statistic);
        let read = self.series.iter_mut().filter_map(|((subject, sensor, class), series)| {
            Some((series.value(now_ns, quantity, statistic, is)?, subject, *sensor, *class))
        });
        let read: Vec<(f64, &Subject, SensorKind, Class)> = read.collect();
        let by: Vec<(&Subject, SensorKind)> =
            read.iter().map(|(_, subject, sensor, _)| (*subject, *sensor)).collect();
        let told = read
            .iter()
            .filter(|(_, subject, sensor, _)| !is_told_by_another(subject, *sensor, &by))
            .map(|(value, subject, _, class)| (*value, *subject, *class));
        if !adds_up(quantity) {
            let (value, subject, _) =
                told.reduce(|one, other| if is.worse(one.0, other.0) == one.0 { one } else { other })?;
            return Some((value, Some(subject.clone())));
        }
        let mut sums: BTreeMap<Class, (f64, u64, Option<Subject>)> = BTreeMap::new();
        for (value, subject, class) in told {
            let (sum, subjects, first) = sums.entry(class).or_insert((0.0, 0, Some(subject.clone())));
            *sum += value;
            *subjects += 1;
            // a sum is nobody's
            first.take_if(|_| *subjects > 1);
        }
        let most = sums.into_values().max_by(|one, other| one.0.total_cmp(&other.0));
        most.map(|(sum, _, subject)| (sum, subject))
    }
}

impl Series {
    fn value(
        &mut self,
        now_ns: u64,
        quantity: Quantity,
        statistic: Option<Statistic>,
        is: Beyond,
    ) -> Option<f64> {
        while self.slots.expire(now_ns).is_some() {}
        let mut all = Slot::EMPTY;
        for slot in self.slots.iter() {
            all.readings += slot.readings;
            all.sum += slot.sum;
            all.min = all.min.min(slot.min);
            all.max = all.max.max(slot.max);
            all.growth += slot.growth;
        }
        if all.readings == 0 {
            return None;
        }
        let whole = self.slots.is_behind(self.first_ns, now_ns);
        match statistic {
            // one reading is enough to be too high once
            Some(Statistic::Max) => Some(all.max),
            Some(Statistic::Min) => Some(all.min),
            Some(_) => whole.then(|| all.sum / all.readings as f64),
            // what has grown too far already does not shrink
            None if quantity.course() == Course::Count => (whole || is.is_upward()).then_some(all.growth),
            None => None,
        }
    }
}

/// What a reading usually is: its values one window after the other, since the load last changed.
#[derive(Debug, Default)]
pub(super) struct Usual {
    past: VecDeque<(u64, f64)>,
}

impl Usual {
    /// Values that are kept.
    const MOST: usize = 240;
    /// The fewest that tell what is usual.
    const FEWEST: usize = 20;
    /// How far from it is unusual, in spreads.
    const SPREADS: f64 = 6.0;
    /// The same as a share of it, since what hardly moves has no spread.
    const SHARE: f64 = 0.25;

    /// Forgets everything, as the load is another one now.
    pub(super) fn forget(&mut self) {
        self.past.clear();
    }

    /// What is usual at a moment by what was before this window; `None` where too little was.
    pub(super) fn range(&self, now_ns: u64, window_ns: u64) -> Option<Beyond> {
        let old = self.past.iter().filter(|(at_ns, _)| at_ns + window_ns <= now_ns);
        let mut values: Vec<f64> = old.map(|(_, value)| *value).collect();
        values.sort_unstable_by(f64::total_cmp);
        if values.len() < Self::FEWEST {
            return None;
        }
        let middle = median(&values)?;
        let spread = median_absolute_deviation(&values)? * 1.4826;
        let far = (Self::SPREADS * spread).max(Self::SHARE * middle.abs());
        Some(Beyond::Outside(middle - far, middle + far))
    }

    /// Takes in a value, a tenth of a window after the one before at the earliest.
    pub(super) fn add(&mut self, now_ns: u64, window_ns: u64, value: f64) {
        if self.past.back().is_some_and(|(last, _)| now_ns < last + window_ns / 10) {
            return;
        }
        if self.past.len() == Self::MOST {
            self.past.pop_front();
        }
        self.past.push_back((now_ns, value));
    }
}
