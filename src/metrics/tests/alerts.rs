//! What alerts told, over the whole run.

use super::*;
use crate::{
    config::{Beyond, Condition, Severity},
    plan::{AlertSource, PlannedAlert, Trigger},
    record::{Alert, AlertState},
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
