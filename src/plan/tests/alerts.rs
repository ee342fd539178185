//! What is watched although nobody wrote it, and where.

use std::time::Duration;

use super::super::{
    compile,
    fixture::{bare, closed, mixed, named, open, phase, seconds, target},
    *,
};
use crate::config::{Alert, Beyond, Condition, Scenario, Shape, Stage, Target};

fn written(when: &str, is: Beyond) -> Alert {
    Alert {
        when: Condition { metric: when.parse().expect("a metric"), is },
        hold: Duration::ZERO,
        window: seconds(30),
        cooldown: seconds(60),
        severity: Severity::Warn,
        phase: None,
        endpoint: None,
    }
}

/// Each alert with its condition and the phases that it is watched in.
fn shown(scenario: &Scenario) -> Vec<String> {
    let plan = compile(scenario);
    let line = |alert: &PlannedAlert| {
        let scopes: Vec<String> = alert.scopes.iter().map(ToString::to_string).collect();
        format!("{}: {} [{}]", alert.name, alert.in_words(), scopes.join(", "))
    };
    plan.alerts.iter().map(line).collect()
}

/// A steady phase, a ramp and a ladder.
fn scenario() -> Scenario {
    let mut scenario = bare();
    let stages = vec![Stage { from: 1.0, to: 20.0, over: seconds(60) }];
    scenario.phases = named([
        ("steady", phase(None, Some(60), open(Shape::Rates(vec![4.0])))),
        ("ramp", phase(None, Some(60), open(Shape::Stages(stages)))),
        ("ladder", phase(Some(100), None, closed(&[1, 2, 4]))),
    ]);
    scenario.alerting.defaults = true;
    scenario
}

#[test]
fn what_decides_and_can_be_told_on_the_way_is_watched() {
    let mut scenario = scenario();
    scenario.targets = named([
        ("first_token", target("ttft.p95", Bound::AtMost(0.2))),
        // of a ramp no window says how fast the whole is
        ("speed", target("output_tokens_per_second", Bound::AtLeast(30.0))),
        (
            "spikes",
            Target { phase: Some("steady".to_owned()), ..target("spike_rate", Bound::Between(0.05, 0.15)) },
        ),
        ("errors", Target { phase: Some("steady".to_owned()), ..target("error_rate", Bound::AtMost(0.02)) }),
        ("best", Target { step: Some("optimum".to_owned()), ..target("e2e.p95", Bound::AtMost(2.0)) }),
        ("shown", Target { severity: Severity::Info, ..target("tpot.p95", Bound::AtMost(0.1)) }),
    ]);
    insta::assert_snapshot!(shown(&scenario).join("\n"), @r"
    first_token: ttft.p95 > 200 ms over 30s, for 10s [steady, ramp]
    speed: output_tokens_per_second < 30.0 tok/s over 30s, for 10s [steady]
    spikes: spike_rate outside 5.0 % to 15.0 % over 30s, for 10s [steady]
    errors: error_rate > 2.0 % over 30s, for 10s [steady]
    error_rate: error_rate > 5.0 % over 30s [ramp]
    timeout_rate: timeout_rate > 1.0 % over 30s [steady, ramp]
    system_memory: system.memory.mean > 95.0 % over 30s []
    gpu_memory: gpu_memory_utilization.mean > 97.0 % over 30s []
    cpu: cpu_utilization.mean > 95.0 % over 30s, for 30s []
    gpu_throttled: gpu_throttled.mean > 10.0 % over 30s []
    power: power.mean unlike before over 30s, for 10s []
    crash: a server ended []
    ");
}

#[test]
fn what_is_written_comes_first_and_sees_every_level() {
    let mut scenario = scenario();
    scenario.targets = named([("cpu", target("ttft.p95", Bound::AtMost(0.2)))]);
    scenario.alerts = named([("power", written("e2e.p95", Beyond::AtLeast(2.0)))]);
    let shown = shown(&scenario);
    assert_eq!(shown[0], "power: e2e.p95 >= 2.00 s over 30s [steady, ramp, ladder]");
    assert_eq!(shown[1], "cpu: ttft.p95 > 200 ms over 30s, for 10s [steady, ramp]");
    assert!(shown.iter().any(|line| line.starts_with("default_cpu: cpu_utilization.mean")), "{shown:#?}");
    assert_eq!(shown.iter().filter(|line| line.contains("power")).count(), 1, "{shown:#?}");
}

#[test]
fn nothing_is_watched_that_nobody_wants() {
    let mut scenario = mixed();
    scenario.alerting.defaults = false;
    assert_eq!(compile(&scenario).alerts, []);
    // readings need somebody who reads
    scenario.alerting.defaults = true;
    scenario.monitoring.enabled = false;
    let quantities = compile(&scenario).alerts;
    assert!(
        quantities
            .iter()
            .all(|alert| alert.trigger.metric().is_some_and(|of| of.metric.quantity().is_none()))
    );
}

#[test]
fn monitoring_watches_what_is_read_all_the_time_and_says_what_it_leaves_out() {
    let mut scenario = scenario();
    let in_phase =
        Alert { phase: Some("steady".to_owned()), ..written("system.memory.mean", Beyond::Above(0.5)) };
    scenario.alerts = named([
        ("slow", written("ttft.p95", Beyond::Above(0.8))),
        ("early", in_phase),
        ("memory", written("system.memory.mean", Beyond::Above(0.5))),
    ]);
    let plan = watching(&scenario, None);
    let names: Vec<&str> = plan.alerts.iter().map(|alert| alert.name.as_str()).collect();
    // what is usual of a load that is somebody else's nobody knows
    assert_eq!(names, ["memory", "system_memory", "gpu_memory", "cpu", "gpu_throttled", "crash"]);
    let left_out = "alerts `slow`, `early` are not watched: monitoring sends no requests and runs no phases";
    assert!(plan.warnings.iter().any(|line| line == left_out), "{:?}", plan.warnings);
}

#[test]
fn a_window_that_will_hold_too_little_is_warned_of() {
    let mut scenario = scenario();
    scenario.alerts = named([("tail", written("ttft.p99", Beyond::Above(1.0)))]);
    assert_eq!(compile(&scenario).warnings.iter().filter(|line| line.contains("alert `tail`")).count(), 0);
    scenario.alerts["tail"].window = seconds(10);
    let warnings = compile(&scenario).warnings;
    let warning = warnings.iter().find(|line| line.contains("alert `tail`")).expect("a warning");
    assert!(warning.contains("about 40.0 requests of `steady`, and `ttft.p99` takes 100"), "{warning}");
    assert!(warning.ends_with("help: set `alerts.tail.window` to 25s or more"), "{warning}");
}
