//! Energy of windows, against the integral of a power curve that is known.

use std::f64::consts::TAU;

use super::*;
use crate::{
    catalog::Quantity,
    config::PowerEstimate,
    record::{Class, SensorKind, Subject},
};

/// The power of a part of the machine, in watts: restless, and more by `load` from a moment on.
#[derive(Clone, Copy)]
struct Part {
    base: f64,
    swing: f64,
    /// Seconds of a swing.
    period: f64,
    load: f64,
    from_s: f64,
}

impl Part {
    fn watts(self, second: f64) -> f64 {
        let load = if second >= self.from_s { self.load } else { 0.0 };
        self.base + self.swing * (TAU * second / self.period).sin() + load
    }

    /// The integral from 0 on, in joules.
    fn joules(self, second: f64) -> f64 {
        let swing = self.swing * self.period / TAU * (1.0 - (TAU * second / self.period).cos());
        self.base * second + swing + self.load * (second - self.from_s).max(0.0)
    }
}

const GPU: Part = Part { base: 60.0, swing: 20.0, period: 7.0, load: 240.0, from_s: 20.0 };
const PACKAGE: Part = Part { base: 30.0, swing: 10.0, period: 3.0, load: 70.0, from_s: 20.0 };

fn gpu(name: &str) -> Subject {
    Subject::Gpu(name.to_owned())
}

fn package(name: &str) -> Subject {
    Subject::Package(name.to_owned())
}

/// Every so many seconds, beginning somewhere within the first of them, until 70 s.
fn every(seconds: f64) -> impl Iterator<Item = f64> {
    (0..).map(move |n| (f64::from(n) + 0.37) * seconds).take_while(|second| *second < 70.0)
}

/// A request a second from a moment on, each with three tokens within 0.3 s, for so many seconds.
fn serve(run: &mut Run, step: usize, from_s: u64, seconds: u64) {
    run.start(step, from_s * SEC);
    for second in from_s..=from_s + seconds {
        run.push(step, answer(second * SEC, 100 * MS, &[100 * MS, 100 * MS]));
    }
}

/// A load from 20 to 60 s, in which 40 requests ended and 120 tokens came.
fn loaded() -> Run {
    let mut run = Run::new(plan(&["chat"], vec![open("load", 1.0, 40)]));
    serve(&mut run, 1, 20, 40);
    run
}

fn counter(run: &mut Run, subject: &Subject, part: Part, seconds: f64) {
    let of = (SensorKind::Rapl, Class::Counter, subject, Quantity::Energy);
    run.read(of, every(seconds), |second| 1234.0 + part.joules(second));
}

fn within(value: f64, expected: f64) {
    assert!((value / expected - 1.0).abs() < 0.01, "{value} is not within 1 % of {expected}");
}

fn used(part: Part) -> f64 {
    part.joules(60.0) - part.joules(20.0)
}

#[test]
fn counters_and_sampled_power_are_integrals_of_the_curve_over_the_window() {
    let mut run = loaded();
    counter(&mut run, &package("package-0"), PACKAGE, 1.0);
    counter(&mut run, &package("package-1"), Part { period: 5.0, ..PACKAGE }, 1.0);
    // without a counter, energy follows from power
    run.read((SensorKind::Amdgpu, Class::Sampled, &gpu("0"), Quantity::Power), every(0.1), |s| GPU.watts(s));
    let summary = run.end().summary();
    let used_of = &whole(&summary).energy;
    let [sampled, counted] = &used_of.by_class[..] else { panic!("{used_of:?}") };
    assert_eq!((sampled.class, counted.class), (Class::Sampled, Class::Counter), "the larger one first");
    within(sampled.joules, used(GPU));
    within(counted.joules, used(PACKAGE) + used(Part { period: 5.0, ..PACKAGE }));
    within(counted.watts() * 40.0, counted.joules);
    assert_eq!(
        (sampled.contents(), counted.contents()),
        ("1 GPU".to_owned(), "2 processor packages".to_owned())
    );
    assert!(used_of.left_out.is_empty() && !used_of.shared);
    // the first class is what others follow from
    let scope = whole(&summary);
    assert_eq!(scope.value(Metric::Reading(Quantity::Energy), None), Some(sampled.joules));
    within(scope.value(Metric::EnergyPerRequest, None).expect("a value"), used(GPU) / 40.0);
    within(scope.value(Metric::EnergyPerToken, None).expect("a value"), used(GPU) / 120.0);
}

#[test]
fn a_counter_goes_before_what_is_summed_up() {
    let mut run = loaded();
    let of = |class, quantity| (SensorKind::Nvml, class, gpu("0"), quantity);
    let (sensor, class, subject, quantity) = of(Class::Counter, Quantity::Energy);
    run.read((sensor, class, &subject, quantity), every(0.1), |second| GPU.joules(second));
    let (sensor, class, subject, quantity) = of(Class::Sampled, Quantity::Power);
    run.read((sensor, class, &subject, quantity), every(0.1), |_| 9999.0);
    let summary = run.end().summary();
    let [energy] = &whole(&summary).energy.by_class[..] else { panic!("one class") };
    assert_eq!(energy.class, Class::Counter);
    within(energy.joules, used(GPU));
}

#[test]
fn what_is_drawn_at_rest_is_subtracted_where_somebody_asks() {
    let mut run = loaded();
    run.plan.monitoring.subtract_idle = true;
    counter(&mut run, &package("package-0"), PACKAGE, 1.0);
    let run = run.end();
    let summary = run.summary();
    let (energy, net) = whole(&summary).energy.judged().expect("there was a rest");
    // by the readings before the load alone
    let at_rest = (PACKAGE.joules(19.37) - PACKAGE.joules(0.37)) / 19.0;
    close(energy.idle_watts, at_rest);
    within(energy.joules, used(PACKAGE));
    within(net, used(PACKAGE) - at_rest * 40.0);
    close(whole(&summary).value(Metric::EnergyPerRequest, None), net / 40.0);

    let mut gross = run;
    gross.plan.monitoring.subtract_idle = false;
    let summary = gross.summary();
    let (energy, joules) = whole(&summary).energy.judged().expect("a counter");
    within(joules, used(PACKAGE));
    close(energy.net_joules(), net);
}

#[test]
fn without_a_rest_there_is_nothing_to_subtract() {
    let mut run = loaded();
    run.plan.monitoring.subtract_idle = true;
    let of = (SensorKind::Rapl, Class::Counter, &package("package-0"), Quantity::Energy);
    run.read(of, every(1.0).filter(|second| *second > 16.0), |second| PACKAGE.joules(second));
    let summary = run.end().summary();
    let scope = whole(&summary);
    for metric in [Metric::Reading(Quantity::Energy), Metric::EnergyPerRequest, Metric::EnergyPerToken] {
        assert_eq!(scope.value(metric, None), None, "{metric:?}");
    }
    within(scope.energy.by_class[0].joules, used(PACKAGE));
}

#[test]
fn a_part_that_is_lost_on_the_way_leaves_no_sum() {
    let mut run = loaded();
    for (name, until) in [("0", 70.0), ("1", 40.0)] {
        let of = (SensorKind::Nvml, Class::Counter, &gpu(name), Quantity::Energy);
        run.read(of, every(0.1).take_while(|second| *second < until), |second| GPU.joules(second));
    }
    let of = (SensorKind::Amdgpu, Class::Sampled, &gpu("card2"), Quantity::Power);
    run.read(of, every(0.1), |second| GPU.watts(second));
    let summary = run.end().summary();
    let energy = &whole(&summary).energy;
    let classes: Vec<Class> = energy.by_class.iter().map(|energy| energy.class).collect();
    assert_eq!(classes, [Class::Sampled]);
    let [(lost, why)] = &energy.left_out[..] else { panic!("{:?}", energy.left_out) };
    assert_eq!(
        (lost, why.as_str()),
        (&gpu("1"), "it was read for 49.8 % of the time, so there is no sum with it")
    );
}

#[test]
fn a_counter_that_does_not_move_is_no_reading() {
    let mut run = loaded();
    counter(&mut run, &package("package-0"), PACKAGE, 1.0);
    let still = (SensorKind::Rapl, Class::Counter, &package("package-1"), Quantity::Energy);
    run.read(still, every(1.0), |_| 777.0);
    let mut run = run.end();
    let summary = run.summary();
    let energy = &whole(&summary).energy;
    assert_eq!(energy.left_out, [(package("package-1"), "its counter did not move".to_owned())]);
    within(energy.judged().expect("the other one").1, used(PACKAGE));

    run.telemetry.clear();
    run.read(still, every(1.0), |_| 777.0);
    let summary = run.summary();
    let scope = whole(&summary);
    assert!(scope.energy.by_class.is_empty() && scope.energy.left_out.len() == 1, "{:?}", scope.energy);
    assert_eq!(scope.value(Metric::EnergyPerToken, None), None, "missing, and not 0");
    assert_eq!(scope.observations[0].growth, None);
}

#[test]
fn an_estimate_follows_from_the_processors_where_nothing_is_read() {
    let mut run = loaded();
    run.plan.monitoring.estimate = Some(PowerEstimate { idle_watts: 10.0, busy_watts: 90.0 });
    let busy = |second: f64| if second > 20.0 { 0.75 } else { 0.0 };
    let of = (SensorKind::System, Class::Counter, &Subject::Machine, Quantity::CpuUtilization);
    run.read(of, every(0.1), busy);
    let mut run = run.end();
    let summary = run.summary();
    let (energy, joules) = whole(&summary).energy.judged().expect("an estimate");
    assert_eq!((energy.class, energy.contents()), (Class::Estimated, "1 machine".to_owned()));
    within(joules, 70.0 * 40.0);
    within(energy.net_joules().expect("a rest"), 60.0 * 40.0);
    let read = |summary: &Summary, quantity| -> Vec<(Class, Option<f64>)> {
        let all = whole(summary).observations.iter().filter(|read| read.quantity == quantity);
        all.map(|read| (read.class, read.mean)).collect()
    };
    let [(Class::Estimated, Some(watts))] = read(&summary, Quantity::Power)[..] else {
        panic!("an estimate")
    };
    within(watts, 70.0);

    // a guess does not stand beside what was read; a counter that never moves is nothing
    let still = (SensorKind::Rapl, Class::Counter, &package("package-0"), Quantity::Energy);
    run.read(still, every(1.0), |_| 777.0);
    assert_eq!(whole(&run.summary()).energy.by_class[0].class, Class::Estimated);
    counter(&mut run, &package("package-1"), PACKAGE, 1.0);
    let summary = run.summary();
    assert_eq!(whole(&summary).energy.by_class.len(), 1);
    assert_eq!(whole(&summary).energy.by_class[0].class, Class::Counter);
    assert_eq!(read(&summary, Quantity::Power), []);
}

#[test]
fn phases_side_by_side_have_no_energy_of_their_own() {
    let mut run =
        Run::new(plan(&["chat"], vec![open("host", 1.0, 40), open("guest", 1.0, 10), open("after", 1.0, 5)]));
    serve(&mut run, 1, 20, 20);
    serve(&mut run, 2, 30, 10);
    serve(&mut run, 3, 50, 10);
    for (step, at_s) in [(1, 41), (2, 41), (3, 61)] {
        run.finish(step, at_s * SEC);
    }
    counter(&mut run, &package("package-0"), PACKAGE, 1.0);
    let summary = run.end().summary();
    for (phase, shared) in [("host", true), ("guest", true), ("after", false)] {
        let scope = summary.scope(&key(phase, None, None)).expect("a scope");
        assert_eq!(scope.energy.shared, shared, "{phase}");
        assert_eq!(scope.value(Metric::EnergyPerRequest, None).is_none(), shared, "{phase}");
        assert!(scope.energy.judged().is_some(), "what the machine used then is known");
    }
}

#[test]
fn what_drains_beside_another_shares_its_energy() {
    // the guest's last answer comes long after its last request was due
    let mut run = Run::new(plan(&["chat"], vec![open("guest", 1.0, 5), open("host", 1.0, 20)]));
    serve(&mut run, 1, 20, 5);
    run.push(1, answer(24 * SEC, 20 * SEC, &[100 * MS]));
    serve(&mut run, 2, 30, 20);
    counter(&mut run, &package("package-0"), PACKAGE, 1.0);
    let summary = run.end().summary();
    assert!(summary.scope(&key("host", None, None)).expect("a scope").energy.shared);
}

#[test]
fn what_presses_the_machine_before_the_load_is_no_rest() {
    let mut run = loaded();
    let mut press = run.plan.steps[1].clone();
    (press.id, press.phase, press.name) = (2, "press".to_owned(), "press".to_owned());
    press.work = crate::plan::Work::Pause { duration: std::time::Duration::from_secs(10) };
    press.pressure = Some(crate::config::Pressure { cpu: None, memory: None });
    run.plan.steps.push(press);
    run.diary.push(Diary::StepStarted { step: 2, at_ns: 10 * SEC });
    counter(&mut run, &package("package-0"), Part { load: 100.0, from_s: 10.0, ..PACKAGE }, 1.0);
    let summary = run.end().summary();
    let idle = whole(&summary).energy.by_class[0].idle_watts.expect("a rest");
    assert!((20.0..40.0).contains(&idle), "{idle} W at rest");
}

#[test]
fn a_gpu_that_a_page_tells_of_is_not_counted_twice() {
    let mut run = loaded();
    for (sensor, name) in [(SensorKind::Nvml, "0"), (SensorKind::Prometheus, "main/0")] {
        let of = (sensor, Class::Counter, &gpu(name), Quantity::Energy);
        run.read(of, every(0.1), |second| GPU.joules(second));
    }
    let summary = run.end().summary();
    let energy = &whole(&summary).energy;
    within(energy.judged().expect("one of the two").1, used(GPU));
    assert_eq!(energy.left_out, [(gpu("0"), "another source tells of the same".to_owned())]);
}

#[test]
fn an_endpoint_has_no_part_of_the_machine() {
    let mut run = Run::new(plan(&["big", "small"], vec![open("load", 1.0, 40)]));
    run.start(1, 20 * SEC);
    for second in 20..=60 {
        run.push_to(1, second as usize % 2, None, answer(second * SEC, 100 * MS, &[100 * MS]));
    }
    counter(&mut run, &package("package-0"), PACKAGE, 1.0);
    let summary = run.end().summary();
    let of = |endpoint| summary.scope(&key("load", None, endpoint)).expect("a scope");
    assert!(of(None).energy.judged().is_some());
    assert_eq!(of(Some("big")).energy, EnergyUse::default());
    assert_eq!(of(Some("big")).value(Metric::EnergyPerRequest, None), None);
}
