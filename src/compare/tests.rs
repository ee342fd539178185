use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::{effect::Effect, judge::judge, *};
use crate::{
    catalog::{Direction, Quantity},
    metrics::Observation,
    record::{Class, SensorKind, Subject},
};

fn scope() -> ScopeKey {
    ScopeKey { phase: "load".to_owned(), step: None, endpoint: None }
}

fn pair(metric: &str, before: &[f64], after: &[f64]) -> Pair {
    let metric = metric.parse().expect("a metric");
    Pair { metric, scope: scope(), decides: true, before: before.to_vec(), after: after.to_vec() }
}

fn one(metric: &str, before: &[f64], after: &[f64]) -> Row {
    judge(vec![pair(metric, before, after)], MARGIN).remove(0)
}

/// Ten metrics of both directions.
const TEN: [&str; 10] = [
    "ttft.p50",
    "ttft.p95",
    "tpot.p50",
    "itl.p99",
    "e2e.p50",
    "e2e.p95",
    "e2e.p99",
    "output_tokens_per_second",
    "requests_per_second",
    "goodput",
];

/// Comparisons of runs whose logarithms are normal, each metric worse by a factor; per comparison how many of the ten came
/// to each call.
fn simulate(comparisons: u64, runs: (usize, usize), noise: f64, worse: f64) -> Vec<[usize; 4]> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut draw = |count: usize, centre: f64| -> Vec<f64> {
        let noises = (0..count).map(|_| rng.sample::<f64, _>(StandardNormal));
        noises.map(|z| centre * (noise * z).exp()).collect()
    };
    let mut counts = Vec::new();
    for _ in 0..comparisons {
        let pairs = TEN.map(|name| {
            let metric: MetricName = name.parse().expect("a metric");
            let factor = if metric.metric.direction() == Direction::Lower { worse } else { 1.0 / worse };
            pair(name, &draw(runs.0, 0.2), &draw(runs.1, 0.2 * factor))
        });
        let rows = judge(pairs.to_vec(), MARGIN);
        let calls = [Call::Regressed, Call::Inconclusive, Call::Improved, Call::Equivalent];
        counts.push(calls.map(|call| rows.iter().filter(|row| row.call == call).count()));
    }
    counts
}

/// In what share of comparisons something regressed.
fn alarms(counts: &[[usize; 4]]) -> f64 {
    counts.iter().filter(|calls| calls[0] > 0).count() as f64 / counts.len() as f64
}

/// The share of all rows that regressed.
fn found(counts: &[[usize; 4]]) -> f64 {
    counts.iter().map(|calls| calls[0]).sum::<usize>() as f64 / (counts.len() * TEN.len()) as f64
}

/// In what share of comparisons of one run against five the first of several metrics regressed, which got worse by this factor and varies
/// from run to run by the first of these; the others stayed as they were and vary by the rest.
fn first_alarms(comparisons: u64, noises: &[f64], worse: f64) -> f64 {
    const FIRST: &str = "ttft.p50";
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut draw = |count: usize, centre: f64, noise: f64| -> Vec<f64> {
        let noises = (0..count).map(|_| rng.sample::<f64, _>(StandardNormal));
        noises.map(|z| centre * (noise * z).exp()).collect()
    };
    let others: Vec<&str> = TEN.into_iter().filter(|name| *name != FIRST).collect();
    let mut alarms = 0;
    for _ in 0..comparisons {
        let pairs = noises.iter().enumerate().map(|(number, noise)| {
            let factor = if number == 0 { worse } else { 1.0 };
            let sides = [draw(5, 0.2, *noise), draw(1, 0.2 * factor, *noise)];
            let name = if number == 0 { FIRST } else { others[number % others.len()] };
            pair(name, &sides[0], &sides[1])
        });
        let rows = judge(pairs.collect(), MARGIN);
        let first = rows.iter().find(|row| row.metric.to_string() == FIRST).expect("the first");
        alarms += u64::from(first.call == Call::Regressed);
    }
    alarms as f64 / comparisons as f64
}

#[test]
fn a_noisy_metric_among_steady_ones_keeps_its_own_spread() {
    for steady in [9, 20] {
        let noises: Vec<f64> = std::iter::once(0.05).chain(vec![0.01; steady]).collect();
        // within the margin, and a single run may lie twice as far off
        let share = first_alarms(500, &noises, 1.04);
        assert!(share <= 0.03, "{steady}: {share}");
    }
}

#[test]
fn one_steady_metric_does_not_make_the_others_believe_themselves() {
    let mut noises = [0.01; 10];
    noises[9] = 1e-5;
    // five runs may by chance lie far closer together than the system varies
    let share = first_alarms(2_000, &noises, 1.03);
    assert!(share <= 0.002, "{share}");
    assert!(first_alarms(300, &noises, 1.1) >= 0.9);
}

const FIVE_A_SIDE: (usize, usize) = (5, 5);
const ONE_AGAINST_FIVE: (usize, usize) = (5, 1);

#[test]
fn identical_systems_are_hardly_ever_called_worse() {
    for runs in [FIVE_A_SIDE, ONE_AGAINST_FIVE] {
        // with little noise the margin guards, with much of it Holm's correction does
        for (comparisons, noise, most) in [(500, 0.01, 0.0), (300, 0.1, 0.05)] {
            let share = alarms(&simulate(comparisons, runs, noise, 1.0));
            assert!(share <= most, "{runs:?} at {noise}: {share}");
        }
    }
    let calls = simulate(100, FIVE_A_SIDE, 0.01, 1.0);
    let same: usize = calls.iter().map(|calls| calls[3]).sum();
    assert!(same > 950, "{same} of 1,000 found equivalent");
}

#[test]
fn a_slowdown_of_a_tenth_is_found() {
    for runs in [FIVE_A_SIDE, ONE_AGAINST_FIVE] {
        let counts = simulate(500, runs, 0.01, 1.1);
        assert!(found(&counts) >= 0.9 && alarms(&counts) >= 0.99, "{runs:?}: {}", found(&counts));
        // and a gain as large is found as often
        let gains = simulate(100, runs, 0.01, 1.0 / 1.1);
        let improved: usize = gains.iter().map(|calls| calls[2]).sum();
        assert!(improved >= 900, "{runs:?}: {improved} of 1,000");
    }
}

#[test]
fn a_slowdown_within_the_margin_is_no_regression() {
    for runs in [FIVE_A_SIDE, ONE_AGAINST_FIVE] {
        assert_eq!(alarms(&simulate(500, runs, 0.01, 1.03)), 0.0, "{runs:?}");
    }
    // five runs may by chance lie far closer together than the system varies: about 1 row in 25,000
    let rows = found(&simulate(2_000, ONE_AGAINST_FIVE, 0.01, 1.03));
    assert!(rows <= 0.000_2, "{rows}");
}

#[test]
fn four_runs_a_side_decide_nothing_over_ten_metrics() {
    let counts = simulate(20, (4, 4), 0.001, 2.0);
    assert_eq!(alarms(&counts), 0.0);
    let rows = judge(
        TEN.map(|name| pair(name, &[1.0, 1.01, 1.02, 1.03], &[2.0, 2.01, 2.02, 2.03])).to_vec(),
        MARGIN,
    );
    let row = rows.iter().find(|row| row.metric.to_string() == "ttft.p50").expect("a row");
    assert_eq!((row.call, row.runs_needed), (Call::Inconclusive, Some(5)));
    assert!(
        row.note.contains("beyond the margin, but not after Holm's correction over 10 tests"),
        "{}",
        row.note
    );
    // fewer metrics need fewer runs
    assert_eq!(one("ttft.p50", &[1.0, 1.01, 1.02], &[2.0, 2.01, 2.02]).call, Call::Regressed);
}

#[test]
fn calls_by_interval_margin_and_direction() {
    use Call::{Equivalent, Improved, Inconclusive, Regressed};
    let base = [100.0, 101.0, 99.0, 100.5, 99.5];
    let times = |factor: f64| base.map(|value| value * factor).to_vec();
    let inf = f64::INFINITY;
    for (name, metric, before, after, call, basis) in [
        ("same", "e2e.p95", base.to_vec(), times(1.0), Equivalent, Basis::Welch),
        ("slower", "e2e.p95", base.to_vec(), times(1.1), Regressed, Basis::Welch),
        ("faster", "e2e.p95", base.to_vec(), times(0.9), Improved, Basis::Welch),
        ("less", "requests_per_second", base.to_vec(), times(0.9), Regressed, Basis::Welch),
        ("more", "requests_per_second", base.to_vec(), times(1.1), Improved, Basis::Welch),
        ("by the margin", "e2e.p95", base.to_vec(), times(1.05), Inconclusive, Basis::Welch),
        ("one like them", "e2e.p95", base.to_vec(), vec![100.0], Equivalent, Basis::Prediction),
        ("one slower", "e2e.p95", base.to_vec(), vec![120.0], Regressed, Basis::Prediction),
        ("one against which", "e2e.p95", vec![120.0], base.to_vec(), Improved, Basis::Prediction),
        ("one that fails", "e2e.p95", base.to_vec(), vec![inf], Regressed, Basis::Prediction),
        (
            "one that stands still",
            "requests_per_second",
            base.to_vec(),
            vec![0.0],
            Regressed,
            Basis::Prediction,
        ),
        ("one against four", "e2e.p95", base[..4].to_vec(), vec![120.0], Inconclusive, Basis::None),
        ("one against one", "e2e.p95", vec![100.0], vec![200.0], Inconclusive, Basis::None),
        ("errors come", "error_rate", vec![0.0; 5], vec![0.1, 0.2, 0.1, 0.1, 0.1], Regressed, Basis::Ranks),
        ("errors go", "error_rate", vec![0.1, 0.2, 0.1, 0.1, 0.1], vec![0.0; 5], Improved, Basis::Ranks),
        ("never an error", "error_rate", vec![0.0; 5], vec![0.0; 5], Equivalent, Basis::Ranks),
        (
            "one error in 10,000 of each",
            "error_rate",
            vec![0.0; 5],
            vec![0.000_1; 5],
            Equivalent,
            Basis::Ranks,
        ),
        ("hardly any left", "error_rate", vec![0.001; 5], vec![0.0; 5], Equivalent, Basis::Ranks),
        ("one more of each", "error_rate", vec![0.001; 5], vec![0.002; 5], Equivalent, Basis::Welch),
        ("over the points", "error_rate", vec![0.001; 5], vec![0.002_1; 5], Regressed, Basis::Welch),
        ("a time is no share", "e2e.p95", vec![0.001; 5], vec![0.002; 5], Regressed, Basis::Welch),
        (
            "met a little less",
            "objectives_met_rate",
            vec![1.0; 5],
            vec![0.999_5; 5],
            Equivalent,
            Basis::Welch,
        ),
        (
            "one of few errors",
            "error_rate",
            vec![0.000_1, 0.000_2, 0.000_1, 0.000_3, 0.000_2],
            vec![0.001],
            Equivalent,
            Basis::Prediction,
        ),
        ("one against one, hardly apart", "error_rate", vec![0.0], vec![0.000_1], Inconclusive, Basis::None),
        (
            "one against five, hardly apart",
            "error_rate",
            vec![0.0; 5],
            vec![0.000_1],
            Inconclusive,
            Basis::None,
        ),
        (
            "one error in all",
            "error_rate",
            vec![0.0; 5],
            vec![0.0, 0.0, 0.01, 0.0, 0.0],
            Inconclusive,
            Basis::Ranks,
        ),
        ("one without errors", "error_rate", vec![0.0; 5], vec![0.0], Equivalent, Basis::Prediction),
        (
            "one without the few errors",
            "error_rate",
            vec![0.001, 0.002, 0.001, 0.003, 0.002],
            vec![0.0],
            Inconclusive,
            Basis::None,
        ),
        (
            "one that had none of the few errors",
            "error_rate",
            vec![0.0],
            vec![0.001, 0.002, 0.001, 0.003, 0.002],
            Inconclusive,
            Basis::None,
        ),
        ("one with an error", "error_rate", vec![0.0; 5], vec![0.01], Inconclusive, Basis::None),
        ("one of fewer", "objectives_met_rate", vec![1.0; 5], vec![0.9], Inconclusive, Basis::None),
        ("all fail", "ttft.p95", base.to_vec(), vec![inf; 5], Regressed, Basis::Ranks),
        ("all failed", "ttft.p95", vec![inf; 5], vec![inf; 5], Equivalent, Basis::Ranks),
    ] {
        let row = one(metric, &before, &after);
        assert_eq!((row.call, row.basis), (call, basis), "{name}: {row:?}");
        let unknown = ["by the margin", "one error in all"].contains(&name);
        assert_eq!(row.runs_needed.is_some(), call == Inconclusive && !unknown, "{name}: {row:?}");
    }
}

proptest! {
    /// Whatever noise and ranks say, shares so near to each other never regress; where nothing is known of runs, they are not
    /// said to be equivalent either.
    #[test]
    fn shares_within_a_tenth_of_a_point_are_the_same(
        base in 0.0..0.5_f64,
        before in prop::collection::vec(0.0..0.001_f64, 1..8),
        after in prop::collection::vec(0.0..0.001_f64, 1..8),
    ) {
        let [before, after] = [before, after].map(|runs| runs.iter().map(|run| base + run).collect::<Vec<_>>());
        let row = one("error_rate", &before, &after);
        let expected = if row.basis == Basis::None { Call::Inconclusive } else { Call::Equivalent };
        prop_assert_eq!(row.call, expected, "{:?}", row);
        // a tenth of a point farther the ratio decides again
        let farther: Vec<f64> = after.iter().map(|run| run + 0.002).collect();
        let row = one("error_rate", &before, &farther);
        prop_assert!(!row.note.contains("points apart"), "{}", row.note);
    }
}

#[test]
fn the_worst_that_decides_is_on_top_and_what_is_shown_counts_apart() {
    let base = [100.0, 101.0, 99.0, 100.5, 99.5];
    let slower = base.map(|value| value * 1.2);
    let mut pairs = vec![pair("e2e.p95", &base, &base), pair("ttft.p95", &base, &slower)];
    for name in &TEN[..9] {
        pairs.push(Pair { decides: false, ..pair(name, &base[..4], &slower[..4]) });
    }
    let rows = judge(pairs, MARGIN);
    let first: Vec<_> = rows.iter().take(2).map(|row| (row.metric.to_string(), row.call)).collect();
    assert_eq!(first, [("ttft.p95".to_owned(), Call::Regressed), ("e2e.p95".to_owned(), Call::Equivalent)]);
    let shown = &rows[2..];
    let names: Vec<_> = shown.iter().map(|row| row.metric.to_string()).collect();
    assert_eq!(names, &TEN[..9]);
    assert!(shown.iter().all(|row| row.call == Call::Inconclusive && !row.decides));
}

#[test]
fn a_change_is_seen_the_same_from_both_sides() {
    let (many, single) = ([100.0, 103.0, 98.0, 101.0, 99.0], [110.0]);
    let (forth, back) =
        (Effect::of(&many, &single, f64::INFINITY, None), Effect::of(&single, &many, f64::INFINITY, None));
    let close = |one: f64, other: f64| assert!((one - other).abs() < 1e-12, "{forth:?} {back:?}");
    close(forth.change, 1.0 / back.change);
    let (low, high) = forth.interval.expect("five runs");
    let (back_low, back_high) = back.interval.expect("five runs");
    close(low, 1.0 / back_high);
    close(high, 1.0 / back_low);
    assert_eq!((forth.above, forth.below), (back.below, back.above));
}

#[test]
fn what_too_few_runs_need_is_said() {
    for (before, after, tests, said) in [
        (5, 1, 10, None),
        (5, 5, 10, None),
        (1, 5, 10, None),
        (
            4,
            1,
            1,
            Some(
                "1 run against 4 can show no regression in 1 metric: that takes 3 on each side, or one against 5 or more",
            ),
        ),
        (
            4,
            4,
            10,
            Some(
                "4 runs against 4 can show no regression in 10 metrics: that takes 5 on each side, or one against 5 or more",
            ),
        ),
        (
            5,
            2,
            3,
            Some(
                "2 runs against 5 can show no regression in 3 metrics: that takes 4 on each side, or one against 5 or more",
            ),
        ),
        (5, 5, 0, Some("no target of severity `fail` is declared, so no metric decides")),
    ] {
        assert_eq!(too_few(before, after, tests).as_deref(), said, "{before} {after} {tests}");
    }
}

#[test]
fn what_is_infinite_is_null_by_the_schema_too() {
    let validator = jsonschema::draft7::new(&crate::schema::written::<Row>()).expect("a schema");
    for (before, after) in [(vec![0.0; 5], vec![1.0; 5]), (vec![1.0; 5], vec![f64::INFINITY; 5])] {
        let row = serde_json::to_value(one("tpot.p50", &before, &after)).expect("a row");
        assert!(row["change"].is_null() && row["call"] == "REGRESSED", "{row}");
        assert!(validator.is_valid(&row), "{row}");
    }
}

fn side<'a>(name: &'a str, (plan, system): (&'a Plan, &'a SystemInfo), runs: &'a [RunFigures]) -> Side<'a> {
    Side { name, plan, system, runs }
}

#[test]
fn the_optimum_is_compared_under_its_name_and_what_vanished_decides_nothing() {
    use crate::{
        config::Bound,
        metrics::fixture::{MS, Run, SEC, answer, closed, level, plan, target},
        verdict,
    };
    let climb = |ms: u64| {
        let steps = [1, 2].map(|users| level(closed("ladder", users, 40), &format!("users={users}")));
        let mut run = Run::new(plan(&["chat"], steps.to_vec()));
        for (step, users) in [(1, 1_u64), (2, 2)] {
            let start_ns = step as u64 * 100 * SEC;
            run.start(step, start_ns);
            for request in 0..40 {
                let due_ns = start_ns + request / users * SEC;
                run.push_user(step, (request % users) as u32, answer(due_ns, ms * MS, &[10 * MS; 3]));
            }
        }
        let mut run = run.end();
        let mut speed = target("speed", "ttft.p50", Bound::AtMost(0.5), "ladder");
        speed.scopes[0].step = Some("optimum".to_owned());
        run.plan.targets = vec![speed];
        let summary = run.summary();
        let verdict = verdict::judge(&run.plan, &summary);
        assert_eq!(verdict.optima[0].step.as_deref(), Some("users=2"));
        (run.plan.clone(), RunFigures::of("run", &summary, &verdict))
    };
    let system = SystemInfo {
        format: crate::machine::FORMAT,
        tool_version: String::new(),
        machine: crate::machine::Machine::default(),
        servers: Vec::new(),
        client_threads: None,
        calibration: None,
        services: Vec::new(),
    };
    let ((plan, before), (_, after)) = (climb(100), climb(200));
    let of = (&plan, &system);
    let (five, slower) = (vec![before; 5], vec![after; 5]);
    let compared = compare(&side("before", of, &five), &side("after", of, &slower), MARGIN, false);
    assert_eq!((compared.call, compared.tests), (Call::Regressed, 1), "{compared:?}");
    assert_eq!(compared.rows[0].scope.step.as_deref(), Some("optimum"));

    let mut without = slower.clone();
    for figures in without.iter_mut().flat_map(|run| &mut run.scopes) {
        figures.values.remove("ttft.p50");
    }
    let compared = compare(&side("before", of, &five), &side("after", of, &without), MARGIN, false);
    assert_eq!(compared.call, Call::Inconclusive);
    assert!(compared.notes[0].contains("has a target and no value in after"), "{:?}", compared.notes);
}

#[test]
fn what_was_read_is_compared_as_targets_see_it() {
    let mut run = crate::report::fixture::quiet();
    let gpu = |name: &str, max| Observation {
        quantity: Quantity::GpuTemperature,
        subject: Subject::Gpu(name.to_owned()),
        sensor: SensorKind::Nvml,
        class: Class::Sampled,
        readings: 40,
        covered: 1.0,
        before: None,
        mean: Some(50.0),
        min: Some(40.0),
        max: Some(max),
        after: None,
        growth: None,
    };
    for scope in &mut run.summary.scopes {
        scope.observations = vec![gpu("0", 70.0), gpu("1", 85.0)];
    }
    let figures = RunFigures::of("run", &run.summary, &run.verdict);
    assert!(!figures.scopes.is_empty());
    for scope in &figures.scopes {
        let value = |name: &str| figures.value(&scope.scope, name.parse().expect("a metric"));
        assert_eq!((value("gpu_temperature"), value("gpu_temperature.mean")), (Some(85.0), Some(50.0)));
        assert_eq!(value("server.memory"), None);
    }
}

#[test]
fn hardware_is_another_only_by_what_both_sides_know() {
    use super::differing::same_hardware;
    use crate::machine::{Gpu, Machine, Missing, Source, Vendor};
    let gpu = |vendor, name: &str, gib: Option<u64>| Gpu {
        name: name.to_owned(),
        memory_bytes: gib.map(|gib| gib << 30),
        vendor,
        ..Gpu::default()
    };
    let of = |cpu: &str, gpus: &[Gpu], looked: bool| {
        let note = || Missing { source: Source::Drm, what: "AMD GPUs".to_owned(), why: "none".to_owned() };
        Machine {
            cpu: cpu.to_owned(),
            gpus: gpus.to_vec(),
            missing: looked.then(note).into_iter().collect(),
            ..Machine::default()
        }
    };
    let (card, small) =
        (gpu(Vendor::Nvidia, "NVIDIA L4", Some(24)), gpu(Vendor::Nvidia, "NVIDIA L4", Some(12)));
    let (untold, inside) =
        (gpu(Vendor::Nvidia, "NVIDIA L4", None), gpu(Vendor::Amd, "AMD GPU 0x164f", Some(1)));
    let one = std::slice::from_ref;
    for (before, after, same) in [
        (of("A", one(&card), false), of("A", &[card.clone(), inside.clone()], true), true),
        (of("A", one(&card), true), of("A", &[card.clone(), inside.clone()], true), false),
        (of("A", one(&card), false), of("A", &[], true), false),
        (of("A", one(&card), true), of("A", one(&small), true), false),
        (of("A", one(&card), true), of("A", one(&untold), true), true),
        (of("A", &[card.clone(), card.clone()], true), of("A", one(&untold), true), false),
        (of("", &[], true), of("Neoverse-N1", &[], true), true),
        (of("A", &[], true), of("B", &[], true), false),
    ] {
        assert_eq!(same_hardware(&before, &after), same, "{before:?} {after:?}");
        assert_eq!(same_hardware(&after, &before), same, "{after:?} {before:?}");
    }
}
