//! Axes: from values to a place between 0 and 1, with ticks at round numbers.

use crate::units;

/// A mark on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    pub(super) label: String,
}

/// An axis over values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) log: bool,
    pub(super) ticks: Vec<Tick>,
}

impl Axis {
    /// A linear axis that covers the values, with about so many ticks; its ends are ticks when `whole`.
    pub(super) fn linear(from: f64, to: f64, about: usize, whole: bool) -> Self {
        let to = if to > from { to } else { from + 1.0 };
        let step = round_step((to - from) / about.max(1) as f64);
        let (from, to) =
            if whole { ((from / step).floor() * step, (to / step - 1e-9).ceil() * step) } else { (from, to) };
        let first = (from / step - 1e-9).ceil() as i64;
        let last = (to / step + 1e-9).floor() as i64;
        let whole_step = |decimals: &usize| {
            let scaled = step * 10f64.powi(*decimals as i32);
            (scaled - scaled.round()).abs() < 1e-6 * scaled
        };
        let decimals = (0..9).find(whole_step).unwrap_or(9);
        let ticks = (first..=last)
            .map(|i| {
                let value = i as f64 * step;
                Tick { value, label: label(value, decimals) }
            })
            .collect();
        Self { from, to, log: false, ticks }
    }

    /// A logarithmic axis that covers positive values, with ticks at 1, 2 and 5 of each decade.
    pub(super) fn log(from: f64, to: f64) -> Self {
        let (from, to) = (from.max(1e-9), to.max(from.max(1e-9) * 1.5));
        let decades = (from.log10().floor() as i32)..=(to.log10().ceil() as i32);
        let factors: &[f64] = if to / from > 3000.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let ticks = decades
            .flat_map(|decade| factors.iter().map(move |factor| (factor * 10f64.powi(decade), decade)))
            .filter(|(value, _)| (from * 0.999..=to * 1.001).contains(value))
            .map(|(value, decade)| Tick { value, label: label(value, (-decade).max(0) as usize) })
            .collect();
        Self { from, to, log: true, ticks }
    }

    /// Where a value lies: 0 at the start of the axis, 1 at its end.
    pub(super) fn place(&self, value: f64) -> f64 {
        if self.log {
            (value.max(self.from * 1e-3) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        }
    }
}

/// A tick's label: thousands grouped, or so many decimals.
fn label(value: f64, decimals: usize) -> String {
    if decimals == 0 {
        units::show_count(value.round().max(0.0) as u64)
    } else {
        format!("{value:.decimals$}")
    }
}

/// The smallest of 1, 2, 2.5 and 5 times a power of ten that is not below the step.
fn round_step(step: f64) -> f64 {
    let size = 10f64.powf(step.log10().floor());
    let rounded = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * size);
    rounded.into_iter().find(|round| *round >= step * 0.999).unwrap_or(step)
}

/// The unit in which an axis of seconds is best read, and what a second is in it.
pub(super) fn seconds_unit(largest: f64) -> (&'static str, f64) {
    if largest < 1.0 { ("ms", 1e3) } else { ("s", 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(labels(&Axis::linear(0.0, 764.0, 5, true)), ["0", "200", "400", "600", "800"]);
        assert_eq!(labels(&Axis::linear(0.0, 0.9, 4, true)), ["0.00", "0.25", "0.50", "0.75", "1.00"]);
        assert_eq!(labels(&Axis::linear(0.0, 4200.0, 5, false)), ["0", "1,000", "2,000", "3,000", "4,000"]);
    }

    #[test]
    fn logarithmic_ticks_stay_within() {
        assert_eq!(labels(&Axis::log(0.03, 1.2)), ["0.05", "0.1", "0.2", "0.5", "1"]);
    }

    #[test]
    fn places_run_from_0_to_1() {
        for axis in [Axis::linear(10.0, 30.0, 4, false), Axis::log(10.0, 30.0)] {
            assert!(axis.place(10.0).abs() < 1e-9);
            assert!((axis.place(30.0) - 1.0).abs() < 1e-9);
            assert!((0.3..0.9).contains(&axis.place(20.0)));
        }
    }
}
