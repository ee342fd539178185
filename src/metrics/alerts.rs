//! What alerts told while a run went on.

use indexmap::IndexMap;

use crate::{
    catalog::MetricName,
    config::Severity,
    plan::{Plan, PlannedAlert, ScopeKey, Trigger},
    record::{Alert, AlertState, Diary, Subject},
};

/// An alert that fired, over all the times that it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Fired {
    /// Its name.
    pub name: String,
    /// What it means.
    pub severity: Severity,
    /// What it watched, in words.
    pub condition: String,
    /// The metric; `None` where it was about none.
    pub metric: Option<MetricName>,
    /// The limit, of two that which was passed first; `None` where there is none.
    pub threshold: Option<f64>,
    /// Where it fired, each place once; none for the run as a whole.
    pub scopes: Vec<ScopeKey>,
    /// What was read, where it was about readings: of the first time.
    pub subject: Option<Subject>,
    /// What happened, where no value says it: each time.
    pub whys: Vec<String>,
    /// How many times it fired.
    pub times: u64,
    /// When first, in seconds since the start of the run.
    pub first_s: f64,
    /// For how long in all, in seconds, wherever it did; `None` where what happened does not last.
    pub firing_s: Option<f64>,
    /// The worst value, in the metric's base unit; infinite where too many requests failed to have one, `None` where there is no value.
    pub worst: Option<f64>,
    /// Whether it still fired when the run ended.
    pub at_end: bool,
}

/// The alerts that fired: what means most first, and of that what fired first. A run that was killed says of some of them no end, which
/// then is its last moment: that of the last answer, or the last that the diary tells.
pub(super) fn fired(plan: &Plan, diary: &[Diary], last_ns: u64) -> Vec<Fired> {
    let mut fired: IndexMap<&str, Fired> = IndexMap::new();
    let mut open: Vec<&Alert> = Vec::new();
    let (mut run_ended, mut last_step_ns, mut last_ns) = (false, None, last_ns);
    for line in diary {
        match line {
            Diary::RunEnded { .. } => run_ended = true,
            Diary::StepEnded { at_ns, .. } => last_step_ns = last_step_ns.max(Some(*at_ns)),
            Diary::Generator(line) => last_ns = last_ns.max(line.at_ns),
            _ => {}
        }
    }
    // what is about a phase ends with it, which may be the last
    let until_the_end = |at_ns: u64| run_ended && last_step_ns.is_none_or(|last_ns| at_ns >= last_ns);
    let lines =
        diary.iter().filter_map(|line| if let Diary::Alert(alert) = line { Some(alert) } else { None });
    for line in lines {
        let planned = plan.alerts.iter().find(|alert| alert.name == line.alert);
        let entry = fired.entry(&line.alert).or_insert_with(|| Fired::of(line, planned));
        match line.state {
            AlertState::Firing => {
                entry.times += 1;
                entry.whys.extend(line.why.clone());
                if let Some(scope) = line.scope.as_ref().filter(|scope| !entry.scopes.contains(scope)) {
                    entry.scopes.push(scope.clone());
                }
                if line.metric.is_some() {
                    // without a value it is that of requests that failed
                    entry.take(planned, Some(line.value.unwrap_or(f64::INFINITY)));
                    open.push(line);
                }
            }
            AlertState::Cleared | AlertState::Ended => {
                open.retain(|of| (&of.alert, &of.scope) != (&line.alert, &line.scope));
                if line.metric.is_some() {
                    entry.take(planned, Some(line.worst.unwrap_or(f64::INFINITY)));
                }
                entry.lasts(line.since_ns, line.at_ns);
                entry.at_end |= line.state == AlertState::Ended && until_the_end(line.at_ns);
            }
        }
    }
    for line in open {
        if let Some(entry) = fired.get_mut(line.alert.as_str()) {
            entry.lasts(line.at_ns, last_ns.max(line.at_ns));
            entry.at_end = true;
        }
    }
    let mut fired: Vec<Fired> = fired.into_values().collect();
    fired.sort_by_key(|fired| match fired.severity {
        Severity::Fail => 0,
        Severity::Warn => 1,
        Severity::Info => 2,
    });
    fired
}

impl Fired {
    fn of(line: &Alert, planned: Option<&PlannedAlert>) -> Self {
        Self {
            name: line.alert.clone(),
            severity: line.severity,
            condition: planned.map(PlannedAlert::in_words).unwrap_or_default(),
            metric: line.metric,
            threshold: line.threshold,
            scopes: Vec::new(),
            subject: line.subject.clone(),
            whys: Vec::new(),
            times: 0,
            first_s: line.at_ns as f64 / 1e9,
            firing_s: None,
            worst: None,
            at_end: false,
        }
    }

    fn take(&mut self, planned: Option<&PlannedAlert>, value: Option<f64>) {
        let Some(value) = value else { return };
        let limit = self.threshold;
        let worse = |one: f64| match (planned.map(|alert| alert.trigger), limit) {
            (Some(Trigger::Limit(condition)), _) => condition.is.worse(one, value),
            // it may be unusually low, too
            (Some(Trigger::Unusual(_)), Some(limit)) if (one - limit).abs() >= (value - limit).abs() => one,
            (Some(Trigger::Unusual(_)), Some(_)) => value,
            _ => one.max(value),
        };
        self.worst = Some(self.worst.map_or(value, worse));
    }

    fn lasts(&mut self, from_ns: u64, to_ns: u64) {
        *self.firing_s.get_or_insert(0.0) += to_ns.saturating_sub(from_ns) as f64 / 1e9;
    }
}
