//! What is asked of requests.

use super::Report;

/// What requests should meet: `ttft ≤ 500 ms`, or `chat: ttft ≤ 200 ms; others: e2e ≤ 10.0 s`; `None` without objectives.
pub(in crate::report) fn objectives(report: &Report) -> Option<String> {
    let asked = report.plan.objectives_in_words();
    if let [(None, all)] = &asked[..] {
        return Some(all.clone());
    }
    let each = asked.iter().map(|(endpoint, limits)| format!("{}: {limits}", endpoint.unwrap_or("others")));
    (!asked.is_empty()).then(|| each.collect::<Vec<_>>().join("; "))
}

/// Which requests met them: `requests with ttft ≤ 500 ms`, or `requests to chat with ttft ≤ 200 ms, to others with e2e ≤ 10.0 s`.
pub(in crate::report) fn met(report: &Report) -> Option<String> {
    let asked = report.plan.objectives_in_words();
    if let [(None, all)] = &asked[..] {
        return Some(format!("requests with {all}"));
    }
    let each =
        asked.iter().map(|(endpoint, limits)| format!("to {} with {limits}", endpoint.unwrap_or("others")));
    (!asked.is_empty()).then(|| format!("requests {}", each.collect::<Vec<_>>().join(", ")))
}
