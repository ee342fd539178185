//! A level in slices of equal length.

use super::stretch::Pair;

/// Means over slices.
#[derive(Debug, Clone)]
pub(super) struct Bins {
    from_ns: u64,
    slice_ns: u64,
    /// Value times nanoseconds, and nanoseconds.
    sums: Vec<(f64, f64)>,
}

impl Bins {
    /// So many slices of a stretch of the run, which lasts longer than so many nanoseconds.
    pub(super) fn new(from_ns: u64, to_ns: u64, count: usize) -> Self {
        let slice_ns = to_ns.saturating_sub(from_ns).div_ceil(count as u64).max(1);
        Self { from_ns, slice_ns, sums: vec![(0.0, 0.0); count] }
    }

    pub(super) fn add(&mut self, pair: &Pair) {
        let end_ns = self.from_ns + self.slice_ns * self.sums.len() as u64;
        let Some((from_ns, to_ns)) = pair.within(self.from_ns, end_ns) else { return };
        let first = (from_ns - self.from_ns) / self.slice_ns;
        let last = (to_ns - 1 - self.from_ns) / self.slice_ns;
        for index in first..=last {
            let begin_ns = self.from_ns + index * self.slice_ns;
            let Some(part) = pair.within(begin_ns, begin_ns + self.slice_ns) else { continue };
            let Some((sum, length)) = self.sums.get_mut(index as usize) else { continue };
            let ns = (part.1 - part.0) as f64;
            *sum += pair.mean(part) * ns;
            *length += ns;
        }
    }

    pub(super) fn slice_s(&self) -> f64 {
        self.slice_ns as f64 / 1e9
    }

    pub(super) fn means(&self) -> Vec<Option<f64>> {
        self.sums.iter().map(|(sum, length)| (*length > 0.0).then(|| sum / length)).collect()
    }
}
