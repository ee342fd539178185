//! Attribution of samples to windows, on samples with known integrals.

use std::{collections::BTreeMap, io};

use super::*;
use crate::{
    catalog::Statistic,
    config::Monitoring,
    metrics::{Source, window::Span},
    record::{ChunkTimes, Diary, Record, Sample, Telemetry},
};

/// Lines of telemetry, and nothing else.
struct Lines(Vec<Telemetry>);

impl Source for Lines {
    fn diary(&self) -> &[Diary] {
        &[]
    }

    fn scan(&self, _: &mut dyn FnMut(&Record, &ChunkTimes)) -> io::Result<()> {
        Ok(())
    }

    fn telemetry(&self, visit: &mut dyn FnMut(&Telemetry)) -> io::Result<()> {
        self.0.iter().for_each(visit);
        Ok(())
    }
}

const SECOND: u64 = 1_000_000_000;

fn sample(at_s: f64, class: Class, subject: &Subject, quantity: Quantity, value: f64) -> Telemetry {
    Telemetry::Sample(Sample {
        at_ns: (at_s * 1e9) as u64,
        sensor: SensorKind::System,
        class,
        subject: subject.clone(),
        readings: BTreeMap::from([(quantity, value)]),
        cores: Vec::new(),
        raw: BTreeMap::new(),
    })
}

/// Samples of one series at these seconds.
fn series(class: Class, quantity: Quantity, values: &[(f64, f64)]) -> Vec<Telemetry> {
    values.iter().map(|(at_s, value)| sample(*at_s, class, &Subject::Machine, quantity, *value)).collect()
}

fn key() -> ScopeKey {
    ScopeKey { phase: "load".to_owned(), step: None, endpoint: None }
}

/// What was read of these lines in windows of whole seconds, each a step of its own, of a run of 100 s.
fn collect(lines: Vec<Telemetry>, windows: &[(u64, u64)]) -> Collecting {
    let windows: Vec<_> = windows
        .iter()
        .enumerate()
        .map(|(id, (from, to))| (id, Span { from_ns: from * SECOND, to_ns: to * SECOND }, Some(key())))
        .collect();
    let run = Times { began: Some(SECOND), rests_until: None, ended: 100 * SECOND };
    Collecting::read(&Lines(lines), Monitoring::default(), &windows, run, &mut |_| {})
        .expect("lines in memory")
}

/// The only series in the windows of these steps.
fn only(collecting: &Collecting, steps: &[usize]) -> Observation {
    let observations = collecting.observations(steps, &|_| true);
    assert_eq!(observations.len(), 1, "{observations:?}");
    observations.into_iter().next().expect("one")
}

fn near(value: Option<f64>, expected: f64) {
    let value = value.unwrap_or_else(|| panic!("nothing instead of {expected}"));
    assert!((value - expected).abs() < 1e-9 * expected.abs().max(1.0), "{value} instead of {expected}");
}

#[test]
fn a_sampled_level_changes_evenly_between_two_readings() {
    // up from 0 to 20 at 2 s, and down again by 6 s
    let lines = series(
        Class::Sampled,
        Quantity::SystemMemoryUsed,
        &[(0.0, 0.0), (2.0, 20.0), (6.0, 0.0), (7.0, 3.0)],
    );
    let collecting = collect(lines, &[(1, 4), (4, 6)]);
    let first = only(&collecting, &[0]);
    // (10 + 20) / 2 over a second, (20 + 10) / 2 over two
    near(first.mean, 15.0);
    assert_eq!((first.min, first.max, first.readings), (Some(10.0), Some(20.0), 1));
    assert_eq!((first.before, first.after, first.growth), (Some(0.0), Some(0.0), None));
    near(Some(first.covered), 1.0);
    let both = only(&collecting, &[0, 1]);
    near(both.mean, (45.0 + 10.0) / 5.0);
    assert_eq!((both.min, both.max, both.before, both.after), (Some(0.0), Some(20.0), Some(0.0), Some(0.0)));
}

#[test]
fn a_mean_since_the_reading_before_holds_for_all_of_that_time() {
    // a quarter of the time from 0 to 4 s, all of it until 5 s, nothing until 9 s
    let values = [(0.0, 0.9), (4.0, 0.25), (5.0, 1.0), (9.0, 0.0)];
    let collecting = collect(series(Class::Counter, Quantity::CpuUtilization, &values), &[(2, 7), (5, 9)]);
    let first = only(&collecting, &[0]);
    near(first.mean, (0.25 * 2.0 + 1.0) / 5.0);
    // each of the three lies in the window by half at least
    assert_eq!((first.min, first.max, first.readings), (Some(0.0), Some(1.0), 3));
    let second = only(&collecting, &[1]);
    assert_eq!((second.mean, second.max), (Some(0.0), Some(0.0)), "the busy second before is none of it");
}

#[test]
fn counts_are_differences_interpolated_at_the_edges_and_begin_anew() {
    // 10 a second; then it was reset to 0 and has counted 5
    let values = [(0.0, 100.0), (2.0, 120.0), (4.0, 140.0), (5.0, 5.0), (9.0, 25.0)];
    let collecting = collect(series(Class::Counter, Quantity::Energy, &values), &[(1, 3), (3, 7), (20, 30)]);
    let first = only(&collecting, &[0]);
    near(first.growth, 20.0);
    assert_eq!((first.mean, first.max, first.before, first.after), (None, None, None, None));
    near(only(&collecting, &[1]).growth, 10.0 + 5.0 + 10.0);
    near(only(&collecting, &[0, 1]).growth, 45.0);
    let later = only(&collecting, &[2]);
    assert_eq!((later.was_read(), later.growth), (false, None), "absent, and not 0");
}

#[test]
fn a_window_shorter_than_the_interval_has_what_lies_between() {
    let lines = series(Class::Sampled, Quantity::GpuTemperature, &[(0.0, 40.0), (10.0, 60.0)]);
    let read = only(&collect(lines, &[(4, 6)]), &[0]);
    near(read.mean, 50.0);
    assert_eq!((read.min, read.max, read.readings), (Some(48.0), Some(52.0), 0));
}

#[test]
fn the_peak_of_a_peak_is_what_the_kernel_says() {
    let lines = series(Class::Counter, Quantity::ServerMemoryPeak, &[(0.0, 5.0), (2.0, 9.0), (4.0, 9.0)]);
    let read = only(&collect(lines, &[(1, 3)]), &[0]);
    assert_eq!((read.before, read.max, read.after), (Some(5.0), Some(9.0), Some(9.0)));
}

#[test]
fn what_was_before_and_after_the_load_stands_beside_it() {
    let values = [(0.0, 1.0), (0.5, 3.0), (50.0, 8.0), (101.0, 6.0), (103.0, 4.0)];
    let observed = collect(series(Class::Sampled, Quantity::ServerMemory, &values), &[(10, 20)]).finish();
    assert_eq!((observed.before[0].min, observed.before[0].readings), (Some(1.0), 2));
    assert_eq!((observed.after[0].min, observed.after[0].readings), (Some(4.0), 2));
    let curve = &observed.curves[0];
    assert_eq!(curve.means.len(), 240);
    near(curve.means[0], 1.0 + 2.0 * (100.0 / 240.0));
}

#[test]
fn missing_sources_and_costs_are_kept() {
    let lines = vec![
        Telemetry::Started { format: 1 },
        Telemetry::Missing {
            at_ns: SECOND,
            sensor: SensorKind::Nvml,
            subject: Subject::Machine,
            why: "no library".to_owned(),
        },
        Telemetry::Cost { at_ns: SECOND, cpu_ns: Some(SECOND), skipped: 0, left_out: 0 },
        Telemetry::Cost { at_ns: 10 * SECOND, cpu_ns: Some(SECOND), skipped: 2, left_out: 1 },
    ];
    let observed = collect(lines, &[]).finish();
    let cost = observed.cost.expect("the last account");
    assert_eq!((cost.cpu_s, cost.cpu_share, cost.skipped, cost.left_out), (Some(1.0), Some(0.1), 2, 1));
    assert_eq!(observed.why_unread(Metric::Reading(Quantity::GpuMemory)), "machine: no library");
    assert_eq!(observed.why_unread(Metric::Reading(Quantity::ServerMemory)), "");
    assert_eq!(observed.why_unread(Metric::Ttft), "");
}

#[test]
fn of_several_subjects_the_worst_judges_or_their_sum() {
    let gpu = |name: &str| Subject::Gpu(name.to_owned());
    let mut lines = Vec::new();
    for at_s in [0.0, 10.0] {
        for (name, memory, power) in [("0", 3.0, 100.0), ("1", 5.0, 200.0)] {
            lines.push(sample(at_s, Class::Sampled, &gpu(name), Quantity::GpuMemory, memory));
            lines.push(sample(at_s, Class::Sampled, &gpu(name), Quantity::Power, power));
        }
        lines.push(sample(at_s, Class::Estimated, &Subject::Machine, Quantity::Power, 250.0));
    }
    // one that was read for a moment only says nothing of the window
    lines.push(sample(2.0, Class::Sampled, &gpu("2"), Quantity::GpuMemory, 9.0));
    let observations = collect(lines, &[(1, 9)]).observations(&[0], &|_| true);
    let of = |quantity, statistic, at_least| {
        let judged = observed(&observations, quantity, Some(statistic), at_least).expect("a value");
        (judged.value, judged.of.subject.clone(), judged.subjects)
    };
    assert_eq!(of(Quantity::GpuMemory, Statistic::Max, false), (5.0, gpu("1"), 2));
    assert_eq!(of(Quantity::GpuMemory, Statistic::Max, true), (3.0, gpu("0"), 2));
    // two classes are not put together: the larger sum judges
    assert_eq!(of(Quantity::Power, Statistic::Mean, false), (300.0, gpu("0"), 2));
    let judged = |quantity| observed(&observations, quantity, Some(Statistic::Max), false).expect("a value");
    assert_eq!(judged(Quantity::Power).of_other_classes, 1);
    // what was hardly read could be worse
    let lacking: Vec<_> =
        judged(Quantity::GpuMemory).lacking.iter().map(|read| read.subject.clone()).collect();
    assert_eq!(lacking, [gpu("2")]);
    assert_eq!(observed(&observations, Quantity::GpuClock, Some(Statistic::Mean), false), None);
}

#[test]
fn what_two_tell_of_counts_once() {
    let power = |subject: &Subject, sensor: SensorKind, value: f64| {
        [0.0, 10.0].map(|at_s| match sample(at_s, Class::Sampled, subject, Quantity::Power, value) {
            Telemetry::Sample(sample) => Telemetry::Sample(Sample { sensor, ..sample }),
            other => other,
        })
    };
    let sum = |lines: Vec<Telemetry>| {
        let observations = collect(lines, &[(1, 9)]).observations(&[0], &|_| true);
        observed(&observations, Quantity::Power, Some(Statistic::Mean), false).map(|judged| judged.value)
    };
    let (own, exported) = (Subject::Gpu("0".to_owned()), Subject::Gpu("10.0.0.7:9400/0".to_owned()));
    let gpus = [power(&own, SensorKind::Nvml, 300.0), power(&exported, SensorKind::Prometheus, 310.0)];
    assert_eq!(sum(gpus.concat()), Some(310.0));
    for (host, watts) in [("127.0.0.1:9100", 50.0), ("10.0.0.7:9100", 110.0)] {
        let host = Subject::Host(host.to_owned());
        let both =
            [power(&Subject::Machine, SensorKind::System, 50.0), power(&host, SensorKind::Prometheus, 60.0)];
        assert_eq!(sum(both.concat()), Some(watts), "{host}");
    }
}

#[test]
fn what_was_lost_before_the_stretch_is_lacking() {
    let gpu = |name: &str| Subject::Gpu(name.to_owned());
    let mut lines = Vec::new();
    for second in 0..=20 {
        let at_s = f64::from(second);
        lines.push(sample(at_s, Class::Sampled, &gpu("0"), Quantity::GpuTemperature, 50.0));
        if second < 5 {
            lines.push(sample(at_s, Class::Sampled, &gpu("1"), Quantity::GpuTemperature, 90.0));
        }
    }
    let observations = collect(lines, &[(10, 19)]).observations(&[0], &|_| true);
    let judged = observed(&observations, Quantity::GpuTemperature, Some(Statistic::Max), false).expect("one");
    let [lacking] = &judged.lacking[..] else { panic!("{judged:?}") };
    assert_eq!((judged.value, &lacking.subject, lacking.covered), (50.0, &gpu("1"), 0.0));
    assert!(!lacking.was_read() && (lacking.mean, lacking.max) == (None, None));
}

#[test]
fn a_page_that_is_gone_leaves_a_gap_in_all_that_it_told() {
    let gpu = Subject::Gpu("host:9400/0".to_owned());
    let of_page = |line: Telemetry| match line {
        Telemetry::Sample(sample) => Telemetry::Sample(Sample { sensor: SensorKind::Prometheus, ..sample }),
        other => other,
    };
    let at = |second: f64| of_page(sample(second, Class::Sampled, &gpu, Quantity::GpuTemperature, 50.0));
    let gone = Telemetry::Missing {
        at_ns: 3 * SECOND,
        sensor: SensorKind::Prometheus,
        subject: Subject::Server(vec!["main".to_owned()]),
        why: "answered 503".to_owned(),
    };
    let covered = |lines: Vec<Telemetry>| {
        let read = collect(lines, &[(0, 10)]).observations(&[0], &|_| true);
        read[0].covered
    };
    near(Some(covered(vec![at(0.0), at(2.0), at(8.0), at(10.0)])), 1.0);
    near(Some(covered(vec![at(0.0), at(2.0), gone, at(8.0), at(10.0)])), 0.4);
}

#[test]
fn a_mean_since_before_the_stretch_is_within_its_extremes() {
    // busy to second 4, and idle in the last one: more than half of the first mean lies before the stretch
    let lines = series(Class::Counter, Quantity::CpuUtilization, &[(0.0, 0.0), (4.0, 1.0), (5.0, 0.0)]);
    let collecting = collect(lines, &[(3, 5)]);
    let read = only(&collecting, &[0]);
    assert_eq!((read.mean, read.min), (Some(0.5), Some(0.0)));
    assert_eq!(read.max, Some(0.5), "not below the mean");
}

#[test]
fn an_endpoint_has_what_is_of_its_server() {
    let server = |names: &[&str]| Subject::Server(names.iter().map(ToString::to_string).collect());
    let mut lines = Vec::new();
    for at_s in [0.0, 10.0] {
        for subject in [server(&["a"]), server(&["b", "c"]), Subject::Machine] {
            lines.push(sample(at_s, Class::Sampled, &subject, Quantity::ServerMemory, 1.0));
        }
    }
    let collecting = collect(lines, &[(1, 9)]);
    for endpoint in ["b", "c"] {
        let of_one = collecting.observations(&[0], &|subject| subject.serves(endpoint));
        assert_eq!((of_one.len(), &of_one[0].subject), (1, &server(&["b", "c"])));
    }
    assert_eq!(collecting.observations(&[0], &|_| true).len(), 3);
}

#[test]
fn memory_that_grows_in_a_long_step_has_a_slope() {
    let values: Vec<(f64, f64)> =
        (0..=400).map(|second| (f64::from(second), 1e9 + 1e5 * f64::from(second))).collect();
    let lines = series(Class::Sampled, Quantity::ServerMemory, &values);
    let observed = collect(lines, &[(0, 100), (100, 400)]).finish();
    let [trend] = &observed.memory[..] else { panic!("{:?}", observed.memory) };
    assert!((trend.bytes_per_hour / 3.6e8 - 1.0).abs() < 0.02, "{}", trend.bytes_per_hour);
    assert!(trend.drift.p_value < 0.01);
}

#[test]
fn a_leap_and_what_few_readings_say_are_no_slope() {
    let memory = |every: usize, value: &dyn Fn(f64) -> f64| {
        let values: Vec<(f64, f64)> =
            (0..=400).step_by(every).map(|second| (f64::from(second), value(f64::from(second)))).collect();
        let lines = series(Class::Sampled, Quantity::ServerMemory, &values);
        collect(lines, &[(100, 400)]).finish().memory
    };
    let leap = |second: f64| if second < 250.0 { 1e9 + second } else { 1.02e9 + second };
    assert_eq!(memory(1, &leap), []);
    let grows = |second: f64| 1e9 + 1e5 * second;
    assert_eq!(memory(1, &grows).len(), 1);
    // between two readings it is a straight line whatever it did
    assert_eq!(memory(50, &grows), []);
    let stairs = |second: f64| 1e9 + 4e6 * (second / 40.0).floor();
    assert_eq!(memory(1, &stairs).len(), 1, "it goes on");
}
