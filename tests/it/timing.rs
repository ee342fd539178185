//! What is measured against what the server itself stamped.

use std::{collections::HashMap, time::Duration};

use crate::{
    kit::{Bench, median},
    server::{After, Server, stream_tokens},
};

#[test]
fn latencies_agree_with_the_servers_own_stamps() {
    const TOKENS: u32 = 64;
    let server = Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(50), Duration::from_millis(10), TOKENS);
        After::KeepOpen
    });
    let bench = Bench::new();
    let file = bench.file(
        "timing.toml",
        &format!(
            r#"
            version = 1
            name = "timing"
            [endpoints.main]
            url = "{}"
            [workloads.text.synthetic]
            prompt_tokens = 20
            output_tokens = {TOKENS}
            [phases.load]
            requests = 400
            load.closed = {{ users = 20 }}
            [targets.errors]
            metric = "error_rate"
            at_most = 0
            "#,
            server.url()
        ),
    );
    bench.run(&["run", &file]).expect_code(0);

    let records = bench.only_run().records();
    assert_eq!(records.len(), 400, "every request accounted for");
    let served: HashMap<_, _> =
        server.served().into_iter().map(|served| (served.request.id.clone(), served)).collect();
    assert_eq!(served.len(), 400, "every request reached the server once");

    let mut ttft_differences = Vec::new();
    let mut tpot_differences = Vec::new();
    for record in &records {
        assert_eq!(record["outcome"], "ok");
        assert_eq!(record["output_tokens"], TOKENS);
        assert_eq!(record["input_tokens"], 7);
        assert_eq!(record["token_source"], "usage");
        assert_eq!(record["chunks"], TOKENS);
        let served = &served[record["request_id"].as_str().unwrap()];
        // the head of the answer is write 0, the tokens follow
        let first = served.writes[1];
        let last = served.writes[TOKENS as usize];
        let ns = |field: &str| record[field].as_u64().unwrap() as f64;
        let ttft = (ns("first_token_ns") - ns("sent_ns")) / 1e9;
        let tpot = (ns("last_token_ns") - ns("first_token_ns")) / 1e9 / f64::from(TOKENS - 1);
        ttft_differences.push(ttft - (first - served.received).as_secs_f64());
        tpot_differences.push(tpot - (last - first).as_secs_f64() / f64::from(TOKENS - 1));
    }
    let summary = bench.only_run().json("summary.json");
    assert_eq!(summary["verdict"], "PASS");
    // medians over 400 requests: a slow machine widens the tails, not these
    let ttft = median(ttft_differences);
    assert!((0.0..0.003).contains(&ttft), "ttft differs by {ttft} s at the median");
    let tpot = median(tpot_differences);
    assert!(tpot.abs() < 0.001, "tpot differs by {tpot} s at the median");
}
