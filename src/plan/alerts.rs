//! What is watched while a run goes on: the alerts of a scenario, and those that are there without being written.

use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    LoadStep, Pattern, Plan, ScopeKey,
    targets::{known, share_that_carries},
};
use crate::{
    catalog::{Kind, Metric, MetricName, Quantity, Statistic},
    config::{self, Beyond, Bound, Condition, OPTIMUM, Scenario, Severity, is_live},
    units::{Seconds, write_duration},
};

/// An alert with the places where it is watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedAlert {
    /// Its name in the file; of one that nobody wrote that of the target that it follows from, or of what it watches.
    pub name: String,
    /// Where it comes from.
    pub source: AlertSource,
    /// What makes it fire.
    pub trigger: Trigger,
    /// For how long that must be so.
    #[serde(rename = "for_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub hold: Duration,
    /// The sliding window over which the metric is taken.
    #[serde(rename = "window_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub window: Duration,
    /// The shortest time from one firing to the next.
    #[serde(rename = "cooldown_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub cooldown: Duration,
    /// What it means.
    pub severity: Severity,
    /// Where it is watched, each place by itself; empty for the whole run, as only readings and crashes are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<ScopeKey>,
    /// Whose server it is about; only of readings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// Where an alert comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertSource {
    /// The scenario has it.
    Scenario,
    /// A target of the scenario: it fires where the window alone would miss that.
    Target,
    /// It is always there.
    Default,
}

/// What makes an alert fire.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A metric beyond a limit.
    Limit(Condition),
    /// A reading far from what it was before in the same step: more than six times its usual spread (median absolute deviation, as
    /// a standard deviation), and more than a quarter of its usual value.
    Unusual(MetricName),
    /// A program that serves an endpoint ended, and nobody had asked it to.
    Crash,
}

impl Trigger {
    /// The metric that it is about.
    pub fn metric(self) -> Option<MetricName> {
        match self {
            Self::Limit(condition) => Some(condition.metric),
            Self::Unusual(metric) => Some(metric),
            Self::Crash => None,
        }
    }
}

impl std::fmt::Display for Trigger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Limit(condition) => condition.fmt(f),
            Self::Unusual(metric) => write!(f, "{metric} unlike before"),
            Self::Crash => f.write_str("a server ended"),
        }
    }
}

impl PlannedAlert {
    /// What it watches, in a line: `ttft.p95 > 800 ms over 30s, for 10s`.
    pub fn in_words(&self) -> String {
        let mut words = self.trigger.to_string();
        if self.trigger != Trigger::Crash {
            words.extend([" over ", &write_duration(self.window)]);
        }
        if !self.hold.is_zero() {
            words.extend([", for ", &write_duration(self.hold)]);
        }
        words
    }
}

/// The window of an alert that nobody wrote.
const WINDOW: Duration = Duration::from_secs(30);
/// How long what a target limits has to be missed: single windows are noise.
const HOLD: Duration = Duration::from_secs(10);
/// The cooldown of an alert that nobody wrote.
const COOLDOWN: Duration = Duration::from_secs(60);

/// Processor time, as a share, that leaves no room for anything else.
const CPU_HIGH: f64 = 0.95;
/// Memory in use, as a share, near its limit.
const MEMORY_HIGH: f64 = 0.95;
/// The same of a GPU's: servers take nine tenths of it by intent.
const GPU_MEMORY_HIGH: f64 = 0.97;
/// Share of the time in which heat or power slow a GPU down, above which its numbers are those of another one.
const THROTTLED: f64 = 0.1;
/// Share of failed requests that is no accident any more, as the analysis has it.
const ERRORS: f64 = 0.05;
/// The same of those that timed out.
const TIMEOUTS: f64 = 0.01;

/// Everything that is watched: what the scenario wrote, and unless it writes otherwise what follows from its targets and what is always
/// there. Of alerts of one name the first in that order holds.
pub(super) fn place(scenario: &Scenario, plan: &Plan) -> Vec<PlannedAlert> {
    let written = scenario.alerts.iter().map(|(name, alert)| written(name, alert, plan));
    let mut alerts: IndexMap<String, PlannedAlert> =
        written.map(|alert| (alert.name.clone(), alert)).collect();
    if scenario.alerting.defaults {
        for alert in of_targets(plan) {
            alerts.entry(alert.name.clone()).or_insert(alert);
        }
        for mut alert in defaults(plan) {
            // a target may be called so, and be about something else or another phase
            if alerts.get(&alert.name).is_some_and(|other| other.source == AlertSource::Target) {
                alert.name = format!("default_{}", alert.name);
            }
            alerts.entry(alert.name.clone()).or_insert(alert);
        }
    }
    alerts.into_values().collect()
}

fn written(name: &str, alert: &config::Alert, plan: &Plan) -> PlannedAlert {
    let metric = alert.when.metric.metric;
    let reading = metric.quantity().is_some();
    PlannedAlert {
        name: name.to_owned(),
        source: AlertSource::Scenario,
        trigger: Trigger::Limit(alert.when),
        hold: alert.hold,
        window: alert.window,
        cooldown: alert.cooldown,
        severity: alert.severity,
        scopes: if reading {
            alert.phase.iter().map(|phase| of_phase(phase, None)).collect()
        } else {
            let (phase, endpoint) = (alert.phase.as_deref(), alert.endpoint.as_deref());
            measured(plan, metric, phase, endpoint, true)
        },
        endpoint: alert.endpoint.clone().filter(|_| reading),
    }
}

fn of_phase(phase: &str, endpoint: Option<&str>) -> ScopeKey {
    ScopeKey { phase: phase.to_owned(), step: None, endpoint: endpoint.map(str::to_owned) }
}

/// The measured phases whose requests have a metric. Levels explore, and are watched only by those who ask for that.
fn measured(
    plan: &Plan,
    metric: Metric,
    phase: Option<&str>,
    endpoint: Option<&str>,
    explored: bool,
) -> Vec<ScopeKey> {
    let mut scopes: Vec<ScopeKey> = plan
        .loads()
        .filter(|(step, load)| {
            load.measure
                && (explored || !load.explores)
                && phase.is_none_or(|phase| phase == step.phase)
                && known(metric, endpoint, load, plan)
                && share_that_carries(metric, endpoint, load, plan) > 0.0
        })
        .map(|(step, _)| of_phase(&step.phase, endpoint))
        .collect();
    scopes.dedup();
    scopes
}

/// What a target limits, told as soon as a window alone would miss it. What only informs is no limit.
fn of_targets(plan: &Plan) -> Vec<PlannedAlert> {
    let judging = plan.targets.iter().filter(|target| target.severity != Severity::Info);
    let watched = judging.filter(|target| is_live(target.metric.metric)).filter_map(|target| {
        let optimum = |scope: &&ScopeKey| scope.step.as_deref() == Some(OPTIMUM);
        // of a ramp no window has the speed of the whole
        let rate = target.metric.metric.kind() == Kind::Rate;
        let even = |scope: &&ScopeKey| {
            !rate || plan.loads().all(|(step, load)| step.phase != scope.phase || !changes_by_plan(load))
        };
        let watched = target.scopes.iter().filter(|scope| !optimum(scope)).filter(even);
        let scopes: Vec<ScopeKey> = watched.cloned().collect();
        let is = match target.bound {
            Bound::AtLeast(limit) => Beyond::Below(limit),
            Bound::AtMost(limit) => Beyond::Above(limit),
            Bound::Between(low, high) => Beyond::Outside(low, high),
        };
        let trigger = Trigger::Limit(Condition { metric: target.metric, is });
        let endpoint = scopes.first().and_then(|scope| scope.endpoint.clone());
        let reading = target.metric.metric.quantity().is_some();
        (!scopes.is_empty()).then(|| PlannedAlert {
            name: target.name.clone(),
            source: AlertSource::Target,
            trigger,
            hold: HOLD,
            window: window_of(trigger, plan),
            cooldown: COOLDOWN,
            severity: Severity::Warn,
            endpoint: endpoint.filter(|_| reading),
            scopes,
        })
    });
    watched.collect()
}

/// What is always watched: failures, the machine, and whether servers are still there.
fn defaults(plan: &Plan) -> Vec<PlannedAlert> {
    let alert = |name: &str, trigger: Trigger, hold: Duration, scopes: Vec<ScopeKey>| PlannedAlert {
        name: name.to_owned(),
        source: AlertSource::Default,
        trigger,
        hold,
        window: window_of(trigger, plan),
        cooldown: COOLDOWN,
        severity: Severity::Warn,
        scopes,
        endpoint: None,
    };
    let mut alerts = Vec::new();
    for (name, metric, limit) in
        [("error_rate", Metric::ErrorRate, ERRORS), ("timeout_rate", Metric::TimeoutRate, TIMEOUTS)]
    {
        // where a target says what is allowed, that holds
        let targets = plan.targets.iter().filter(|target| target.metric.metric == metric);
        let judged: Vec<&ScopeKey> = targets
            .filter(|target| target.severity != Severity::Info)
            .flat_map(|target| &target.scopes)
            .filter(|scope| scope.endpoint.is_none())
            .collect();
        let mut scopes = measured(plan, metric, None, None, false);
        scopes.retain(|scope| !judged.iter().any(|judged| judged.phase == scope.phase));
        if !scopes.is_empty() {
            alerts.push(alert(name, above(metric, None, limit), Duration::ZERO, scopes));
        }
    }
    if plan.monitoring.enabled {
        let mean = |quantity, limit| above(Metric::Reading(quantity), Some(Statistic::Mean), limit);
        let power = MetricName { metric: Metric::Reading(Quantity::Power), statistic: Some(Statistic::Mean) };
        for (name, trigger, hold) in [
            ("system_memory", mean(Quantity::SystemMemory, MEMORY_HIGH), Duration::ZERO),
            ("gpu_memory", mean(Quantity::GpuMemoryUtilization, GPU_MEMORY_HIGH), Duration::ZERO),
            ("cpu", mean(Quantity::CpuUtilization, CPU_HIGH), WINDOW),
            ("gpu_throttled", mean(Quantity::GpuThrottled, THROTTLED), Duration::ZERO),
            ("power", Trigger::Unusual(power), HOLD),
        ] {
            // of a load that is somebody else's nothing is usual
            if plan.watches() && matches!(trigger, Trigger::Unusual(_)) {
                continue;
            }
            alerts.push(alert(name, trigger, hold, Vec::new()));
        }
    }
    if plan.monitoring.enabled || !plan.services.is_empty() {
        alerts.push(alert("crash", Trigger::Crash, Duration::ZERO, Vec::new()));
    }
    alerts
}

fn above(metric: Metric, statistic: Option<Statistic>, limit: f64) -> Trigger {
    Trigger::Limit(Condition { metric: MetricName { metric, statistic }, is: Beyond::Above(limit) })
}

/// The window of an alert that nobody wrote: long enough for a few readings.
fn window_of(trigger: Trigger, plan: &Plan) -> Duration {
    let quantity = trigger.metric().and_then(|metric| metric.metric.quantity());
    quantity.map_or(WINDOW, |quantity| WINDOW.max(interval(quantity, plan) * 3))
}

fn interval(quantity: Quantity, plan: &Plan) -> Duration {
    plan.monitoring.interval_of(quantity)
}

/// Whether a load is another one at another time, so that nothing that follows from it stays as it is.
pub fn changes_by_plan(load: &LoadStep) -> bool {
    match &load.pattern {
        Pattern::Closed { .. } => false,
        Pattern::Open { stages, .. } => !matches!(&stages[..], [only] if only.from == only.to),
        Pattern::Trace { .. } => true,
    }
}

/// Written alerts whose windows will hold too few requests to say anything, by what the plan expects of its open loops.
pub(super) fn warnings(plan: &Plan) -> Vec<String> {
    let written = plan.alerts.iter().filter(|alert| alert.source == AlertSource::Scenario);
    let starved = written.filter_map(|alert| {
        let Trigger::Limit(condition) = alert.trigger else { return None };
        let floor = floor(condition.metric)? as f64;
        // what a closed loop sends, its server decides
        let rates = plan.loads().filter_map(|(step, load)| {
            let scope = alert.scopes.iter().find(|scope| scope.phase == step.phase)?;
            let rate = super::schedule::offered_rate(&load.pattern)?;
            let share =
                share_that_carries(condition.metric.metric, scope.endpoint.as_deref(), load, plan);
            Some((rate * share, step))
        });
        let (rate, step) = rates.min_by(|one, other| one.0.total_cmp(&other.0))?;
        let seconds = alert.window.as_secs_f64();
        (rate > 0.0 && rate * seconds < floor).then(|| {
            let enough = crate::units::seconds_to_duration((floor / rate).ceil()).unwrap_or_default();
            format!(
                "alert `{}`: its window of {} will have about {} requests of `{}`, and `{}` takes {floor} to tell; it will not \
                 fire there\nhelp: set `alerts.{}.window` to {} or more",
                alert.name,
                write_duration(alert.window),
                crate::units::show_number(rate * seconds),
                step.phase,
                condition.metric,
                alert.name,
                write_duration(enough),
            )
        })
    });
    starved.collect()
}

/// The fewest values in a window that say anything of a statistic; `None` where requests are not what is counted. A percentile takes
/// as many as give its tail one.
pub fn floor(metric: MetricName) -> Option<u64> {
    const FEWEST: u64 = 10;
    /// Of shares that lie beyond a spread, which takes more to know.
    const FOR_SPREAD: u64 = 30;
    match metric.metric {
        Metric::SpikeRate | Metric::SpikeRateMad => return Some(FOR_SPREAD),
        Metric::OutputTokensPerSecond | Metric::RequestsPerSecond | Metric::Goodput | Metric::Reading(_) => {
            return None;
        }
        _ => {}
    }
    let tail = metric.statistic.and_then(Statistic::quantile).map(|quantile| 1.0 / (1.0 - quantile));
    // 1 / (1 − 0.95) is a hair above 20
    Some(tail.map_or(FEWEST, |tail| FEWEST.max((tail - 1e-6).ceil() as u64)))
}
