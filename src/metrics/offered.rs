//! The load that the plan offers, from its rates alone.

use std::time::Duration;

use crate::{
    config::Stage,
    plan::{LoadStep, Pattern},
};

/// Requests that stages offer within a time, and the seconds that this takes; trapezoids under the rate.
fn area(stages: &[Stage], limit: Option<Duration>) -> (f64, f64) {
    let mut left = limit.map_or(f64::INFINITY, |limit| limit.as_secs_f64());
    let (mut requests, mut seconds) = (0.0, 0.0);
    for stage in stages {
        let over = stage.over.as_secs_f64();
        let run = over.min(left);
        if run <= 0.0 {
            continue;
        }
        let last = stage.from + (stage.to - stage.from) * run / over;
        requests += f64::midpoint(stage.from, last) * run;
        seconds += run;
        left -= run;
    }
    (requests, seconds)
}

/// The mean arrival rate of these stages, per second; `None` of none.
pub fn mean_rate(stages: &[Stage]) -> Option<f64> {
    let (requests, seconds) = area(stages, None);
    if seconds > 0.0 { Some(requests / seconds) } else { stages.first().map(|stage| stage.from) }
}

/// How many requests an open loop should offer, on average; `None` of a closed one, whose number depends on the
/// answers.
pub fn expected_arrivals(load: &LoadStep) -> Option<f64> {
    let Pattern::Open { stages, .. } = &load.pattern else { return None };
    let by_count = load.requests.map_or(f64::INFINITY, |requests| requests as f64);
    if load.duration.is_none() && load.requests.is_some() {
        // the last stage goes on for as long as it takes
        return Some(by_count);
    }
    Some(area(stages, load.duration).0.min(by_count))
}
