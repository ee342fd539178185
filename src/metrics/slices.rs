//! The window of a step in slices of equal length, and how far its rates may be off by what they say.

use std::collections::BTreeMap;

use super::window::Span;
use crate::{
    catalog::Metric,
    plan::{LoadStep, Pattern},
    stats::{BATCHES, Estimate, batch_means, changing_means},
};

/// What the slices of one window saw.
#[derive(Debug, Clone, Default)]
pub(super) enum Slices {
    /// Nothing yet.
    #[default]
    Empty,
    /// This.
    Of(Box<Seen>),
    /// What comes from several windows has no slices in common.
    Mixed,
}

/// Sums by slice.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    window: Span,
    tokens: [f64; BATCHES],
    completed: [f64; BATCHES],
    met: [f64; BATCHES],
}

impl Slices {
    /// Those of a window, into which something is to be put.
    fn of(&mut self, window: Span) -> Option<&mut Seen> {
        if let Self::Empty = self {
            let nothing = [0.0; BATCHES];
            *self = Self::Of(Box::new(Seen { window, tokens: nothing, completed: nothing, met: nothing }));
        }
        match self {
            Self::Of(seen) if seen.window == window => Some(seen),
            _ => None,
        }
    }

    /// Takes in output tokens that arrived at these moments, an equal part at each.
    pub(super) fn add_tokens(&mut self, window: Span, tokens: f64, moments: &[u64]) {
        let Some(seen) = self.of(window) else { return };
        let each = tokens / moments.len() as f64;
        for at_ns in moments {
            if let Some(slice) = seen.slice(*at_ns) {
                seen.tokens[slice] += each;
            }
        }
    }

    /// Takes in a request that ended well, and whether it met the objectives.
    pub(super) fn add_completed(&mut self, window: Span, end_ns: u64, met: bool) {
        let Some(seen) = self.of(window) else { return };
        if let Some(slice) = seen.slice(end_ns) {
            seen.completed[slice] += 1.0;
            seen.met[slice] += f64::from(u8::from(met));
        }
    }

    /// Takes in those of another part of the same window.
    pub(super) fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Self::Empty) => {}
            (Self::Empty, _) => *self = other.clone(),
            (Self::Of(own), Self::Of(other)) if own.window == other.window => own.merge(other),
            _ => *self = Self::Mixed,
        }
    }

    /// The rates with their errors; none where they come from several windows, or too few requests ended.
    pub(super) fn estimates(&self, changes_by_plan: bool) -> BTreeMap<Metric, Estimate> {
        let Self::Of(seen) = self else { return BTreeMap::new() };
        let length_s = seen.window.length_s() / BATCHES as f64;
        if seen.completed.iter().sum::<f64>() < BATCHES as f64 || length_s <= 0.0 {
            return BTreeMap::new();
        }
        let estimate = |sums: &[f64; BATCHES]| {
            let rates = sums.map(|sum| sum / length_s);
            if changes_by_plan { changing_means(&rates) } else { batch_means(&rates, BATCHES) }
        };
        let rates = [
            (Metric::OutputTokensPerSecond, &seen.tokens),
            (Metric::RequestsPerSecond, &seen.completed),
            (Metric::Goodput, &seen.met),
        ];
        rates.into_iter().filter_map(|(metric, sums)| Some((metric, estimate(sums)?))).collect()
    }
}

impl Seen {
    /// The slice of a moment, if it is in the window; the last one also owns the end of it.
    fn slice(&self, at_ns: u64) -> Option<usize> {
        let Span { from_ns, to_ns } = self.window;
        let into = at_ns.checked_sub(from_ns).filter(|_| at_ns <= to_ns)?;
        let slice = u128::from(into) * BATCHES as u128 / u128::from((to_ns - from_ns).max(1));
        Some((slice as usize).min(BATCHES - 1))
    }

    fn merge(&mut self, other: &Self) {
        for (own, other) in [
            (&mut self.tokens, &other.tokens),
            (&mut self.completed, &other.completed),
            (&mut self.met, &other.met),
        ] {
            for (own, other) in own.iter_mut().zip(other) {
                *own += other;
            }
        }
    }
}

/// Whether the plan changes the load of a step while it runs.
pub(super) fn changes_by_plan(load: &LoadStep) -> bool {
    match &load.pattern {
        Pattern::Closed { .. } => false,
        Pattern::Trace { .. } => true,
        // spikes are stages, too
        Pattern::Open { stages, .. } => {
            let rate = stages.first().map(|stage| stage.from);
            !stages.iter().all(|stage| Some(stage.from) == rate && Some(stage.to) == rate)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Span = Span { from_ns: 1_000, to_ns: 21_000 };

    fn filled(per_slice: impl Fn(u64) -> u64) -> Slices {
        let mut slices = Slices::default();
        for slice in 0..20 {
            for _ in 0..per_slice(slice) {
                let at_ns = 1_000 + slice * 1_000 + 500;
                slices.add_completed(WINDOW, at_ns, slice % 2 == 0);
                slices.add_tokens(WINDOW, 6.0, &[at_ns, at_ns, at_ns + 1_000]);
            }
        }
        slices
    }

    #[test]
    fn rates_are_those_of_the_window() {
        let estimates = filled(|_| 3).estimates(false);
        // 60 requests in 20 µs, and of the last ones a third of the tokens came later
        assert!((estimates[&Metric::RequestsPerSecond].mean / 3e6 - 1.0).abs() < 1e-12);
        assert_eq!(estimates[&Metric::RequestsPerSecond].error, 0.0);
        assert!((estimates[&Metric::Goodput].mean / 1.5e6 - 1.0).abs() < 1e-12);
        assert!((estimates[&Metric::OutputTokensPerSecond].mean / (18e6 * 59.0 / 60.0) - 1.0).abs() < 1e-12);
        // 3 requests in every other slice
        let error = estimates[&Metric::Goodput].error;
        assert!(
            (error / (3e6 * (20.0_f64 / 19.0).sqrt() / 2.0 / 20.0_f64.sqrt()) - 1.0).abs() < 1e-9,
            "{error}"
        );
    }

    #[test]
    fn what_the_plan_changes_is_no_error() {
        let ramp = filled(|slice| slice + 1);
        let error = |changes| ramp.estimates(changes)[&Metric::RequestsPerSecond].error;
        assert!(error(true) < error(false) / 5.0);
    }

    #[test]
    fn parts_of_a_window_add_up_and_windows_do_not() {
        let mut all = Slices::default();
        all.merge(&filled(|_| 1));
        all.merge(&Slices::Empty);
        all.merge(&filled(|_| 2));
        assert!((all.estimates(false)[&Metric::RequestsPerSecond].mean / 3e6 - 1.0).abs() < 1e-12);
        let mut other = Slices::default();
        other.add_completed(Span { from_ns: 0, to_ns: 50 }, 10, true);
        all.merge(&other);
        assert!(all.estimates(false).is_empty());
        // 19 requests are too few
        assert!(filled(|slice| u64::from(slice > 0)).estimates(false).is_empty());
    }
}
