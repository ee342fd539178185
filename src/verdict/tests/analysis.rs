//! The plain-word lines.

use super::*;

fn analysis(run: &Run) -> String {
    let lines = judge(&run.plan, &run.summary()).analysis;
    lines.into_iter().map(|line| format!("{:?} {}", line.level, line.text)).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_analysis_is_in_plain_words() {
    let good: Vec<u64> = (100..200).collect();
    insta::assert_snapshot!(analysis(&run_of(&good)), @r#"
Pass `load`: none of 100 requests failed
Pass `load`: `ttft.p50` is 149 ms, under 200 ms: excellent
"#);

    let mut bad = run_of(&[[2500; 80].as_slice(), &[9000; 8], &[0; 12]].concat());
    for (record, _) in &mut bad.records {
        record.requested_output_tokens = 2;
    }
    bad.records[90].0.outcome = Outcome::Timeout;
    bad.records[91].0.outcome = Outcome::Overloaded;
    insta::assert_snapshot!(analysis(&bad), @r#"
Fail `load`: 12.0 % of 100 requests failed, more than 5.0 %
Warning `load`: 2 of 100 requests failed under contention: 1 `timeout`, 1 `overloaded`
Warning `load`: more than a tenth of the requests never got a whole answer: user experience degraded
Info `load`: answers brought 88 of 176 output tokens asked for, 50.0 %
Info `load`: 9.1 % of answers lie beyond mean + 3 σ
"#);
}

#[test]
fn answers_that_nobody_checked_are_told() {
    let mut run = run_of(&[100, 100, 100]);
    run.records[1].0.unchecked = Some("too long".to_owned());
    let lines = analysis(&run);
    let line = lines.lines().find(|line| line.contains("checked"));
    insta::assert_snapshot!(line.unwrap_or(&lines), @"Warning `load`: 1 of 3 answers could not be checked, and count as right: `unchecked` in `requests.jsonl` says why");
}

#[test]
fn spikes_are_told_by_both_measures() {
    let mut times: Vec<u64> = (100..120).collect();
    times.extend([140, 150, 1_000]);
    let lines = analysis(&run_of(&times));
    let spikes = lines.lines().find(|line| line.contains("3 σ"));
    insta::assert_snapshot!(spikes.unwrap_or(&lines), @"Info `load`: 4.3 % of answers lie beyond mean + 3 σ (13.0 % beyond median + 3 scaled MADs)");
}

#[test]
fn levels_of_a_ladder_are_not_mixed() {
    let steps = [("users=1", 1), ("users=2", 2), ("users=4", 4)];
    let steps = steps.map(|(name, users)| level(closed("ladder", users, 10), name)).to_vec();
    let mut run = Run::new(plan(&["chat"], steps));
    for (step, ttft_ms) in [(1, 50), (2, 150), (3, 2500)] {
        let start = step as u64 * 100 * SEC;
        run.start(step, start);
        for request in 0..10 {
            let due_ns = start + request * 3 * SEC;
            run.push_user(step, 0, answer(due_ns, ttft_ms * 1_000_000, &[1_000_000]));
        }
        run.finish(step, start + 50 * SEC);
    }
    insta::assert_snapshot!(analysis(&run.end()), @r"
    Pass `ladder`: none of 30 requests failed
    Warning `ladder`: from `users=4` on `e2e.p90` is over 2.00 s: user experience degraded
    Pass `ladder`: up to `users=2` `ttft.p50` is under 200 ms: excellent
    ");
}

#[test]
fn a_path_that_the_server_does_not_know_gets_a_hint() {
    let mut run = run_of(&mix(&[(3, 10), (1, 0)]));
    let failed = run.records.iter_mut().find(|(record, _)| record.outcome.failed()).expect("one failed");
    (failed.0.outcome, failed.0.status) = (Outcome::HttpError, Some(404));
    assert!(
        analysis(&run).contains("`chat` answered 404: does `endpoints.chat.url` end"),
        "{}",
        analysis(&run)
    );
    let failed = run.records.iter_mut().find(|(record, _)| record.outcome.failed()).expect("one failed");
    failed.0.status = Some(500);
    assert!(!analysis(&run).contains("404"));
}

#[test]
fn the_analysis_says_nothing_without_data() {
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, 5)]));
    run.start(1, 0);
    assert_eq!(analysis(&run.end()), "");
    insta::assert_snapshot!(analysis(&run_of(&[0; 5])), @r#"
Fail `load`: 100.0 % of 5 requests failed, more than 5.0 %
Warning `load`: more than a tenth of the requests never got a whole answer: user experience degraded
"#);
}

#[test]
fn the_limits_of_the_analysis_are_where_they_are_said_to_be() {
    for (latencies, level, line) in [
        (mix(&[(95, 10), (5, 0)]), Level::Pass, "failed"),
        (mix(&[(94, 10), (6, 0)]), Level::Fail, "failed"),
        (mix(&[(9, 10), (1, 2001)]), Level::Pass, "excellent"),
        (mix(&[(8, 10), (2, 2001)]), Level::Warning, "degraded"),
        (mix(&[(10, 199)]), Level::Pass, "excellent"),
    ] {
        let run = run_of(&latencies);
        let findings = judge(&run.plan, &run.summary()).analysis;
        assert!(
            findings.iter().any(|f| f.level == level && f.text.contains(line)),
            "{latencies:?} {findings:?}"
        );
    }
    for latencies in [mix(&[(9, 10), (1, 2001)]), mix(&[(10, 2000)])] {
        assert!(!analysis(&run_of(&latencies)).contains("degraded"), "{latencies:?}");
    }
    assert!(!analysis(&run_of(&[200; 10])).contains("excellent"));
}

#[test]
fn simulated_servers_are_named() {
    let mut run = run_of(&[10; 10]);
    run.plan.endpoints[0].sim = Some(crate::config::Sim {
        prefill_tokens_per_second: 1000.0,
        step_base_s: 0.01,
        step_per_sequence_s: 0.0,
        max_batch: 8,
        kv_cache_tokens: None,
        jitter: 0.0,
        overhead_s: 0.0,
        faults: crate::config::Faults::default(),
    });
    let last = analysis(&run).lines().last().map(str::to_owned);
    insta::assert_snapshot!(last.expect("at least this line"), @"Info the server behind `chat` was simulated: the numbers say nothing of real hardware");
}

#[test]
fn levels_of_a_ladder_are_analysed_as_their_phase() {
    let steps = vec![level(closed("ladder", 1, 2), "users=1"), level(closed("ladder", 1, 2), "users=2")];
    let mut run = Run::new(plan(&["a", "b"], steps));
    for step in [1, 2] {
        let begin = step as u64 * 10 * SEC;
        run.start(step, begin);
        run.push_to(step, 0, Some(0), answer(begin, SEC, &[]));
        run.push_to(step, 1, Some(0), answer(begin + SEC, SEC, &[]));
    }
    let text = analysis(&run.end());
    assert_eq!(text.lines().filter(|line| line.contains("requests failed")).count(), 1, "{text}");
}
