//! Contention as a paragraph.

use super::{Beside, Contention, Factor, MARGIN};
use crate::{
    catalog::Metric,
    units::{show_count, show_count_of, show_number, show_seconds, show_share},
    verdict::{Finding, Level},
};

/// A paragraph for each mixed phase, and a line for each phase that is not compared with one.
pub(in super::super) fn findings(all: &[Contention]) -> Vec<Finding> {
    let paragraphs = all.iter().filter_map(paragraph);
    let not_compared = all.iter().flat_map(|contention| {
        contention.not_compared.iter().map(|other| Finding {
            level: Level::Info,
            text: format!("`{}` is not compared with `{}`: {}", other.phase, contention.phase, other.reason),
        })
    });
    paragraphs.chain(not_compared).collect()
}

/// Its sentences; `None` where nothing could be compared.
fn paragraph(of: &Contention) -> Option<Finding> {
    let endpoints = of.endpoints.iter().filter_map(times);
    let errors =
        of.endpoints.iter().filter_map(|beside| failures(beside, "failed under contention", "alone"));
    let numbers: Vec<String> = endpoints.chain(errors).chain(throughput(of)).chain(fairness(of)).collect();
    if numbers.is_empty() {
        return None;
    }
    let (level, head) = if of.found {
        (Level::Warning, "there is contention")
    } else if is_free(of) {
        (Level::Pass, "there is no contention")
    } else {
        (Level::Info, "no contention is shown")
    };
    Some(Finding { level, text: format!("`{}`: {head}: {}", of.phase, numbers.join("; ")) })
}

/// Whether all that could be slower, less or fail more surely does not, by as much as matters.
fn is_free(of: &Contention) -> bool {
    of.endpoints.iter().all(Beside::is_unharmed)
        && of.throughput.is_none_or(|of| of.share.low.is_some_and(|low| low > 1.0 - MARGIN))
}

/// How many times as long as in the phase without the medians of an endpoint take; `None` where it has none.
pub(in super::super) fn times(of: &Beside) -> Option<String> {
    let Beside { endpoint, without, ttft, e2e, .. } = of;
    let (ttft, e2e) = (*ttft, *e2e);
    let first = ttft.map(|ttft| (ttft, "first token"));
    let (inflation, what) = first.or(e2e.map(|e2e| (e2e, "answer")))?;
    let whole = e2e.filter(|_| first.is_some()).map_or(String::new(), |e2e| {
        format!(", its whole answer {} times{}", show_number(e2e.times.value), within(e2e.times, show_number))
    });
    Some(format!(
        "the median {what} of `{endpoint}` takes {} times as long as in `{without}`{}, {} against {}{whole}",
        show_number(inflation.times.value),
        within(inflation.times, show_number),
        show_seconds(inflation.with_s),
        show_seconds(inflation.without_s),
    ))
}

/// How many more requests failed than in the phase without; `None` where none did in either.
pub(in super::super) fn failures(of: &Beside, failed: &str, elsewhere: &str) -> Option<String> {
    let (without, with) = (of.errors.without, of.errors.with);
    let difference = of.errors.difference.filter(|_| without.requests + with.requests > 0)?;
    Some(format!(
        "of `{}` {} of {} {failed} and {elsewhere} {} of {}, {} {}{}",
        of.endpoint,
        show_count(with.requests),
        show_count_of(with.due, "request"),
        show_count(without.requests),
        show_count(without.due),
        show_points(difference.value.abs()),
        if difference.value < 0.0 { "fewer" } else { "more" },
        within(difference, show_points),
    ))
}

fn throughput(of: &Contention) -> Option<String> {
    let combined = of.throughput?;
    let unit = Metric::OutputTokensPerSecond.unit();
    Some(format!(
        "together they bring {}, {}{} of the {} that they brought alone",
        unit.show(combined.together_per_s),
        show_share(combined.share.value),
        within(combined.share, show_share),
        unit.show(combined.alone_per_s),
    ))
}

fn fairness(of: &Contention) -> Option<String> {
    let fairness = of.fairness?;
    Some(format!(
        "of its pace one keeps {}{} times what another keeps (fairness, 1 where all suffer alike)",
        show_number(fairness.value),
        within(fairness, show_number),
    ))
}

/// A difference of two shares.
fn show_points(difference: f64) -> String {
    format!("{:.1} points", difference * 100.0)
}

/// The interval of a factor in brackets, where it has one.
fn within(factor: Factor, show: fn(f64) -> String) -> String {
    match (factor.low, factor.high) {
        (Some(low), Some(high)) => format!(" ({} to {})", show(low), show(high)),
        (Some(low), None) => format!(" ({} at least)", show(low)),
        (None, Some(high)) => format!(" ({} at most)", show(high)),
        (None, None) => " (too few requests for an interval)".to_owned(),
    }
}
