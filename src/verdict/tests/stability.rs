//! What a soak says of drifts, leaps and failures, on series whose truth is known.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;

/// Ten minutes of a request a second. Latency lies around 100 ms, skewed, and each depends on the one before.
fn soak(seed: u64, factor: impl Fn(f64) -> f64, fails: impl Fn(usize) -> bool) -> Run {
    const COUNT: usize = 600;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut state = 0.0;
    let mut run = Run::new(plan(&["chat"], vec![open("soak", 1.0, COUNT as u64)]));
    run.start(1, 0);
    for i in 0..COUNT {
        let u: f64 = random.random();
        state = 0.5 * state + 10.0 * (-(1.0 - u).ln() - 1.0);
        let took_ms = (100.0 + state) * factor(i as f64 / COUNT as f64);
        let due_ns = i as u64 * SEC;
        let request = if fails(i) {
            failure(due_ns, MS, Outcome::Overloaded)
        } else {
            answer(due_ns, (took_ms * 1e6) as u64, &[])
        };
        run.push(1, request);
    }
    run.end()
}

fn lines(run: &Run) -> Vec<String> {
    let told = |finding: &Finding| format!("{:?} {}", finding.level, finding.text);
    crate::verdict::stability::findings(&run.summary()).iter().map(told).collect()
}

#[test]
fn a_steady_soak_has_no_line_and_one_that_leaps_has_one() {
    let quiet = (0..100).filter(|seed| lines(&soak(*seed, |_| 1.0, |_| false)).is_empty()).count();
    assert!(quiet >= 95, "{quiet} of 100");
    let leaps = |line: &String| line.contains("`e2e` takes") && line.contains("more than before");
    let leapt = |at: f64| if at < 0.6 { 1.0 } else { 1.2 };
    let found = (0..100).filter(|seed| lines(&soak(*seed, leapt, |_| false)).iter().any(leaps)).count();
    assert!(found >= 95, "{found} of 100");
}

#[test]
fn each_kind_of_change_in_words() {
    let never = |_: usize| false;
    let one = |run: Run| lines(&run).join("\n");
    insta::assert_snapshot!(one(soak(1, |at| if at < 0.6 { 1.0 } else { 1.2 }, never)), @"Warning `soak`: from 6m 00s on `e2e` takes 19.6 % more than before, 120 ms after 100 ms on average (Pettitt's test)");
    insta::assert_snapshot!(one(soak(1, |at| if at < 0.5 { 1.0 } else { 0.7 }, never)), @"Info `soak`: from 5m 00s on `e2e` takes 30.6 % less than before, 69.6 ms after 100 ms on average (Pettitt's test)");
    insta::assert_snapshot!(one(soak(1, |at| 1.0 + 0.4 * at, never)), @"Warning `soak`: `e2e` rises by 27.5 % over 9m 29s, 107 ms in its first tenth and 138 ms in its last on average (Mann and Kendall's test)");
    insta::assert_snapshot!(one(soak(1, |_| 1.0, |i| i > 300 && i % 10 == 0)), @"Warning `soak`: from 5m 00s on 9.7 % of its requests failed, and 0.0 % before (Pettitt's test)");
    insta::assert_snapshot!(one(soak(1, |_| 1.0, |i| i < 60)), @"");
    // a few failures here and there are none that set in
    assert_eq!(one(soak(1, |_| 1.0, |i| i % 100 == 50)), "");
}

#[test]
fn a_short_step_is_not_asked() {
    let mut run = Run::new(plan(&["chat"], vec![open("short", 5.0, 100)]));
    run.start(1, 0);
    for i in 0..500 {
        run.push(1, answer(i * SEC / 5, if i < 250 { 10 } else { 100 } * MS, &[]));
    }
    let run = run.end();
    assert_eq!(lines(&run), Vec::<String>::new());
    assert!(run.summary().instrument.steps[0].stability.is_none());
}
