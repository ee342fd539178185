//! Targets on energy: facts of the window by one class of reading, and void where none was read.

use super::*;
use crate::{
    catalog::Quantity,
    metrics::{Summary, Unread},
    record::{Class, SensorKind, Subject},
};

/// Ten answers of three tokens within 10 s from the 20th on, while a GPU draws 200 W and has drawn 50 W before.
fn run(metric: &str, limit: f64, change: impl Fn(&mut Run)) -> (Judged, Summary) {
    let mut run = Run::new(plan(&["chat"], vec![open("load", 1.0, 10)]));
    run.plan.targets = vec![target("t", metric, Bound::AtMost(limit), "load")];
    run.start(1, 20 * SEC);
    for second in 20..=30 {
        run.push(1, answer(second * SEC, 100 * MS, &[100 * MS, 100 * MS]));
    }
    let gpu = Subject::Gpu("0".to_owned());
    let of = (SensorKind::Nvml, Class::Counter, &gpu, Quantity::Energy);
    run.read(of, (0..40).map(f64::from), |second| 50.0 * second + 150.0 * (second - 20.0).max(0.0));
    change(&mut run);
    let run = run.end();
    let summary = run.summary();
    let verdict = judge(&run.plan, &summary);
    let [row] = &verdict.targets[..] else { panic!("{:?}", verdict.targets) };
    (row.clone(), summary)
}

#[test]
fn energy_is_judged_on_what_was_used() {
    for (metric, value) in
        [("energy", 2000.0), ("energy_per_request", 200.0), ("energy_per_token", 2000.0 / 30.0)]
    {
        for (limit, mark) in [(value * 1.01, Mark::Pass), (value * 0.99, Mark::Fail)] {
            let (row, _) = run(metric, limit, |_| ());
            assert!(
                row.value.is_some_and(|read| (read / value - 1.0).abs() < 1e-9),
                "{metric}: {:?}",
                row.value
            );
            assert_eq!((row.mark, row.interval, row.samples), (mark, None, 11), "{metric}");
            assert_eq!(row.note, "judged on the value; no interval; counter of 1 GPU");
        }
    }
}

#[test]
fn what_is_drawn_at_rest_is_no_use() {
    let (row, _) = run("energy_per_request", 151.0, |run| run.plan.monitoring.subtract_idle = true);
    assert!(row.value.is_some_and(|value| (value - 150.0).abs() < 1e-6), "{:?}", row.value);
    assert_eq!(
        (row.mark, row.note.contains("without the 50.0 W that these draw at rest")),
        (Mark::Pass, true)
    );
    // no rest, no number
    let (row, _) = run("energy", 1e9, |run| {
        run.plan.monitoring.subtract_idle = true;
        run.telemetry.drain(..18);
    });
    assert_eq!((row.mark, row.value), (Mark::Inconclusive, None));
    assert!(row.note.starts_with("what the machine draws at rest is not known"), "{}", row.note);
}

#[test]
fn a_part_that_was_lost_can_only_add() {
    // another GPU is read before the load alone, or for a part of it
    for until in [15, 25] {
        let lost = |run: &mut Run| {
            let other = Subject::Gpu("1".to_owned());
            let of = (SensorKind::Amdgpu, Class::Sampled, &other, Quantity::Power);
            run.read(of, (0..until).map(f64::from), |_| 300.0);
        };
        let (row, summary) = run("energy_per_request", 201.0, lost);
        assert_eq!(row.mark, Mark::Inconclusive, "{}", row.note);
        assert!(row.note.contains("GPU 1: it was read for"), "{}", row.note);
        let scope = summary.scopes.iter().find(|scope| scope.key.endpoint.is_none()).expect("a scope");
        assert!(scope.energy.incomplete);
        let (row, _) = run("energy_per_request", 199.0, lost);
        assert_eq!(row.mark, Mark::Fail, "it is too much already: {}", row.note);
        for metric in ["power", "power.max"] {
            let (row, _) = run(metric, 1e9, lost);
            assert_eq!(row.mark, Mark::Inconclusive, "{metric}: {}", row.note);
        }
    }
}

#[test]
fn what_is_no_more_than_at_rest_has_nothing_to_judge() {
    for metric in ["energy", "energy_per_request"] {
        let (row, _) = run(metric, 1e9, |run| {
            run.plan.monitoring.subtract_idle = true;
            let gpu = Subject::Gpu("0".to_owned());
            run.telemetry.clear();
            let of = (SensorKind::Nvml, Class::Counter, &gpu, Quantity::Energy);
            run.read(of, (0..40).map(f64::from), |second| 120.0 * second - 10.0 * (second - 20.0).max(0.0));
        });
        assert_eq!((row.mark, row.value), (Mark::Inconclusive, None), "{metric}");
        assert_eq!(row.note, "it used no more than at rest, so nothing is left to be judged");
    }
}

#[test]
fn what_does_not_tell_decides_nothing() {
    for (change, note) in [
        (&(|run: &mut Run| run.telemetry.clear()) as &dyn Fn(&mut Run), "it was not read"),
        (&|run: &mut Run| run.telemetry.truncate(25), "GPU 0: it was read for 40.0 % of the time"),
        (
            &|run: &mut Run| {
                let gpu = Subject::Gpu("0".to_owned());
                run.telemetry.clear();
                run.read(
                    (SensorKind::Nvml, Class::Counter, &gpu, Quantity::Energy),
                    (0..40).map(f64::from),
                    |_| 7.0,
                );
            },
            "GPU 0: its counter did not move",
        ),
    ] {
        for metric in ["energy", "energy_per_request", "energy_per_token"] {
            let (row, _) = run(metric, 1e9, change);
            assert_eq!((row.mark, row.value), (Mark::Inconclusive, None), "{metric}");
            assert!(row.note.starts_with(note), "{metric}: {}", row.note);
        }
    }
}

#[test]
fn why_it_was_not_read_is_said() {
    let (_, mut summary) = run("energy_per_token", 1.0, |run| run.telemetry.clear());
    summary.observed.missing = vec![Unread {
        from_s: 0.0,
        to_s: None,
        sensor: SensorKind::Rapl,
        subject: Subject::Machine,
        why: "no permission".to_owned(),
    }];
    let mut run = Run::new(plan(&["chat"], vec![open("load", 1.0, 10)]));
    run.plan.targets = vec![target("t", "energy_per_token", Bound::AtMost(1.0), "load")];
    let verdict = judge(&run.plan, &summary);
    assert_eq!(verdict.targets[0].note, "it was not read: machine: no permission");
    let check = verdict.validity.iter().find(|check| check.id == "7").expect("a check");
    assert!(!check.ok && check.value.contains("no permission"), "{check:?}");
}

#[test]
fn a_server_that_answered_nothing_has_used_it_in_vain() {
    let (row, _) = run("energy_per_request", 1e9, |run| {
        for (record, _) in &mut run.records {
            record.outcome = Outcome::HttpError;
        }
    });
    assert_eq!((row.mark, row.value), (Mark::Fail, None));
    assert!(row.note.starts_with("every request failed"), "{}", row.note);
}
