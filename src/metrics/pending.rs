//! What is certain of a request that has not ended.

use crate::{
    catalog::{Carrier, Metric},
    config::Objective,
    metrics::counts_in,
    record::Pending,
};

/// What a request that is in flight at a moment will count as at least, whatever comes of it: of a series seconds that
/// its value cannot come below any more, failed or not; of `objectives_met_rate` 0 once it has missed one for certain.
/// `None` where nothing is certain yet. What is sent may always fail or not until it has ended, so this is all there is of
/// shares of failures.
pub fn certain(
    metric: Metric,
    pending: &Pending,
    now_ns: u64,
    of: Carrier,
    objectives: &[Objective],
) -> Option<f64> {
    if counts_in(metric).is_some() {
        return None;
    }
    if metric == Metric::ObjectivesMetRate {
        let missed = |objective: &Objective| {
            let limit = objective.at_most.as_secs_f64();
            waited(objective.metric, pending, now_ns, of).is_some_and(|seconds| seconds > limit)
        };
        return objectives.iter().any(missed).then_some(0.0);
    }
    match metric {
        // an answer without content has no part in the series
        Metric::Ttfc => None,
        _ => waited(metric, pending, now_ns, of),
    }
}

/// The seconds for which a part of an answer has been waited for, until it came or in vain. Setting up a connection is
/// outside every latency, so until a request is sent only its wait in the queue counts.
fn waited(metric: Metric, pending: &Pending, now_ns: u64, of: Carrier) -> Option<f64> {
    if !metric.is_carried_by(of) {
        return None;
    }
    let since = |from_ns: u64, to_ns: u64| to_ns.saturating_sub(from_ns) as f64 / 1e9;
    let queued = since(pending.due_ns, pending.begun_ns.unwrap_or(now_ns));
    let token = pending.first_token_ns.unwrap_or(now_ns);
    let from_due = |to_ns| Some(queued + pending.sent_ns.map_or(0.0, |sent_ns| since(sent_ns, to_ns)));
    match metric {
        Metric::QueueWait => Some(queued),
        Metric::Ttfc => from_due(pending.first_content_ns.unwrap_or(now_ns)),
        // a stream ends with its last token, which may have come already; but not before its first
        Metric::Ttft | Metric::E2e => from_due(token),
        Metric::ServiceTtft | Metric::ServiceE2e => pending.sent_ns.map(|sent_ns| since(sent_ns, token)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SEC: u64 = 1_000_000_000;

    /// Due at 1 s, sent at 4 s after 2 s in the queue and 1 s of connecting.
    fn pending() -> Pending {
        Pending {
            seq: 0,
            endpoint: 0,
            due_ns: SEC,
            begun_ns: Some(3 * SEC),
            sent_ns: Some(4 * SEC),
            first_token_ns: None,
            first_content_ns: None,
        }
    }

    const STREAM: Carrier = Carrier { streams: true, gaps: true, queues: true, spikes: true };
    const WHOLE: Carrier = Carrier { streams: false, gaps: false, queues: false, spikes: false };

    fn at_ten_seconds(metric: Metric, pending: &Pending, of: Carrier) -> Option<f64> {
        certain(metric, pending, 10 * SEC, of, &[])
    }

    #[test]
    fn the_wait_so_far_is_the_least_that_it_will_be() {
        let hanging = pending();
        let answering =
            Pending { first_token_ns: Some(5 * SEC), first_content_ns: Some(7 * SEC), ..pending() };
        let queued = Pending { begun_ns: None, sent_ns: None, ..pending() };
        let connecting = Pending { sent_ns: None, ..pending() };
        for (metric, expected) in [
            (Metric::Ttft, [Some(8.0), Some(3.0), Some(9.0), Some(2.0)]),
            (Metric::E2e, [Some(8.0), Some(3.0), Some(9.0), Some(2.0)]),
            (Metric::ServiceTtft, [Some(6.0), Some(1.0), None, None]),
            (Metric::ServiceE2e, [Some(6.0), Some(1.0), None, None]),
            (Metric::QueueWait, [Some(2.0), Some(2.0), Some(9.0), Some(2.0)]),
            (Metric::Ttfc, [None; 4]),
            (Metric::Tpot, [None; 4]),
            (Metric::SendLag, [None; 4]),
            (Metric::ErrorRate, [None; 4]),
        ] {
            let seen = [&hanging, &answering, &queued, &connecting];
            assert_eq!(seen.map(|pending| at_ten_seconds(metric, pending, STREAM)), expected, "{metric:?}");
        }
        assert_eq!(at_ten_seconds(Metric::Ttft, &hanging, WHOLE), None);
        assert_eq!(at_ten_seconds(Metric::E2e, &hanging, WHOLE), Some(8.0));
        assert_eq!(at_ten_seconds(Metric::QueueWait, &hanging, WHOLE), None);
    }

    #[test]
    fn an_objective_that_is_missed_already_is_not_met_any_more() {
        let met = |metric, seconds, pending: &Pending, of| {
            let objective = Objective { metric, at_most: Duration::from_secs(seconds) };
            certain(Metric::ObjectivesMetRate, pending, 10 * SEC, of, &[objective])
        };
        let answering = Pending { first_token_ns: Some(5 * SEC), ..pending() };
        assert_eq!(met(Metric::Ttft, 8, &pending(), STREAM), None);
        assert_eq!(met(Metric::Ttft, 7, &pending(), STREAM), Some(0.0));
        assert_eq!(met(Metric::Ttft, 7, &pending(), WHOLE), None);
        assert_eq!(met(Metric::Ttft, 7, &answering, STREAM), None);
        // so far all of it is reasoning, which is no content whatever comes
        assert_eq!(met(Metric::Ttfc, 7, &answering, STREAM), Some(0.0));
        assert_eq!(met(Metric::Tpot, 1, &pending(), STREAM), None);
    }
}
