//! What alerts told, over the whole run.

use super::*;
use crate::{
    catalog::MetricName,
    config::{Beyond, Condition, Severity},
    plan::{AlertSource, PlannedAlert, Trigger},
    record::{Alert, AlertState, Generator},
};

/// A line of an alert on `ttft.p95` in a phase, at a second.
fn line(name: &str, state: AlertState, at_s: u64, phase_name: &str) -> Alert {
    Alert {
        alert: name.to_owned(),
        state,
        at_ns: at_s * SEC,
        since_ns: at_s * SEC,
        severity: Severity::Warn,
        metric: "ttft.p95".parse().ok(),
        value: Some(0.9),
        threshold: Some(0.8),
        worst: None,
        scope: Some(phase(phase_name)),
        subject: None,
        why: None,
    }
}

fn over(state: AlertState, from_s: u64, to_s: u64, worst: Option<f64>, phase_name: &str) -> Alert {
    Alert { since_ns: from_s * SEC, worst, value: None, ..line("slow", state, to_s, phase_name) }
}

fn summary(lines: Vec<Alert>, ended: bool) -> Summary {
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, 4)]));
    run.plan.alerts = vec![PlannedAlert {
        name: "slow".to_owned(),
        source: AlertSource::Scenario,
        trigger: Trigger::Limit(Condition {
            metric: "ttft.p95".parse().expect("a metric"),
            is: Beyond::Above(0.8),
        }),
        hold: std::time::Duration::ZERO,
        window: std::time::Duration::from_secs(30),
        cooldown: std::time::Duration::from_secs(60),
        severity: Severity::Warn,
        scopes: vec![phase("load")],
        endpoint: None,
    }];
    run.start(1, 0);
    run.push_user(1, 0, answer(200 * SEC, SEC, &[]));
    run.diary.extend(lines.into_iter().map(Diary::Alert));
    if ended {
        run.diary.push(Diary::RunEnded { at_ns: 300 * SEC });
    }
    run.summary()
}

#[test]
fn an_alert_is_one_row_however_many_times_it_fired() {
    let fired = summary(
        vec![
            line("slow", AlertState::Firing, 10, "load"),
            over(AlertState::Cleared, 10, 22, Some(1.2), "load"),
            Alert { severity: Severity::Fail, ..line("other", AlertState::Firing, 50, "rest") },
            line("slow", AlertState::Firing, 100, "rest"),
            over(AlertState::Ended, 100, 300, Some(1.1), "rest"),
            Alert { alert: "other".to_owned(), ..over(AlertState::Cleared, 50, 60, None, "rest") },
        ],
        true,
    )
    .alerts;
    let [first, slow] = &fired[..] else { panic!("{fired:?}") };
    // what means most comes first
    assert_eq!((first.name.as_str(), first.times, first.firing_s), ("other", 1, Some(10.0)));
    assert_eq!((slow.name.as_str(), slow.times, slow.first_s), ("slow", 2, 10.0));
    assert_eq!((slow.firing_s, slow.worst, slow.at_end), (Some(212.0), Some(1.2), true));
    assert_eq!(slow.scopes, [phase("load"), phase("rest")]);
    assert_eq!(slow.condition, "ttft.p95 > 800 ms over 30s");
}

#[test]
fn a_killed_run_says_no_end_of_what_fired() {
    let failed = Alert { value: None, ..line("slow", AlertState::Firing, 100, "load") };
    let fired = summary(vec![failed], false).alerts;
    // until the last thing that is known
    assert_eq!((fired[0].firing_s, fired[0].at_end), (Some(101.0), true));
    assert_eq!(fired[0].worst, Some(f64::INFINITY));
}

#[test]
fn a_killed_run_without_answers_lasted_as_long_as_its_diary() {
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, 4)]));
    run.start(1, 0);
    let hot = Alert { metric: "gpu_temperature".parse().ok(), ..line("hot", AlertState::Firing, 10, "load") };
    run.diary.push(Diary::Alert(hot));
    run.diary.push(Diary::Generator(Generator {
        at_ns: 70 * SEC,
        cpu_ns: None,
        cores: 1,
        nice: None,
        swapped_bytes: None,
        refused: 0,
        wall_steps: 0,
    }));
    assert_eq!(run.summary().alerts[0].firing_s, Some(60.0));
}

#[test]
fn what_has_no_worst_value_is_that_of_requests_that_failed() {
    let fired = summary(
        vec![line("slow", AlertState::Firing, 10, "load"), over(AlertState::Cleared, 10, 22, None, "load")],
        true,
    )
    .alerts;
    assert_eq!(fired[0].worst, Some(f64::INFINITY));
}

#[test]
fn what_is_about_the_last_phase_fires_to_the_end_of_the_run() {
    for (until_s, at_end) in [(250, false), (299, true)] {
        let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, 4)]));
        run.start(1, 0);
        run.push_user(1, 0, answer(200 * SEC, SEC, &[]));
        run.diary.push(Diary::Alert(line("slow", AlertState::Firing, 100, "load")));
        run.diary.push(Diary::Alert(over(AlertState::Ended, 100, until_s, Some(1.1), "load")));
        run.finish(1, 299 * SEC);
        run.diary.push(Diary::RunEnded { at_ns: 300 * SEC });
        assert_eq!(run.summary().alerts[0].at_end, at_end, "{until_s}");
    }
}

#[test]
fn the_worst_of_what_is_unusual_is_farthest_from_its_limit() {
    let metric: MetricName = "power.mean".parse().expect("a metric");
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, 4)]));
    run.plan.alerts = vec![PlannedAlert {
        name: "power".to_owned(),
        source: AlertSource::Default,
        trigger: Trigger::Unusual(metric),
        hold: std::time::Duration::ZERO,
        window: std::time::Duration::from_secs(30),
        cooldown: std::time::Duration::from_secs(60),
        severity: Severity::Warn,
        scopes: Vec::new(),
        endpoint: None,
    }];
    run.start(1, 0);
    let low = |of: Alert| Alert { alert: "power".to_owned(), metric: Some(metric), ..of };
    let fires = Alert {
        value: Some(200.0),
        threshold: Some(220.0),
        ..low(line("power", AlertState::Firing, 10, "load"))
    };
    run.diary.push(Diary::Alert(fires));
    run.diary.push(Diary::Alert(low(over(AlertState::Cleared, 10, 20, Some(60.0), "load"))));
    run.diary.push(Diary::RunEnded { at_ns: 300 * SEC });
    assert_eq!(run.summary().alerts[0].worst, Some(60.0));
}

#[test]
fn what_happens_once_does_not_last() {
    let crash = Alert {
        metric: None,
        value: None,
        threshold: None,
        scope: None,
        why: Some("service `server` ended with status 1".to_owned()),
        ..line("crash", AlertState::Firing, 5, "load")
    };
    let fired = summary(vec![crash], true).alerts;
    assert_eq!((fired[0].times, fired[0].firing_s, fired[0].worst), (1, None, None));
    assert_eq!(fired[0].whys, ["service `server` ended with status 1"]);
}
