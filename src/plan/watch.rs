//! The plan of a run that sends nothing: the machine and the servers of a scenario are read for a while.

use std::time::Duration;

use super::{
    Plan, PlannedTarget, ScopeKey, Step, Work,
    compile::{compile_with, ready, step},
    expect::Counts,
};
use crate::{
    catalog::Metric,
    config::{Alert, Scenario, Target},
};

/// The phase that everything is read in.
const MONITORING: &str = "monitoring";

/// The plan that reads what a scenario would use and sends nothing, for so long or until somebody ends it. Endpoints, monitoring,
/// targets on readings and the platform are the scenario's; its phases are not run and its services not started. Without
/// endpoints it is about this machine alone.
pub fn watching(scenario: &Scenario, length: Option<Duration>) -> Plan {
    let mut scenario = scenario.clone();
    scenario.phases.clear();
    scenario.services.clear();
    for endpoint in scenario.endpoints.values_mut() {
        endpoint.service = None;
    }
    (scenario.run.repeats, scenario.run.calibrate) = (1, false);
    scenario.origins.retain(|origin| is_of_use(&origin.path));
    // what a preset asks of answers nobody misses here
    scenario.targets.retain(|_, target| !target.from_preset || is_reading(target));
    let unwatched = take_unwatched(&mut scenario);
    let work = Work::Watch { duration: length };
    let steps = vec![ready(), step(1, MONITORING, MONITORING.to_owned(), vec![0], work)];
    let mut plan = compile_with(&scenario, &mut Counts::default(), steps);
    plan.warnings.extend(unwatched);
    plan
}

/// Takes out the alerts that are about requests or a phase, which there are none of, and says which in a line.
fn take_unwatched(scenario: &mut Scenario) -> Option<String> {
    let is_watched =
        |alert: &Alert| alert.phase.is_none() && matches!(alert.when.metric.metric, Metric::Reading(_));
    let others = scenario.alerts.iter().filter(|(_, alert)| !is_watched(alert));
    let names: Vec<String> = others.map(|(name, _)| format!("`{name}`")).collect();
    scenario.alerts.retain(|_, alert| is_watched(alert));
    let (alerts, are) = if names.len() == 1 { ("alert", "is") } else { ("alerts", "are") };
    (!names.is_empty()).then(|| {
        format!(
            "{alerts} {} {are} not watched: monitoring sends no requests and runs no phases",
            names.join(", ")
        )
    })
}

fn is_reading(target: &Target) -> bool {
    matches!(target.metric.metric, Metric::Reading(_))
}

/// Whether a value of a scenario means anything where nothing is sent.
fn is_of_use(path: &str) -> bool {
    let unused = ["phases", "workloads", "objectives", "services", "defaults", "price"];
    path.split('.').next().is_none_or(|table| !unused.contains(&table))
}

/// Where a target on a reading is judged in a plan that sends nothing; nowhere if it is about a phase of its own.
pub(super) fn place(target: &Target, plan: &Plan) -> Vec<ScopeKey> {
    let reads = is_reading(target) && plan.monitoring.enabled;
    let here = reads && target.phase.is_none() && target.step.is_none();
    let steps = plan.steps.iter().filter(|step| here && step.watches());
    let key =
        |step: &Step| ScopeKey { phase: step.phase.clone(), step: None, endpoint: target.endpoint.clone() };
    steps.map(key).collect()
}

impl Step {
    /// Whether it reads and sends nothing.
    pub fn watches(&self) -> bool {
        matches!(self.work, Work::Watch { .. })
    }
}

impl Plan {
    /// Whether it sends nothing, and what is read is what counts.
    pub fn watches(&self) -> bool {
        self.steps.iter().any(Step::watches)
    }

    /// Whether it goes on until somebody ends it, which is then its end and no interruption.
    pub fn is_open_ended(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.work, Work::Watch { duration: None }))
    }

    /// Why a target is judged nowhere, of a plan that sends nothing.
    pub fn why_unwatched(&self, target: &PlannedTarget) -> String {
        match target.metric.metric {
            Metric::Reading(_) if !self.monitoring.enabled => "nothing is read".to_owned(),
            Metric::Reading(_) => "it is about a phase, and monitoring runs none".to_owned(),
            _ => "monitoring sends no requests".to_owned(),
        }
    }
}
