use std::time::Duration;

use proptest::prelude::*;

use crate::{
    config::{Arrivals, Stage},
    plan::{
        LoadStep, Pattern, compile, fixture,
        schedule::{Schedule, arrivals, expected_arrivals, mean_count, mean_rate, of_step},
    },
};

fn stage(from: f64, to: f64, over: f64) -> Stage {
    Stage { from, to, over: Duration::from_secs_f64(over) }
}

fn during(process: Arrivals, stages: &[Stage], seed: u64) -> Schedule {
    let whole = stages.iter().map(|stage| stage.over).sum();
    arrivals(process, stages, None, Some(whole), seed, "phase/step")
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// Λ(t), by adding up trapezoids.
fn integral(stages: &[Stage], t: f64) -> f64 {
    let mut left = t;
    let mut sum = 0.0;
    for stage in stages {
        let over = stage.over.as_secs_f64();
        let run = left.min(over);
        let end = stage.from + (stage.to - stage.from) * run / over;
        sum += f64::midpoint(stage.from, end) * run;
        left -= run;
    }
    sum
}

/// The Kolmogorov–Smirnov distance of a sample from the exponential distribution with mean 1.
fn distance_from_exponential(mut sample: Vec<f64>) -> f64 {
    sample.sort_by(f64::total_cmp);
    let n = sample.len() as f64;
    let distances = sample.iter().enumerate().map(|(i, x)| {
        let cdf = 1.0 - (-x).exp();
        (cdf - i as f64 / n).abs().max((cdf - (i as f64 + 1.0) / n).abs())
    });
    distances.fold(0.0, f64::max)
}

/// Gaps of the arrivals in units of Λ: exponential with mean 1 if the process is Poisson.
fn rescaled_gaps(process: Arrivals, stages: &[Stage], seed: u64) -> Vec<f64> {
    let masses: Vec<f64> = during(process, stages, seed).map(|at| integral(stages, seconds(at))).collect();
    std::iter::once(0.0).chain(masses.iter().copied()).zip(&masses).map(|(before, at)| at - before).collect()
}

#[test]
fn constant_arrivals_are_exactly_even() {
    for rate in [8.0, 3.0, 0.1, 997.0] {
        let count = 50;
        let stages = [stage(rate, rate, f64::from(count) / rate)];
        let due: Vec<u64> = during(Arrivals::Constant, &stages, 1).collect();
        let even: Vec<u64> = (0..count).map(|k| (f64::from(k) / rate * 1e9).round() as u64).collect();
        assert_eq!(due, even, "{rate}");
    }
}

#[test]
fn the_end_is_not_part_of_the_duration() {
    // 0.1 · 30 is a hair off 3, and the fourth arrival would be due at the very end
    let due: Vec<u64> = during(Arrivals::Constant, &[stage(0.1, 0.1, 30.0)], 1).collect();
    assert_eq!(due, [0, 10_000_000_000, 20_000_000_000]);
}

#[test]
fn a_ramp_has_as_many_arrivals_as_the_integral_of_its_rate() {
    for (stages, count) in [
        (vec![stage(1.0, 20.0, 60.0), stage(20.0, 20.0, 30.0)], 1230),
        (vec![stage(0.0, 10.0, 10.0)], 50),
        (vec![stage(10.0, 0.0, 10.0)], 50),
        (vec![stage(5.0, 5.000_000_001, 100.0)], 501),
        (vec![stage(5.0, 4.999_999_999, 100.0)], 500),
        (vec![stage(0.0, 0.0, 10.0), stage(4.0, 4.0, 10.0)], 40),
        (vec![stage(4.0, 4.0, 10.0), stage(9.0, 9.0, 0.0), stage(0.0, 0.0, 10.0)], 40),
        (vec![stage(0.0, 0.0, 10.0)], 0),
        (vec![stage(10.0, 0.0, 10.0), stage(0.0, 0.0, 5.0), stage(0.0, 10.0, 10.0)], 100),
        (Vec::new(), 0),
    ] {
        assert_eq!(during(Arrivals::Constant, &stages, 1).count(), count, "{stages:?}");
    }
}

#[test]
fn a_ramp_from_zero_follows_the_square_root() {
    // Λ(t) = t² / 2 for a rate of t
    let stages = [stage(0.0, 10.0, 10.0)];
    for (k, at) in during(Arrivals::Constant, &stages, 1).enumerate() {
        assert!((seconds(at) - (2.0 * k as f64).sqrt()).abs() < 1e-8, "{k}");
    }
}

#[test]
fn an_idle_stage_is_waited_out() {
    let stages = [stage(0.0, 0.0, 10.0), stage(2.0, 2.0, 10.0)];
    let first: Vec<u64> = during(Arrivals::Constant, &stages, 1).take(2).collect();
    assert_eq!(first, [10_000_000_000, 10_500_000_000]);
}

#[test]
fn stages_go_down_to_nothing_and_up_again() {
    let stages = [stage(10.0, 0.0, 10.0), stage(0.0, 0.0, 5.0), stage(0.0, 10.0, 10.0)];
    for process in [Arrivals::Constant, Arrivals::Poisson, Arrivals::Gamma { cv: 2.0 }] {
        let due: Vec<f64> = during(process, &stages, 42).map(seconds).collect();
        assert!(!due.iter().any(|at| (10.0..15.0).contains(at)), "{process:?}");
        // 50 on each slope, most of them where it is high
        let between = |from: f64, to: f64| due.iter().filter(|at| (from..to).contains(*at)).count();
        assert!(between(0.0, 5.0) > 2 * between(5.0, 10.0), "{process:?}: {due:?}");
        assert!(between(20.0, 25.0) > 2 * between(15.0, 20.0), "{process:?}: {due:?}");
    }
    let due: Vec<u64> = during(Arrivals::Constant, &stages, 1).collect();
    // Λ is 50 at the end of the slope down, and arrival 50 waits out the pause at the start of the slope up
    assert_eq!(due[50], 15_000_000_000);
    assert_eq!(due.len(), 100);
}

#[test]
fn a_count_without_a_duration_goes_on_to_the_end() {
    // 100 Poisson arrivals at 10/s may take longer than the 10 s that they take on average
    for seed in 0..20 {
        for process in [Arrivals::Constant, Arrivals::Poisson] {
            let due: Vec<u64> =
                arrivals(process, &[stage(10.0, 10.0, 10.0)], Some(100), None, seed, "a/a").collect();
            assert_eq!(due.len(), 100);
            assert!(due.is_sorted());
        }
    }
}

#[test]
fn the_first_of_count_and_duration_ends_it() {
    let stages = [stage(10.0, 10.0, 10.0)];
    let count = |requests, seconds: u64| {
        arrivals(Arrivals::Constant, &stages, Some(requests), Some(Duration::from_secs(seconds)), 1, "a")
            .count()
    };
    assert_eq!(count(30, 10), 30);
    assert_eq!(count(1000, 10), 100);
    assert_eq!(count(1000, 4), 40);
}

#[test]
fn poisson_counts_are_dispersed_like_poisson_counts() {
    // 1,000 bins of 5 expected arrivals: variance ÷ mean is 1, with a deviation of √(2 / 999) = 0.045
    for (seed, stages) in [(42, vec![stage(5.0, 5.0, 1000.0)]), (7, vec![stage(5.0, 5.0, 1000.0)])] {
        let mut bins = vec![0.0; 1000];
        for at in during(Arrivals::Poisson, &stages, seed) {
            bins[seconds(at) as usize] += 1.0;
        }
        let mean = bins.iter().sum::<f64>() / 1000.0;
        let variance = bins.iter().map(|n| (n - mean) * (n - mean)).sum::<f64>() / 999.0;
        let index = variance / mean;
        assert!((0.85..=1.15).contains(&index), "{index}");
        // the count itself is random: 5,000 within 4 deviations, and not exactly
        assert!((mean * 1000.0 - 5000.0).abs() < 4.0 * 5000.0_f64.sqrt(), "{mean}");
        assert_ne!(mean, 5.0);
    }
}

#[test]
fn poisson_gaps_are_exponential_after_rescaling_time() {
    for stages in [
        vec![stage(50.0, 50.0, 200.0)],
        vec![stage(0.0, 100.0, 100.0), stage(100.0, 20.0, 60.0), stage(30.0, 30.0, 50.0)],
    ] {
        let gaps = rescaled_gaps(Arrivals::Poisson, &stages, 42);
        let n = gaps.len() as f64;
        let distance = distance_from_exponential(gaps);
        // the 1 % point of the Kolmogorov distribution
        assert!(distance < 1.63 / n.sqrt(), "{distance} of {n}: {stages:?}");
    }
}

#[test]
fn gamma_gaps_have_their_mean_and_variation_after_rescaling_time() {
    for stages in [
        vec![stage(50.0, 50.0, 400.0)],
        vec![stage(0.0, 100.0, 200.0), stage(100.0, 0.0, 100.0), stage(0.0, 100.0, 100.0)],
    ] {
        for cv in [0.25, 0.5, 1.0, 2.0, 4.0] {
            let gaps = &rescaled_gaps(Arrivals::Gamma { cv }, &stages, 42)[1..];
            let n = gaps.len() as f64;
            let mean = gaps.iter().sum::<f64>() / n;
            // 4 deviations of a mean
            assert!((mean - 1.0).abs() < 4.0 * cv / n.sqrt(), "{mean} of {n} at {cv}");
            let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
            // of a sample's variance s²: Var(s²) = (μ₄ − σ⁴)/n, where gamma has μ₄ = 3 cv⁴ + 6 cv⁶
            let relative = ((2.0 + 6.0 * cv * cv) / n).sqrt() / 2.0;
            assert!((deviation / mean / cv - 1.0).abs() < 5.0 * relative, "{deviation} of {n} at {cv}");
        }
    }
}

#[test]
fn a_gamma_process_of_variation_one_is_poisson() {
    let gaps = rescaled_gaps(Arrivals::Gamma { cv: 1.0 }, &[stage(50.0, 50.0, 200.0)], 42);
    let n = gaps.len() as f64;
    let distance = distance_from_exponential(gaps);
    assert!(distance < 1.63 / n.sqrt(), "{distance} of {n}");
    let bursts = rescaled_gaps(Arrivals::Gamma { cv: 1.5 }, &[stage(50.0, 50.0, 200.0)], 42);
    assert!(distance_from_exponential(bursts) > 0.1);
}

#[test]
fn a_gamma_process_has_its_mean_count_from_the_start() {
    // a whole gap before the first arrival would make it (cv² − 1)/2 = 4 more in the long run
    let stages = [stage(2.0, 2.0, 5.0)];
    let runs = 20_000;
    for (cv, later) in [(0.2, 0.0), (3.0, 0.0), (3.0, 4.0)] {
        let begin = (later * 1e9) as u64;
        let counts: Vec<f64> = (0..runs)
            .map(|seed| {
                during(Arrivals::Gamma { cv }, &stages, seed).filter(|at| *at >= begin).count() as f64
            })
            .collect();
        let expected = 2.0 * (5.0 - later);
        let n = runs as f64;
        let mean = counts.iter().sum::<f64>() / n;
        let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let error = (variance / n).sqrt();
        assert!((mean - expected).abs() < 4.0 * error, "{mean} ± {error} at {cv}, not {expected}");
    }
}

#[test]
fn bursts_depend_on_the_seed_and_their_variation() {
    let stages = [stage(10.0, 10.0, 10.0)];
    let first = |seed, cv| -> Vec<u64> {
        arrivals(Arrivals::Gamma { cv }, &stages, Some(5), None, seed, "a/a").collect()
    };
    assert_eq!(first(1, 2.0), first(1, 2.0));
    assert_ne!(first(1, 2.0), first(2, 2.0));
    assert_ne!(first(1, 2.0), first(1, 3.0));
    // the ends of what a scenario may say
    for cv in [0.01, 10.0] {
        assert_eq!(first(1, cv).len(), 5, "{cv}");
    }
}

#[test]
fn constant_gaps_are_told_from_exponential_ones() {
    // the test above would be worth nothing if it passed anything
    assert!(distance_from_exponential(vec![1.0; 10_000]) > 0.5);
}

#[test]
fn arrivals_depend_on_the_seed_and_the_step_alone() {
    let stages = [stage(10.0, 10.0, 10.0)];
    let first =
        |seed, key| -> Vec<u64> { arrivals(Arrivals::Poisson, &stages, Some(5), None, seed, key).collect() };
    assert_eq!(first(1, "a/a"), first(1, "a/a"));
    assert_ne!(first(1, "a/a"), first(2, "a/a"));
    assert_ne!(first(1, "a/a"), first(1, "a/b"));

    let mixed = compile(&fixture::mixed());
    let mut alone = fixture::mixed();
    alone.phases.retain(|name, _| name == "ramp");
    let due = |plan: &crate::plan::Plan| -> Vec<u64> {
        let (step, _) = plan.loads().find(|(step, _)| step.phase == "ramp").expect("a phase called ramp");
        of_step(step, plan.seed).expect("an open loop").collect()
    };
    assert_eq!(due(&mixed), due(&compile(&alone)));
}

#[test]
fn a_step_without_a_schedule_has_no_arrivals() {
    let plan = compile(&fixture::mixed());
    assert!(of_step(&plan.steps[0], 1).is_none());
    assert!(of_step(&plan.steps[1], 1).is_none());
}

prop_compose! {
    fn any_stage()(from in 0.0..50.0, to in 0.0..50.0, hold: bool, over in 0.0..20.0_f64) -> Stage {
        stage(from, if hold { from } else { to }, over)
    }
}

proptest! {
    #[test]
    fn a_schedule_ascends_inside_its_duration_with_the_count_of_its_integral(
        stages in prop::collection::vec(any_stage(), 1..5),
        seed: u64,
        cut in 0.1..1.2_f64,
        cv in 0.01..10.0_f64,
    ) {
        let whole: Duration = stages.iter().map(|stage| stage.over).sum();
        let duration = whole.mul_f64(cut);
        let mean = mean_count(&stages, Some(duration));
        prop_assert!((mean - integral(&stages, duration.as_secs_f64())).abs() < 1e-6);
        for process in [Arrivals::Constant, Arrivals::Poisson, Arrivals::Gamma { cv }] {
            let due: Vec<u64> = arrivals(process, &stages, None, Some(duration), seed, "a/a").collect();
            prop_assert!(due.is_sorted());
            prop_assert!(due.iter().all(|at| u128::from(*at) < duration.as_nanos()));
            let count = due.len() as f64;
            match process {
                Arrivals::Constant => prop_assert!((count - mean).abs() <= 1.0, "{count} {mean}"),
                // 6 deviations: about one case in a billion
                Arrivals::Poisson => {
                    prop_assert!((count - mean).abs() <= 6.0 * mean.sqrt() + 6.0, "{count} {mean}");
                }
                // too skewed for a bound that a thousand cases keep; the tests below hold its mean
                Arrivals::Gamma { .. } => {}
            }
        }
    }

    #[test]
    fn every_arrival_lies_where_the_integral_reaches_its_number(
        stages in prop::collection::vec(any_stage(), 1..5),
    ) {
        let at: Vec<u64> = during(Arrivals::Constant, &stages, 1).collect();
        for (k, at) in at.into_iter().enumerate() {
            // half a nanosecond at 50 per second, and the rounding of the sum
            prop_assert!((integral(&stages, seconds(at)) - k as f64).abs() < 1e-6);
        }
    }
}

#[test]
fn the_offered_load_is_the_area_under_the_rate() {
    let stages = vec![stage(1.0, 21.0, 10.0), stage(21.0, 21.0, 10.0)];
    assert_eq!(mean_rate(&stages), Some(16.0));
    assert_eq!(mean_rate(&[]), None);
    let mut load = LoadStep {
        measure: true,
        explores: false,
        first_seq: 0,
        traffic: Vec::new(),
        pattern: Pattern::Open {
            arrivals: Arrivals::Constant,
            stages,
            spikes: None,
            concurrency_limit: None,
        },
        require_steady: false,
        trial: None,
        settle: Duration::ZERO,
        same_as: None,
        until: None,
        batch: 1,
        requests: None,
        duration: None,
    };
    for (requests, seconds, expected) in [
        (None, None, 320.0),
        (None, Some(5), 30.0),
        (None, Some(20), 320.0),
        (Some(100), Some(20), 100.0),
        (Some(1000), Some(20), 320.0),
        (Some(1000), None, 1000.0),
    ] {
        (load.requests, load.duration) = (requests, seconds.map(Duration::from_secs));
        assert_eq!(expected_arrivals(&load), Some(expected), "{requests:?} {seconds:?}");
    }
    load.pattern = Pattern::Closed { users: 1, ramp_up: Duration::ZERO, think_time: Duration::ZERO };
    assert_eq!(expected_arrivals(&load), None);
}
