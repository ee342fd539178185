//! What happened in the last seconds: a ring of slots of one second.

use hdrhistogram::Histogram;

/// Slots of one second.
const SLOTS: u64 = 10;
const SECOND: u64 = 1_000_000_000;

/// Requests that ended in the last ten seconds. Memory does not depend on how many there were.
#[derive(Debug)]
pub(super) struct Window {
    slots: Vec<Slot>,
    since_ns: u64,
}

#[derive(Debug)]
struct Slot {
    second: u64,
    requests: u64,
    tokens: u64,
    latencies: Histogram<u64>,
}

/// What a window comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Recent {
    /// Requests that ended, per second.
    pub(super) requests_per_second: f64,
    /// Output tokens of these requests, per second: a request's tokens count when it ends, since nothing is known
    /// of them before.
    pub(super) tokens_per_second: f64,
    /// 90th percentile of `e2e` of the successes, in seconds.
    pub(super) p90_s: Option<f64>,
}

/// 1 µs to 1 h with three significant digits, as everywhere.
fn histogram() -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("the bounds are in order");
    histogram.auto(false);
    histogram
}

impl Window {
    /// An empty window that begins now.
    pub(super) fn new(since_ns: u64) -> Self {
        let slots = (0..SLOTS)
            .map(|_| Slot { second: u64::MAX, requests: 0, tokens: 0, latencies: histogram() })
            .collect();
        Self { slots, since_ns }
    }

    /// Takes a request that ended.
    pub(super) fn add(&mut self, end_ns: u64, tokens: u64, e2e_s: Option<f64>) {
        let second = end_ns / SECOND;
        let slot = &mut self.slots[(second % SLOTS) as usize];
        if slot.second != second {
            if slot.second != u64::MAX && slot.second > second {
                return;
            }
            *slot = Slot { second, requests: 0, tokens: 0, latencies: histogram() };
        }
        slot.requests += 1;
        slot.tokens += tokens;
        if let Some(seconds) = e2e_s {
            slot.latencies.saturating_record((seconds * 1e6).round() as u64);
        }
    }

    /// What it comes to at this moment; `None` before anything ended or before a second went by.
    pub(super) fn recent(&self, now_ns: u64) -> Option<Recent> {
        let first = (now_ns / SECOND + 1).saturating_sub(SLOTS);
        let from_ns = self.since_ns.max(first * SECOND);
        let seconds = now_ns.saturating_sub(from_ns) as f64 / SECOND as f64;
        let slots = || self.slots.iter().filter(|slot| slot.second != u64::MAX && slot.second >= first);
        let requests: u64 = slots().map(|slot| slot.requests).sum();
        if requests == 0 || seconds < 1.0 {
            return None;
        }
        let mut latencies = histogram();
        for slot in slots() {
            latencies.add(&slot.latencies).expect("all slots have the same bounds");
        }
        Some(Recent {
            requests_per_second: requests as f64 / seconds,
            tokens_per_second: slots().map(|slot| slot.tokens).sum::<u64>() as f64 / seconds,
            p90_s: (!latencies.is_empty()).then(|| latencies.value_at_quantile(0.9) as f64 / 1e6),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_over_the_time_that_the_window_covers() {
        let mut window = Window::new(0);
        for i in 0..40 {
            window.add(i * SECOND / 4, 10, Some(0.5));
        }
        let recent = window.recent(10 * SECOND - 1).expect("ten seconds of data");
        assert!((recent.requests_per_second - 4.0).abs() < 0.01);
        assert!((recent.tokens_per_second - 40.0).abs() < 0.1);
        assert!(recent.p90_s.is_some_and(|p90| (p90 - 0.5).abs() < 0.01));
    }

    #[test]
    fn what_is_old_is_forgotten() {
        let mut window = Window::new(0);
        window.add(SECOND / 2, 10, Some(9.0));
        window.add(15 * SECOND, 10, Some(1.0));
        let recent = window.recent(16 * SECOND).expect("one request");
        assert!(recent.p90_s.is_some_and(|p90| p90 < 1.1));
        assert_eq!(window.recent(40 * SECOND), None);
    }

    #[test]
    fn nothing_is_said_before_there_is_data() {
        let mut window = Window::new(5 * SECOND);
        assert_eq!(window.recent(20 * SECOND), None);
        window.add(20 * SECOND, 0, None);
        assert_eq!(window.recent(21 * SECOND).and_then(|recent| recent.p90_s), None);
    }
}
