//! Targets on what was read of the machine and of the servers: facts of the window, and void where nothing was read.

use super::*;
use crate::{
    catalog::{MetricName, Quantity},
    metrics::{Observation, Trend, Unread},
    record::{Class, SensorKind, Subject},
    stats::Drift,
    verdict::Level,
};

/// What was read of a level: the mean and the peak.
fn read(subject: Subject, quantity: Quantity, mean: f64, max: f64) -> Observation {
    Observation {
        quantity,
        subject,
        sensor: SensorKind::System,
        class: Class::Sampled,
        readings: 40,
        covered: 1.0,
        before: Some(mean),
        mean: Some(mean),
        min: Some(mean),
        max: Some(max),
        after: None,
        growth: None,
    }
}

/// A run of four answers, in whose window this was read.
fn run(
    metric: &str,
    bound: Bound,
    observations: &[Observation],
    missing: Vec<Unread>,
) -> (Judged, Vec<Check>, Conclusion) {
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, 4)]));
    run.plan.targets = vec![target("t", metric, bound, "load")];
    run.start(1, 0);
    for n in 0..4 {
        run.push_user(1, 0, answer(n * 1000 * MS, 100 * MS, &[]));
    }
    let run = run.end();
    let mut summary = run.summary();
    for scope in &mut summary.scopes {
        scope.observations = observations.to_vec();
    }
    summary.observed.missing = missing;
    let verdict = judge(&run.plan, &summary);
    let [row] = &verdict.targets[..] else { panic!("{:?}", verdict.targets) };
    (row.clone(), verdict.validity, verdict.conclusion)
}

#[test]
fn what_was_read_is_judged_on_its_value() {
    let memory = [read(Subject::Machine, Quantity::SystemMemory, 0.5, 0.8)];
    for (metric, bound, mark) in [
        ("system.memory", Bound::AtMost(0.9), Mark::Pass),
        ("system.memory.max", Bound::AtMost(0.79), Mark::Fail),
        ("system.memory.mean", Bound::AtMost(0.79), Mark::Pass),
        ("system.memory.min", Bound::AtLeast(0.6), Mark::Fail),
        ("system.memory", Bound::Between(0.7, 0.9), Mark::Pass),
        ("system.memory", Bound::Between(0.1, 0.2), Mark::Fail),
    ] {
        let (row, checks, _) = run(metric, bound, &memory, Vec::new());
        assert_eq!(
            (row.mark, row.interval, row.samples),
            (mark, None, 40),
            "{metric} {bound:?}: {}",
            row.note
        );
        assert!(checks.iter().any(|check| check.id == "7" && check.ok));
        assert!(row.note.ends_with("sampled by `system`"), "{}", row.note);
    }
}

#[test]
fn the_worst_of_several_judges() {
    let gpu = |name: &str, max| read(Subject::Gpu(name.to_owned()), Quantity::GpuTemperature, 50.0, max);
    let (row, ..) =
        run("gpu_temperature", Bound::AtMost(80.0), &[gpu("0", 70.0), gpu("1", 85.0)], Vec::new());
    assert_eq!((row.mark, row.value), (Mark::Fail, Some(85.0)));
    assert!(row.note.contains("GPU 1, the worst of 2"), "{}", row.note);
    // of two limits, the one that is missed
    let (row, ..) =
        run("gpu_temperature", Bound::Between(75.0, 90.0), &[gpu("0", 70.0), gpu("1", 85.0)], Vec::new());
    assert_eq!((row.mark, row.value), (Mark::Fail, Some(70.0)));
    let power = |name: &str, mean| read(Subject::Gpu(name.to_owned()), Quantity::Power, mean, 300.0);
    let (row, ..) = run("power", Bound::AtMost(500.0), &[power("0", 200.0), power("1", 250.0)], Vec::new());
    assert_eq!((row.mark, row.value), (Mark::Pass, Some(450.0)));
}

#[test]
fn what_was_read_in_part_may_be_worse() {
    let of = |metric: &str, bound: Bound, covered: f64| {
        let name: MetricName = metric.parse().expect("a metric");
        let quantity = name.metric.quantity().expect("of what is read");
        let part = |name: &str, covered: f64| Observation {
            covered,
            ..read(Subject::Gpu(name.to_owned()), quantity, 200.0, 200.0)
        };
        run(metric, bound, &[part("0", 1.0), part("1", covered)], Vec::new()).0
    };
    for (metric, bound, covered, mark) in [
        ("gpu_temperature", Bound::AtMost(250.0), 0.95, Mark::Pass),
        ("gpu_temperature", Bound::AtMost(250.0), 0.2, Mark::Inconclusive),
        ("gpu_temperature", Bound::AtMost(150.0), 0.2, Mark::Fail),
        ("gpu_temperature", Bound::AtLeast(150.0), 0.2, Mark::Inconclusive),
        ("power", Bound::AtMost(250.0), 0.2, Mark::Inconclusive),
        ("power", Bound::AtMost(150.0), 0.2, Mark::Fail),
        ("power", Bound::AtLeast(150.0), 0.2, Mark::Pass),
        ("power", Bound::AtLeast(250.0), 0.2, Mark::Inconclusive),
        ("power", Bound::Between(50.0, 150.0), 0.2, Mark::Fail),
        ("power", Bound::Between(250.0, 500.0), 0.2, Mark::Inconclusive),
    ] {
        let row = of(metric, bound, covered);
        assert_eq!(row.mark, mark, "{metric} {bound:?}: {}", row.note);
        assert_eq!(
            row.note.contains("without GPU 1, read for 20.0 % of the window"),
            covered < 0.9,
            "{}",
            row.note
        );
    }
}

#[test]
fn a_count_is_what_it_came_to() {
    let count = Observation {
        mean: None,
        max: None,
        min: None,
        before: None,
        growth: Some(3.0),
        ..read(Subject::Server(vec!["chat".to_owned()]), Quantity::ServerPreemptions, 0.0, 0.0)
    };
    let (row, ..) = run("server.preemptions", Bound::AtMost(0.0), &[count], Vec::new());
    assert_eq!((row.mark, row.value), (Mark::Fail, Some(3.0)));
}

#[test]
fn what_was_not_read_voids_its_target_alone() {
    let missing = Unread {
        to_s: None,
        from_s: 0.0,
        sensor: SensorKind::System,
        subject: Subject::Machine,
        why: "`/proc/meminfo` is not there".to_owned(),
    };
    let (row, checks, conclusion) = run("system.memory", Bound::AtMost(0.9), &[], vec![missing]);
    assert_eq!((row.mark, row.value), (Mark::Inconclusive, None));
    assert_eq!(row.note, "it was not read: machine: `/proc/meminfo` is not there");
    let check = checks.iter().find(|check| check.id == "7").expect("a check");
    assert!(!check.ok && !check.void && check.value.contains("`/proc/meminfo` is not there"), "{check:?}");
    assert_eq!(conclusion, Conclusion::Inconclusive);
    // half a window is not the window
    let half = Observation { covered: 0.5, ..read(Subject::Machine, Quantity::SystemMemory, 0.5, 0.8) };
    let (row, ..) = run("system.memory", Bound::AtMost(0.9), &[half], Vec::new());
    let note = "it was read for 50.0 % of the window, and 90.0 % is needed";
    assert_eq!((row.mark, row.note.as_str()), (Mark::Inconclusive, note));
    // a run that asks for none of it has no such check
    let (_, checks, _) = run("error_rate", Bound::AtMost(0.9), &[], Vec::new());
    assert!(checks.iter().all(|check| check.id != "7"));
}

#[test]
fn the_bare_name_of_a_level_is_its_peak_or_its_mean() {
    for (bare, whole) in [
        ("system.memory", "system.memory.max"),
        ("server.memory", "server.memory.max"),
        ("cpu_utilization", "cpu_utilization.mean"),
        ("power", "power.mean"),
        ("server.queue_length", "server.queue_length.max"),
    ] {
        assert_eq!(bare.parse::<MetricName>(), whole.parse::<MetricName>());
    }
}

#[test]
fn memory_that_grows_is_a_finding() {
    let trend = |share: f64, p_value: f64| Trend {
        key: phase("load"),
        subject: Subject::Server(vec!["chat".to_owned()]),
        drift: Drift { share, p_value },
        bytes_per_hour: share * 1e9,
        length_s: 600.0,
    };
    let findings = |trend: Trend| {
        let run = Run::new(plan(&["chat"], vec![closed("load", 1, 4)])).end();
        let mut summary = run.summary();
        summary.observed.memory = vec![trend];
        let found = judge(&run.plan, &summary).analysis;
        found.into_iter().find(|finding| finding.text.contains("memory"))
    };
    let grows = findings(trend(0.2, 0.001)).expect("a finding");
    assert_eq!(grows.level, Level::Warning);
    assert!(grows.text.starts_with("`load`: the memory of the server of `chat` grows by"), "{}", grows.text);
    assert_eq!(findings(trend(-0.2, 0.001)).expect("a finding").level, Level::Info);
    assert_eq!(findings(trend(0.2, 0.3)), None);
    assert_eq!(findings(trend(0.005, 0.001)), None);
}
