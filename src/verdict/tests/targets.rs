//! What the evidence says of each target.

use super::*;
use crate::stats::{settles_at, upper_rank};

#[test]
fn percentiles_are_judged_by_exact_bounds() {
    let at_most_20ms = Bound::AtMost(0.02);
    for (latencies, metric, mark, needs) in [
        // 59 good ones are the floor of p95; one fewer cannot show it
        (mix(&[(59, 10)]), "e2e.p95", Mark::Pass, None),
        (mix(&[(58, 10)]), "e2e.p95", Mark::Inconclusive, Some(1)),
        (mix(&[(5, 10)]), "e2e.p50", Mark::Pass, None),
        (mix(&[(4, 10)]), "e2e.p50", Mark::Inconclusive, Some(1)),
        (mix(&[(29, 10)]), "e2e.p90", Mark::Pass, None),
        // a single one over the limit spoils the floor
        (
            mix(&[(58, 10), (1, 30)]),
            "e2e.p95",
            Mark::Inconclusive,
            settles_at(59, 1, 0.95, 0.95).map(|n| n - 59),
        ),
        // on the limit is within it
        (mix(&[(59, 20)]), "e2e.p95", Mark::Pass, None),
        (mix(&[(80, 10), (20, 30)]), "e2e.p95", Mark::Fail, None),
        // failures are beyond any limit
        (mix(&[(80, 10), (20, 0)]), "e2e.p95", Mark::Fail, None),
        (
            mix(&[(58, 10), (1, 0)]),
            "e2e.p95",
            Mark::Inconclusive,
            settles_at(59, 1, 0.95, 0.95).map(|n| n - 59),
        ),
        // 5 of 100 is just the share that p95 allows: nothing settles that
        (mix(&[(95, 10), (5, 30)]), "e2e.p95", Mark::Inconclusive, None),
        // all bad, yet two are too few to say so at p95; five are enough at p50
        (mix(&[(1, 30)]), "e2e.p50", Mark::Inconclusive, Some(4)),
        (mix(&[(5, 30)]), "e2e.p50", Mark::Fail, None),
    ] {
        let row = judge_one(&mut run_of(&latencies), metric, at_most_20ms);
        assert_eq!((row.mark, row.needs), (mark, needs), "{metric} of {latencies:?}: {row:?}");
        assert_eq!(row.samples, latencies.len() as u64);
    }
}

#[test]
fn the_interval_is_the_two_bounds_and_may_be_infinite() {
    // 100 values of 1 to 100 ms: ranks 91 and 99 bound p95
    let latencies = shuffled((1..=100).collect());
    let row = judge_one(&mut run_of(&latencies), "e2e.p95", Bound::AtMost(0.2));
    assert_eq!(upper_rank(100, 0.95, 0.95), Some(99));
    assert_eq!((row.value, row.interval), (Some(0.095), Some((0.091, 0.099))));
    // three failures lie above: the bound towards the limit is one of them
    let row = judge_one(&mut run_of(&mix(&[(97, 10), (3, 0)])), "e2e.p95", Bound::AtMost(0.2));
    assert_eq!((row.value, row.interval), (Some(0.01), Some((0.01, f64::INFINITY))));
    // nothing is known at either end
    let row = judge_one(&mut run_of(&[10]), "e2e.p50", Bound::AtMost(0.2));
    assert_eq!(row.interval, Some((f64::NEG_INFINITY, f64::INFINITY)));
}

#[test]
fn more_requests_of_the_same_kind_do_settle_it() {
    let row = judge_one(&mut run_of(&mix(&[(97, 10), (3, 30)])), "e2e.p95", Bound::AtMost(0.02));
    let needs = row.needs.expect("3 % is clearly under 5 %");
    let total = 100 + needs;
    let over = (total * 3).div_ceil(100) as usize;
    let settled = mix(&[(total as usize - over, 10), (over, 30)]);
    assert_eq!(judge_one(&mut run_of(&settled), "e2e.p95", Bound::AtMost(0.02)).mark, Mark::Pass);
}

#[test]
fn speeds_are_judged_from_below() {
    // two tokens a request, so that the gap is tpot: 10 ms is 100 tok/s
    let run = |gaps_ms: &[u64]| {
        let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, gaps_ms.len() as u64)]));
        run.start(1, 0);
        for (i, gap) in gaps_ms.iter().enumerate() {
            let due_ns = i as u64 * SEC;
            let request = match gap {
                0 => failure(due_ns, MS, Outcome::Timeout),
                gap => answer(due_ns, MS, &[gap * MS]),
            };
            run.push_user(1, 0, request);
        }
        run.end()
    };
    for (gaps, mark, value) in [
        (vec![10; 5], Mark::Pass, 100.0),
        (vec![10; 4], Mark::Inconclusive, 100.0),
        (vec![50; 5], Mark::Fail, 20.0),
        (mix(&[(9, 10), (1, 50)]), Mark::Pass, 100.0),
        (mix(&[(6, 10), (4, 50)]), Mark::Inconclusive, 100.0),
        // a failed request has no speed
        (mix(&[(1, 10), (9, 0)]), Mark::Fail, 0.0),
    ] {
        let row = judge_one(&mut run(&gaps), "decode_tokens_per_second", Bound::AtLeast(50.0));
        assert_eq!((row.mark, row.value), (mark, Some(value)), "{gaps:?}: {row:?}");
    }
}

#[test]
fn between_needs_both_sides() {
    let between = Bound::Between(0.01, 0.02);
    for (latencies, mark) in [
        (mix(&[(10, 15)]), Mark::Pass),
        (mix(&[(10, 5)]), Mark::Fail),
        (mix(&[(10, 25)]), Mark::Fail),
        (mix(&[(5, 15), (5, 25)]), Mark::Inconclusive),
        (mix(&[(5, 5), (5, 15)]), Mark::Inconclusive),
        (mix(&[(4, 15)]), Mark::Inconclusive),
    ] {
        let row = judge_one(&mut run_of(&latencies), "e2e.p50", between);
        assert_eq!(row.mark, mark, "{latencies:?}: {row:?}");
    }
}

#[test]
fn pooled_gaps_are_judged_and_their_dependence_is_said() {
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, 10)]));
    run.start(1, 0);
    for i in 0..10 {
        run.push_user(1, 0, answer(i * SEC, MS, &[10 * MS; 10]));
    }
    let mut run = run.end();
    let row = judge_one(&mut run, "itl.p95", Bound::AtMost(0.05));
    assert_eq!((row.mark, row.samples), (Mark::Pass, 10));
    insta::assert_snapshot!(row.note, @"exact order statistics of 100 pooled gaps; those of one stream are not independent, so the interval is narrower than it should be");
    // 299 gaps are needed, 199 are missing, and a request brings ten
    let row = judge_one(&mut run, "itl.p99", Bound::AtMost(0.05));
    assert_eq!((row.mark, row.needs), (Mark::Inconclusive, Some(20)));
}

#[test]
fn values_that_hang_together_are_worth_fewer() {
    // 1,000 answers of which 20 are slow: one here and one there, or in two bad minutes
    let apart: Vec<u64> = (0..1000).map(|i| if i % 50 == 7 { 900 } else { 20 + i % 7 }).collect();
    let together: Vec<u64> = (0..1000).map(|i| if i % 500 < 10 { 900 } else { 20 + i % 7 }).collect();
    let at_most = Bound::AtMost(0.5);
    let row = judge_one(&mut run_of(&apart), "e2e.p95", at_most);
    assert_eq!((row.mark, row.note.as_str()), (Mark::Pass, "exact order statistics of 1,000 requests"));
    // of the two bad minutes a fourth or fifth is not unlikely at all
    let row = judge_one(&mut run_of(&together), "e2e.p99", Bound::AtMost(0.9));
    assert!(row.note.contains("neighbours hang together, so that they are worth "), "{row:?}");
    assert!(row.needs.is_none_or(|needs| needs > 0), "{row:?}");
    let [apart, together] = [apart, together].map(|latencies| {
        let row = judge_one(&mut run_of(&latencies), "e2e.p99", Bound::AtMost(0.5));
        assert_eq!(row.value, Some(0.9));
        row.mark
    });
    // 20 of 1,000 independent answers show that more than 1 % are slow; two bad minutes do not
    assert_eq!((apart, together), (Mark::Fail, Mark::Inconclusive));
}

#[test]
fn means_and_rates_are_judged_by_batches() {
    // 200 answers of 10 to 29 ms, one each second
    let mut run = run_of(&shuffled((0..200).map(|i| 10 + i % 20).collect()));
    let mean = judge_one(&mut run, "e2e.mean", Bound::AtMost(0.021));
    assert_eq!((mean.mark, mean.samples, mean.needs), (Mark::Pass, 200, None), "{mean:?}");
    let (low, high) = mean.interval.expect("batches");
    // single values have a deviation of 5.8 ms, so the mean of 200 an error of 0.41 ms
    assert!((0.0185..0.0192).contains(&low) && (0.0198..0.0205).contains(&high), "{low} {high}");
    assert_eq!(mean.note, "Student's bounds of the means of 20 batches");
    let near = judge_one(&mut run, "e2e.mean", Bound::AtMost(0.0196));
    assert_eq!(near.mark, Mark::Inconclusive);
    assert!(near.needs.is_some_and(|needs| needs > 1000), "{near:?}");
    assert_eq!(judge_one(&mut run, "e2e.mean", Bound::AtMost(0.018)).mark, Mark::Fail);
    assert_eq!(judge_one(&mut run, "e2e.mean", Bound::AtLeast(0.018)).mark, Mark::Pass);
    assert_eq!(judge_one(&mut run, "e2e.mean", Bound::Between(0.018, 0.021)).mark, Mark::Pass);

    let rate = judge_one(&mut run, "requests_per_second", Bound::AtLeast(0.95));
    assert_eq!((rate.mark, rate.samples), (Mark::Pass, 200), "{rate:?}");
    assert_eq!(rate.note, "Student's bounds of the means of 20 slices of the window");
    assert_eq!(judge_one(&mut run, "output_tokens_per_second", Bound::AtLeast(1.2)).mark, Mark::Fail);

    // too few for batches
    let mut few = run_of(&[20; 8]);
    for metric in ["e2e.mean", "requests_per_second"] {
        let row = judge_one(&mut few, metric, Bound::AtLeast(0.001));
        assert_eq!((row.mark, row.needs, row.interval), (Mark::Inconclusive, Some(12), None), "{row:?}");
        assert_eq!(row.note, "a mean needs 20 requests for an interval");
    }
}

#[test]
fn shares_of_spikes_are_judged_by_the_bootstrap() {
    // 300 answers of 20 to 26 ms, and 12 of half a second
    let mut latencies: Vec<u64> = (0..300).map(|i| 20 + i % 7).collect();
    latencies.extend([500; 12]);
    let mut run = run_of(&shuffled(latencies));
    for (metric, bound, mark) in [
        ("spike_rate", Bound::AtMost(0.1), Mark::Pass),
        ("spike_rate", Bound::AtMost(0.04), Mark::Inconclusive),
        ("spike_rate", Bound::AtMost(0.01), Mark::Fail),
        ("spike_rate.mad", Bound::AtMost(0.1), Mark::Pass),
        ("spike_rate.mad", Bound::AtMost(0.01), Mark::Fail),
        ("spike_rate.mad", Bound::Between(0.005, 0.1), Mark::Pass),
        ("spike_rate.mad", Bound::AtLeast(0.1), Mark::Fail),
    ] {
        let row = judge_one(&mut run, metric, bound);
        assert_eq!((row.mark, row.samples), (mark, 312), "{metric} {bound:?}: {row:?}");
        assert_eq!(row.value, Some(12.0 / 312.0));
        assert_eq!(row.note.split(';').next(), Some("bootstrap of 312 requests"));
        // never surer than Wilson's bounds of 12 of 312
        let (low, high) = row.interval.expect("draws");
        assert!(low <= 0.0245 && high >= 0.0599, "{low} {high}");
    }
    // of one value there is nothing to draw
    let row = judge_one(&mut run_of(&[10]), "spike_rate", Bound::AtMost(0.1));
    assert_eq!((row.mark, row.value, row.interval), (Mark::Inconclusive, None, None));
}

#[test]
fn other_targets_are_judged_on_the_value() {
    // ten seconds from the first due time to the last end, 8 good answers of 20 ms and 2 failures
    let mut run = run_of(&mix(&[(4, 20), (2, 0), (3, 20), (1, 1000)]));
    for (metric, bound, mark, samples) in
        [("e2e.max", Bound::AtMost(1.0), Mark::Pass, 8), ("e2e.min", Bound::AtLeast(0.03), Mark::Fail, 8)]
    {
        let row = judge_one(&mut run, metric, bound);
        assert_eq!((row.mark, row.samples), (mark, samples), "{metric} {bound:?}: {row:?}");
        assert_eq!((row.interval, &*row.note), (None, "judged on the value; no interval"));
    }
}

#[test]
fn shares_are_judged_by_wilson_bounds() {
    for (latencies, metric, bound, mark, needs) in [
        // the known floor of 1 %; one request fewer cannot show it
        (mix(&[(268, 10)]), "error_rate", Bound::AtMost(0.01), Mark::Pass, None),
        (mix(&[(267, 10)]), "error_rate", Bound::AtMost(0.01), Mark::Inconclusive, Some(1)),
        (mix(&[(52, 10)]), "error_rate", Bound::AtMost(0.05), Mark::Pass, None),
        (mix(&[(51, 10)]), "error_rate", Bound::AtMost(0.05), Mark::Inconclusive, Some(1)),
        (mix(&[(80, 10), (20, 0)]), "error_rate", Bound::AtMost(0.05), Mark::Fail, None),
        (mix(&[(95, 10), (5, 0)]), "error_rate", Bound::AtMost(0.05), Mark::Inconclusive, None),
        // a limit of 0 allows none, and none is enough
        (mix(&[(10, 10)]), "timeout_rate", Bound::AtMost(0.0), Mark::Pass, None),
        (mix(&[(9, 10), (1, 0)]), "error_rate", Bound::AtMost(0.0), Mark::Fail, None),
        (mix(&[(50, 10), (50, 0)]), "error_rate", Bound::Between(0.0, 0.7), Mark::Pass, None),
        (mix(&[(50, 10), (50, 0)]), "error_rate", Bound::AtLeast(0.7), Mark::Fail, None),
    ] {
        let row = judge_one(&mut run_of(&latencies), metric, bound);
        assert_eq!(
            (row.mark, row.needs),
            (mark, needs),
            "{metric} {bound:?} of {}: {row:?}",
            latencies.len()
        );
        assert_eq!((row.samples, row.interval.is_some()), (latencies.len() as u64, true));
    }
    let row = judge_one(&mut run_of(&[10; 20]), "error_rate", Bound::AtMost(0.05));
    insta::assert_snapshot!(row.note, @"Wilson bounds of 20 requests; at least 52 are needed");
}

#[test]
fn no_data_decides_nothing() {
    // one token each has no speed, equal latencies have no robust spread, and nothing ran in a phase never reached
    let mut run = run_of(&mix(&[(100, 20)]));
    for metric in ["tpot.p95", "itl.p50", "decode_tokens_per_second", "spike_rate.mad", "tpot.mean"] {
        let row = judge_one(&mut run, metric, Bound::AtMost(1.0));
        assert_eq!(
            (row.mark, row.value, row.needs, &*row.note),
            (Mark::Inconclusive, None, None, "no data"),
            "{metric}"
        );
    }
    run.plan.targets = vec![target("t", "e2e", Bound::AtMost(1.0), "elsewhere")];
    let verdict = judge(&run.plan, &run.summary());
    assert_eq!((verdict.conclusion, &*verdict.targets[0].note), (Conclusion::Inconclusive, "no data"));
}

#[test]
fn a_server_that_answered_nothing_has_met_no_latency_and_no_speed() {
    let mut run = run_of(&[0; 20]);
    for (metric, bound) in [
        ("e2e.mean", Bound::AtMost(1.0)),
        ("requests_per_second", Bound::AtLeast(1.0)),
        ("output_tokens_per_second", Bound::AtLeast(1.0)),
    ] {
        let row = judge_one(&mut run, metric, bound);
        assert_eq!((row.mark, row.value, &*row.note), (Mark::Fail, None, "every request failed"), "{metric}");
    }
    let row = judge_one(&mut run, "ttft.p50", Bound::AtMost(1.0));
    assert_eq!((row.mark, row.value), (Mark::Fail, Some(f64::INFINITY)));
    assert_eq!(judge_one(&mut run, "spike_rate", Bound::AtMost(1.0)).mark, Mark::Inconclusive);
}

#[test]
fn fail_is_corrected_for_many_targets_and_pass_is_not() {
    // 10 of 100 over the limit of p95: 2.8 % by chance
    let borderline = mix(&[(90, 10), (10, 30)]);
    let over = |name: &str, metric: &str| target(name, metric, Bound::AtMost(0.02), "load");
    let verdict = judge_with(&mut run_of(&borderline), vec![over("a", "e2e")]);
    assert_eq!(verdict.targets[0].mark, Mark::Fail);
    // two such targets: 5.6 % that one of two sound ones is called failed
    let verdict = judge_with(&mut run_of(&borderline), vec![over("a", "e2e"), over("b", "ttft")]);
    for row in &verdict.targets {
        assert_eq!(row.mark, Mark::Inconclusive);
        assert!(row.needs.is_some_and(|needs| needs > 0), "{row:?}");
    }
    insta::assert_snapshot!(verdict.targets[0].note, @"exact order statistics of 100 requests; beyond the limit at 95.0 %, but not after Holm's correction over 2 rows");
    // beside one that fails for certain, the level of the other is the whole 5 % again
    let certain = target("c", "e2e.p50", Bound::AtMost(0.005), "load");
    let verdict = judge_with(&mut run_of(&borderline), vec![over("a", "e2e"), certain]);
    assert!(verdict.targets.iter().all(|row| row.mark == Mark::Fail));
    // what is not judged is not in the family
    let mut shown = over("b", "ttft");
    shown.severity = Severity::Info;
    let verdict = judge_with(&mut run_of(&borderline), vec![over("a", "e2e"), shown]);
    assert!(verdict.targets.iter().all(|row| row.mark == Mark::Fail));
}

#[test]
fn what_decides_comes_first_and_of_that_the_worst() {
    let mut run = run_of(&mix(&[(100, 10)]));
    let with = |name: &str, bound: Bound, severity: Severity| PlannedTarget {
        severity,
        ..target(name, "e2e.mean", bound, "load")
    };
    let verdict = judge_with(
        &mut run,
        vec![
            with("pass-far", Bound::AtMost(0.1), Severity::Fail),
            with("pass-near", Bound::AtMost(0.011), Severity::Fail),
            with("fail-info", Bound::AtMost(0.001), Severity::Info),
            with("fail-warn", Bound::AtMost(0.001), Severity::Warn),
            with("fail-near", Bound::AtMost(0.009), Severity::Fail),
            with("fail-zero", Bound::AtMost(0.0), Severity::Fail),
            with("fail-far", Bound::AtLeast(0.1), Severity::Fail),
            with("fail-between", Bound::Between(0.001, 0.0095), Severity::Fail),
            target("no-data", "tpot.mean", Bound::AtMost(1.0), "load"),
        ],
    );
    let names: Vec<&str> = verdict.targets.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "fail-zero",
            "fail-far",
            "fail-near",
            "fail-between",
            "no-data",
            "pass-near",
            "pass-far",
            "fail-warn",
            "fail-info"
        ]
    );
}
