//! Share of judged targets met, in words.

use std::collections::BTreeMap;

use crate::{
    config::Severity,
    verdict::{Grade, Judged, Mark},
};

/// The least share of targets met, in percent, for each grade.
const EXCELLENT: u64 = 90;
const GOOD: u64 = 80;
const ACCEPTABLE: u64 = 60;

impl Grade {
    /// The grade of `met` targets of `total`.
    pub(super) fn of(met: u64, total: u64) -> Self {
        match met * 100 {
            _ if total == 0 => Self::Ungraded,
            percent if percent >= EXCELLENT * total => Self::Excellent,
            percent if percent >= GOOD * total => Self::Good,
            percent if percent >= ACCEPTABLE * total => Self::Acceptable,
            _ => Self::Poor,
        }
    }
}

/// The judged targets by name, each with its worst row: a target must hold wherever it is judged. Only severity
/// `fail` counts.
pub(super) fn judged(rows: &[Judged]) -> BTreeMap<&str, Mark> {
    let mut worst = BTreeMap::new();
    for row in rows.iter().filter(|row| row.severity == Severity::Fail) {
        let mark = worst.entry(row.name.as_str()).or_insert(row.mark);
        *mark = (*mark).min(row.mark);
    }
    worst
}
