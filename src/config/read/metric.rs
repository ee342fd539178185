//! The name of a metric, and the one that was probably meant.

use super::{
    super::{
        nearest::{nearest, quoted},
        tree::Node,
    },
    leaf::{self, Read, wrong},
};
use crate::catalog::{Metric, MetricName, UnknownMetric};

/// What other tools call a metric.
const ELSEWHERE: &[(&str, Metric)] = &[
    ("latency", Metric::E2e),
    ("e2e_latency", Metric::E2e),
    ("request_latency", Metric::E2e),
    ("time_to_first_token", Metric::Ttft),
    ("time_per_output_token", Metric::Tpot),
    ("inter_token_latency", Metric::Itl),
    ("throughput", Metric::OutputTokensPerSecond),
    ("rps", Metric::RequestsPerSecond),
];

/// Reads the name of a metric.
pub(super) fn metric(node: &Node) -> Read<MetricName> {
    let text = leaf::text(node)?;
    text.parse().or_else(|error: UnknownMetric| {
        let known: Vec<&str> = error.known.iter().map(String::as_str).collect();
        let list = format!("known: {}", quoted(&known));
        let help = match meant(&text, &known) {
            Some(name) => format!("did you mean `{name}`? {list}"),
            None => list,
        };
        wrong(node, format!("names no metric: {error}"), "not a known metric", help)
    })
}

/// The name that was probably meant: one with other separators, one of another tool, or else the nearest.
fn meant(text: &str, known: &[&str]) -> Option<String> {
    let spelt = spell(text);
    let names = names();
    let exact = names.iter().find(|(spelling, _)| *spelling == spelt).map(|(_, name)| name.clone());
    // a statistic behind a misspelt metric is not part of the mistake
    let behind = || {
        let (base, statistic) = text.rsplit_once('.')?;
        valid(format!("{}.{statistic}", nearest(base, known.iter().copied())?))
    };
    let near = || {
        let spelling = nearest(&spelt, names.iter().map(|(spelling, _)| spelling.as_str()))?;
        names.iter().find(|(other, _)| other == spelling).map(|(_, name)| name.clone())
    };
    exact
        .or_else(|| elsewhere(&spelt))
        .or_else(behind)
        .or_else(|| nearest(text, known.iter().copied()).map(str::to_owned))
        .or_else(near)
}

/// The metric that another tool calls so, with the statistic behind it.
fn elsewhere(spelt: &str) -> Option<String> {
    ELSEWHERE.iter().find_map(|(name, metric)| {
        let rest = spelt.strip_prefix(name)?;
        match rest.strip_prefix('_') {
            Some(statistic) => valid(format!("{}.{statistic}", metric.name())),
            None => rest.is_empty().then(|| metric.name().to_owned()),
        }
    })
}

fn valid(name: String) -> Option<String> {
    name.parse::<MetricName>().is_ok().then_some(name)
}

/// Every name that can be asked for, with how it is compared.
fn names() -> Vec<(String, String)> {
    MetricName::all().map(|name| (spell(&name), name)).collect()
}

/// Dots, underscores and hyphens are mixed up, and so is case.
fn spell(name: &str) -> String {
    name.to_lowercase().replace(['.', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_meant() {
        for (text, name) in [
            ("ttft_p90", Some("ttft.p90")),
            ("TTFT-P90", Some("ttft.p90")),
            ("service_ttft_p99", Some("service.ttft.p99")),
            ("spike_rate_mad", Some("spike_rate.mad")),
            ("send.lag", Some("send_lag")),
            ("tfft.p95", Some("ttft.p95")),
            ("tfft_p95", Some("ttft.p95")),
            ("e2e.p_95", Some("e2e.p95")),
            ("latency.p95", Some("e2e.p95")),
            ("latency_p95", Some("e2e.p95")),
            ("latency", Some("e2e")),
            ("latency.p12", None),
            ("time_to_first_token.mean", Some("ttft.mean")),
            ("throughput", Some("output_tokens_per_second")),
            ("eror_rate", Some("error_rate")),
            ("error_rate.p95", Some("error_rate")),
            ("ttft.p96", None),
            ("happiness", None),
        ] {
            let known = text.parse::<MetricName>().expect_err(text).known;
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            assert_eq!(meant(text, &known).as_deref(), name, "{text}");
        }
    }

    #[test]
    fn what_is_meant_can_be_asked_for() {
        for (name, metric) in ELSEWHERE {
            assert!(name.parse::<MetricName>().is_err(), "`{name}` is a metric of its own");
            assert_eq!(elsewhere(name).as_deref(), Some(metric.name()));
        }
        assert!(names().into_iter().all(|(_, name)| name.parse::<MetricName>().is_ok()));
    }
}
