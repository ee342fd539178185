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

    let mut server_ttft = Vec::new();
    let mut server_tpot = Vec::new();
    for record in &records {
        assert_eq!(record["outcome"], "ok");
        assert_eq!(record["output_tokens"], TOKENS);
        assert_eq!(record["input_tokens"], 7);
        assert_eq!(record["token_source"], "usage");
        assert_eq!(record["chunks"], TOKENS);
        let served = &served[record["request_id"].as_str().unwrap()];
        // the head of the answer is write 0, the tokens follow
        let (first, last) = (served.writes[1], served.writes[TOKENS as usize]);
        server_ttft.push((first - served.received).as_secs_f64() * 1e3);
        server_tpot.push((last - first).as_secs_f64() * 1e3 / f64::from(TOKENS - 1));
    }

    let summary = bench.only_run().json("summary.json");
    assert_eq!(summary["verdict"], "PASS");
    let metrics = &summary["scopes"][0]["metrics"];
    let measured = |name: &str| metrics[name].as_f64().unwrap();
    // medians over 400 requests: a slow machine widens the tails, not these
    let ttft = measured("ttft_p50_ms") - median(server_ttft);
    assert!((0.0..3.0).contains(&ttft), "ttft.p50 is {ttft} ms from the server's own");
    let tpot = measured("tpot_p50_ms") - median(server_tpot);
    assert!(tpot.abs() < 1.0, "tpot.p50 is {tpot} ms from the server's own");
    println!("ttft.p50 {ttft:+.3} ms, tpot.p50 {tpot:+.4} ms from the server's own");
}
