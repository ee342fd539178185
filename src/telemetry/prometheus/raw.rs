//! Series that are kept as they stand on a page.

use std::collections::BTreeMap;

use super::page::{Page, Series};

/// Most series of one page that are kept.
pub(super) const MOST: usize = 500;

/// Pages after which all that are kept are told again: a sample that found no room is lost, and a series may be on no page any more.
const TOLD_AGAIN: u32 = 60;

/// How much a series is wanted, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// It may stay behind.
    Nothing,
    /// A part of a histogram, of which there are many.
    Part,
    /// One of the server's own.
    Own,
    /// A reading is made of it.
    Read,
}

/// What is kept of a page, page after page.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// The series that are kept, with their last values.
    last: BTreeMap<String, f64>,
    /// Pages so far.
    pages: u32,
    /// How many there was no room for.
    left_out: usize,
}

impl Raw {
    /// The series that have another value than on the page before: all that are kept of the first page and of every 60th behind it. A
    /// series that is in no sample still has its last value, which keeps a page of hundreds of series, of which few move, small.
    pub(super) fn changed(
        &mut self,
        page: &Page<'_>,
        worth: impl Fn(&Series<'_>) -> Worth,
    ) -> BTreeMap<String, f64> {
        let mut wanted: Vec<(Worth, &Series<'_>)> = page
            .series
            .iter()
            // JSON has no other numbers
            .filter(|series| series.value.is_finite())
            .map(|series| (worth(series), series))
            .filter(|(worth, _)| *worth > Worth::Nothing)
            .collect();
        // stable: among equals the page's order counts
        wanted.sort_by_key(|(worth, _)| std::cmp::Reverse(*worth));
        if self.pages.is_multiple_of(TOLD_AGAIN) {
            self.last.clear();
        }
        self.pages += 1;
        let mut changed = BTreeMap::new();
        let mut left_out = 0;
        for (_, series) in wanted {
            let known = self.last.get(series.written).copied();
            if known.is_none() && self.last.len() >= MOST {
                left_out += 1;
            } else if known != Some(series.value) {
                self.last.insert(series.written.to_owned(), series.value);
                changed.insert(series.written.to_owned(), series.value);
            }
        }
        self.left_out = self.left_out.max(left_out);
        changed
    }

    /// How many series of one page were wanted and not kept.
    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }
}
