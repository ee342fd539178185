//! Part `pacing`: how late requests go out.

use std::time::Duration;

use crate::{Figures, bare, quantile, server::Server};

const DURATION: Duration = Duration::from_secs(4);

/// Of each answer.
const TOKENS: u32 = 16;

/// Five pairs at each rate, ours and bare in turn; medians of their p99.
pub(crate) fn pacing(tell: &mut dyn FnMut(Figures)) {
    let server = Server::start();
    for rate in [200.0, 1000.0, 3000.0] {
        let (mut ours_p99, mut bare_p99, mut ours_p50, mut bare_p50) = (vec![], vec![], vec![], vec![]);
        for _ in 0..5 {
            let mut late = ours(&server, rate);
            ours_p50.push(quantile(&mut late, 0.5));
            ours_p99.push(quantile(&mut late, 0.99));
            let mut late = bare::send(server.address, rate, DURATION, TOKENS);
            bare_p50.push(quantile(&mut late, 0.5));
            bare_p99.push(quantile(&mut late, 0.99));
            server.forget();
        }
        let median = |values: &mut Vec<f64>| quantile(values, 0.5) / 1e3;
        let (ours, bare) = (median(&mut ours_p99), median(&mut bare_p99));
        tell((
            format!("pacing {rate}/s"),
            vec![
                ("p50", median(&mut ours_p50), "us"),
                ("bare_p50", median(&mut bare_p50), "us"),
                ("p99", ours, "us"),
                ("bare_p99", bare, "us"),
                ("ratio", ours / bare, "x"),
            ],
        ));
    }
}

/// `send_lag` of requests at even times, in nanoseconds.
fn ours(server: &Server, rate: f64) -> Vec<f64> {
    let phase = format!(
        "duration = \"{}s\"\nload.open = {{ rate = {rate}, arrivals = \"constant\" }}",
        DURATION.as_secs()
    );
    let driven = server.null.drive(server.null.plan(0, TOKENS, &phase).unwrap()).unwrap();
    assert!(driven.finished.iter().all(|(record, _)| !record.outcome.failed()));
    let lags = driven.finished.iter().filter_map(|(record, _)| record.send_lag());
    lags.map(|seconds| seconds * 1e9).collect()
}
