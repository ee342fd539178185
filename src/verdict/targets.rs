//! What the evidence says of each target.

mod energy;

use std::cmp::Ordering;

use crate::{
    catalog::{Kind, Metric, MetricName, Statistic},
    config::{Bound, Severity},
    metrics::{
        COVERED, Distribution, JudgedOn, Observed, Recovery, Scope, Summary, adds_up, observed, scope_key,
    },
    plan::{Plan, PlannedTarget, ScopeKey},
    record::Abort,
    stats::{
        BATCHES, Estimate, beyond_deviations, beyond_mads, bootstrap, dependent_lower_rank,
        dependent_upper_rank, effective, holm, wilson,
    },
    units::{show_count, show_count_of, show_seconds, show_share},
    verdict::{
        Judged, Mark,
        side::{CONFIDENCE, End, Side},
    },
};

/// Judges every target in every scope of it; what decides comes first, and of that the worst.
pub(super) fn judge_targets(plan: &Plan, summary: &Summary) -> Vec<Judged> {
    let mut rows: Vec<Row> = plan
        .targets
        .iter()
        .flat_map(|target| target.scopes.iter().map(move |scope| (target, scope)))
        .map(|(target, key)| Row::new(target, key, summary.scope(&scope_key(plan, key)), summary))
        .collect();
    correct_for_many(&mut rows);
    for row in &mut rows {
        row.end_the_run(summary.abort.as_ref());
    }
    let mut judged: Vec<Judged> = rows.into_iter().map(Row::finish).collect();
    judged.sort_by(worst_first);
    judged
}

/// A row with what the correction for many targets needs.
struct Row {
    judged: Judged,
    /// What its note is made of.
    notes: Vec<String>,
    /// The tests of its sides; none where it was judged on the value.
    sides: Vec<Side>,
    /// Requests per value of its sample: 1 but for pooled gaps.
    requests_per_value: f64,
}

impl Row {
    fn new(target: &PlannedTarget, key: &ScopeKey, scope: Option<&Scope>, summary: &Summary) -> Self {
        let (abort, observed) = (summary.abort.as_ref(), &summary.observed);
        let judged = Judged {
            name: target.name.clone(),
            metric: target.metric,
            scope: key.clone(),
            bound: target.bound,
            severity: target.severity,
            from_preset: target.from_preset,
            value: None,
            interval: None,
            samples: 0,
            mark: Mark::Inconclusive,
            needs: None,
            note: String::new(),
        };
        let mut row = Self { judged, notes: Vec::new(), sides: Vec::new(), requests_per_value: 1.0 };
        let MetricName { metric, statistic } = target.metric;
        if metric.is_energy() {
            row.judge_energy(scope, observed);
        } else if metric.kind() == Kind::Reading {
            row.judge_observations(scope, observed);
        } else if let Some(scope) = scope {
            match (scope.series.get(&metric), statistic.and_then(Statistic::quantile)) {
                (Some(series), Some(quantile)) => row.judge_percentile(scope, series, quantile),
                (None, Some(_)) => {}
                (_, None) => match scope.counts.counted(metric) {
                    Some(hits) => {
                        let known = (scope.counts.due, hits);
                        let ended = abort.filter(|abort| row.was_ended_by(abort));
                        let (due, hits) =
                            ended.and_then(|abort| decided(target.bound, abort)).unwrap_or(known);
                        row.judge_share(due, hits);
                    }
                    None => row.judge_value(scope),
                },
            }
            if metric == Metric::SpikeRecovery {
                row.hold_untold_spikes_against(scope);
            }
        }
        row
    }

    fn finish(mut self) -> Judged {
        self.judged.note = if self.notes.is_empty() { "no data".to_owned() } else { self.notes.join("; ") };
        self.judged
    }

    /// What ended the run has failed by what was known then, whatever requests came in or were cut off after it.
    fn end_the_run(&mut self, abort: Option<&Abort>) {
        if let Some(abort) = abort.filter(|abort| self.was_ended_by(abort)) {
            self.judged.mark = Mark::Fail;
            self.judged.needs = None;
            self.note(format!(
                "ended the run with {} of {} beyond the limit",
                show_count(abort.beyond),
                show_count_of(abort.requests, "issued request"),
            ));
        }
    }

    /// Whether it was this row that ended the run.
    fn was_ended_by(&self, abort: &Abort) -> bool {
        abort.target == self.judged.name && abort.scope == self.judged.scope
    }

    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    fn judge_percentile(&mut self, scope: &Scope, series: &Distribution, quantile: f64) {
        let values = series.count() + series.failed;
        if values == 0 {
            return;
        }
        let time = self.judged.metric.statistic.map_or(1.0, |statistic| series.dependence.time(statistic));
        let bound_at =
            |rank: Option<u64>, none: f64| rank.and_then(|rank| series.judged_at_rank(rank)).unwrap_or(none);
        let judged = &mut self.judged;
        judged.value = judged.metric.statistic.and_then(|statistic| series.judged(statistic));
        judged.interval = Some((
            bound_at(dependent_lower_rank(values, time, quantile, CONFIDENCE), f64::NEG_INFINITY),
            bound_at(dependent_upper_rank(values, time, quantile, CONFIDENCE), f64::INFINITY),
        ));
        let metric = judged.metric;
        self.decide(|end| {
            let beyond = match end {
                End::Low(limit) => leading(series, values, |value| value < limit),
                End::High(limit) => values - leading(series, values, |value| value <= limit),
            };
            Side::new(metric, end, values, beyond).dependent(time)
        });
        let judged = &mut self.judged;
        if judged.metric.metric == Metric::Itl {
            judged.samples = scope.counts.due;
            self.requests_per_value = scope.counts.due as f64 / values as f64;
            self.note(format!("exact order statistics of {}", show_count_of(values, "pooled gap")));
            self.note(
                "those of one stream are not independent, so the interval is narrower than it should be",
            );
        } else {
            judged.samples = values;
            self.note(format!("exact order statistics of {}", show_count_of(values, metric.metric.noun())));
            if time > 1.0 {
                let worth = show_count(effective(values, time));
                self.note(format!("neighbours hang together, so that they are worth {worth}"));
            }
        }
        if series.failed > 0 {
            let what = if series.whole { "were not recovered from" } else { "failed" };
            self.note(format!("{} {what}, at the bad end", show_count(series.failed)));
        }
        self.say_what_is_missing();
    }

    /// A share of the requests due.
    fn judge_share(&mut self, due: u64, hits: u64) {
        if due == 0 {
            return;
        }
        self.judged.samples = due;
        self.judged.value = Some(hits as f64 / due as f64);
        self.judged.interval = wilson(due, hits, CONFIDENCE);
        let metric = self.judged.metric;
        self.decide(|end| {
            let beyond = match end {
                End::Low(_) => due - hits,
                End::High(_) => hits,
            };
            Side::new(metric, end, due, beyond)
        });
        self.note(format!("Wilson bounds of {}", show_count_of(due, "request")));
        self.say_what_is_missing();
    }

    /// Sets the sides that the bound has, one for each end, and the mark that they come to.
    fn decide(&mut self, side: impl Fn(End) -> Side) {
        self.sides = End::of(self.judged.bound).map(side).collect();
        self.judged.mark = self.sides.iter().map(|side| side.mark()).min().unwrap_or(Mark::Inconclusive);
    }

    fn say_what_is_missing(&mut self) {
        if self.judged.mark != Mark::Inconclusive {
            return;
        }
        let floor = self.sides.iter().filter_map(|side| side.floor()).max();
        if let Some(floor) = floor
            && self.sides.iter().any(|side| side.values < floor)
        {
            self.note(format!("at least {} are needed", show_count(floor)));
        }
        self.ask_for_more(CONFIDENCE);
    }

    /// Fills in how many more requests would settle every side that is open.
    fn ask_for_more(&mut self, confidence: f64) {
        let open = self.sides.iter().filter(|side| side.mark() != Mark::Pass);
        let values: Option<Vec<u64>> = open.map(|side| side.needs(confidence)).collect();
        let most = values.and_then(|values| values.into_iter().max());
        self.judged.needs =
            most.map(|values| (values as f64 * self.requests_per_value).ceil().max(1.0) as u64);
        if self.judged.needs.is_none() {
            let noun = self.judged.metric.metric.noun();
            self.note(format!("too near the limit for any number of {noun}s to settle"));
        }
    }

    /// A mean or a rate, by the means of batches.
    fn judge_mean(&mut self, scope: &Scope, value: f64) {
        let MetricName { metric, statistic } = self.judged.metric;
        let estimate = match statistic {
            Some(_) => scope.series.get(&metric).and_then(|series| series.dependence.mean),
            None => scope.estimates.get(&metric).copied(),
        };
        let samples = self.judged.samples;
        let Some(estimate) = estimate.map(|estimate| Estimate { mean: value, ..estimate }) else {
            self.note(format!("a mean needs {BATCHES} {}s for an interval", metric.noun()));
            self.judged.needs = (BATCHES as u64).checked_sub(samples).filter(|needs| *needs > 0);
            return;
        };
        let half = estimate.half_width(CONFIDENCE);
        self.judged.interval = Some((value - half, value + half));
        self.decide(|end| Side::of_mean(estimate, end, samples));
        let what = if statistic.is_some() { "batches" } else { "slices of the window" };
        self.note(format!("Student's bounds of the means of {BATCHES} {what}"));
        self.say_what_is_missing();
    }

    /// A share of spikes, whose limit follows from the values themselves: by the bootstrap, and no surer than a share of so many
    /// requests can be.
    fn judge_spikes(&mut self, scope: &Scope, value: f64) {
        let judged = &mut self.judged;
        let Some(e2e) = scope.series.get(&Metric::E2e) else { return };
        let share = if judged.metric.metric == Metric::SpikeRate { beyond_deviations } else { beyond_mads };
        let drawn = bootstrap(&e2e.in_order, CONFIDENCE, |sample| {
            sample.sort_unstable_by(f64::total_cmp);
            share(sample)
        });
        let samples = judged.samples;
        let hits = (value * samples as f64).round() as u64;
        let Some(((low, high), (least, most))) = drawn.zip(wilson(samples, hits, CONFIDENCE)) else { return };
        let bounds = (low.min(least).max(0.0), high.max(most).min(1.0));
        judged.interval = Some(bounds);
        self.decide(|end| Side::of_bounds(value, bounds, end, samples));
        self.note(format!("bootstrap of {}", show_count_of(samples, "request")));
        self.say_what_is_missing();
    }

    /// What is neither a percentile nor a share of the requests due; extremes and costs are judged on the value alone.
    fn judge_value(&mut self, scope: &Scope) {
        let judged = &mut self.judged;
        let MetricName { metric, statistic } = judged.metric;
        judged.samples = samples(scope, metric);
        judged.value = scope.value(metric, statistic);
        match judged.value {
            Some(_) if metric == Metric::SpikeRecovery && statistic == Some(Statistic::Max) => {
                self.judge_worst_recovery(scope);
            }
            // no number of spikes makes up for one that was not recovered from
            Some(value) if judged.metric.is_mean() && value.is_finite() => self.judge_mean(scope, value),
            Some(value) if matches!(metric, Metric::SpikeRate | Metric::SpikeRateMad) => {
                self.judge_spikes(scope, value);
            }
            Some(value) => self.judge_fact(value),
            // a server that answered nothing has met no latency and no speed
            None if metric.kind() != Kind::Share && scope.counts.due > 0 && scope.counts.ok() == 0 => {
                judged.samples = scope.counts.due;
                judged.mark = Mark::Fail;
                self.note("every request failed");
            }
            None => {}
        }
    }
}

impl Row {
    /// A value that stands for itself.
    fn judge_fact(&mut self, value: f64) {
        let held = match self.judged.bound {
            Bound::AtLeast(limit) => value >= limit,
            Bound::AtMost(limit) => value <= limit,
            Bound::Between(low, high) => (low..=high).contains(&value),
        };
        self.judged.mark = if held { Mark::Pass } else { Mark::Fail };
        self.note("judged on the value; no interval");
    }

    /// What was read in the window is a fact of this window: nothing is estimated. Of several subjects the worst counts, or their sum
    /// where they add up. What was not read decides nothing (check 7).
    fn judge_observations(&mut self, scope: Option<&Scope>, all: &Observed) {
        let MetricName { metric, statistic } = self.judged.metric;
        let Some(quantity) = metric.quantity() else { return };
        let at_least = matches!(self.judged.bound, Bound::AtLeast(_));
        let read = scope.map(|scope| scope.observations.as_slice()).unwrap_or_default();
        // between two limits both ends count, so that the highest and the lowest have to hold
        let ends: Vec<JudgedOn<'_>> = [at_least, !at_least]
            .into_iter()
            .take(if matches!(self.judged.bound, Bound::Between(..)) { 2 } else { 1 })
            .filter_map(|at_least| observed(read, quantity, statistic, at_least))
            .collect();
        let Some(first) = ends.first() else {
            let of_it = read.iter().filter(|read| read.quantity == quantity && read.covered < COVERED);
            let partly = of_it.map(|read| read.covered);
            match partly.reduce(f64::max) {
                Some(covered) => self.note(format!(
                    "it was read for {} of the window, and {} is needed",
                    show_share(covered),
                    show_share(COVERED)
                )),
                None => self.note_unread(all),
            }
            return;
        };
        let worst = match self.judged.bound {
            Bound::Between(low, high) => {
                let outside = |judged: &&JudgedOn<'_>| !(low..=high).contains(&judged.value);
                ends.iter().find(outside).unwrap_or(first)
            }
            _ => first,
        };
        self.judged.value = Some(worst.value);
        self.judged.samples = worst.of.readings;
        self.judge_fact(worst.value);
        if !worst.lacking.is_empty() && !self.holds_with_more(worst.value, adds_up(quantity)) {
            self.judged.mark = Mark::Inconclusive;
        }
        if worst.subjects > 1 {
            self.note(if adds_up(quantity) {
                format!("the sum of {} subjects", worst.subjects)
            } else {
                format!("{}, the worst of {}", worst.of.subject, worst.subjects)
            });
        }
        self.note(format!("{} by `{}`", worst.of.class.name(), worst.of.sensor.name()));
        if worst.of_other_classes > 0 {
            self.note(format!(
                "{} read in another class not added",
                show_count_of(worst.of_other_classes as u64, "subject")
            ));
        }
        for lacking in &worst.lacking {
            self.note(format!(
                "without {}, read for {} of the window",
                lacking.subject,
                show_share(lacking.covered)
            ));
        }
    }

    /// Whether the mark is the same whatever was lacking: a sum would be no lower with it, and the worst no better.
    fn holds_with_more(&self, value: f64, adds_up: bool) -> bool {
        match (self.judged.mark, self.judged.bound) {
            (Mark::Fail, _) if !adds_up => true,
            (Mark::Fail, Bound::AtMost(_)) => true,
            (Mark::Fail, Bound::Between(_, high)) => value > high,
            (Mark::Pass, Bound::AtLeast(_)) => adds_up,
            _ => false,
        }
    }

    fn note_unread(&mut self, all: &Observed) {
        let why = all.why_unread(self.judged.metric.metric);
        self.note(if why.is_empty() {
            "it was not read".to_owned()
        } else {
            format!("it was not read: {why}")
        });
    }

    /// The worst of the spikes that there were, each known to the gap between two requests: all of them were seen, so nothing is
    /// estimated but by that.
    fn judge_worst_recovery(&mut self, scope: &Scope) {
        let told = scope.spikes.iter().filter_map(|spike| spike.recovery);
        let worst = |end: fn(Recovery) -> f64| told.clone().map(end).fold(0.0, f64::max);
        let (least, most) = (worst(|recovery| recovery.least_s), worst(|recovery| recovery.most_s));
        let (spikes, lasted) =
            (told.clone().count() as u64, told.clone().filter(|of| !of.happened()).count());
        self.judged.samples = spikes;
        self.judged.interval = Some((least, most));
        let marks = End::of(self.judged.bound).map(|end| match end {
            End::High(limit) if most <= limit => Mark::Pass,
            // one that did not end is a miss, however short it was watched
            End::High(limit) if least > limit || most.is_infinite() => Mark::Fail,
            End::Low(limit) if least >= limit => Mark::Pass,
            End::Low(limit) if most < limit => Mark::Fail,
            End::High(_) | End::Low(_) => Mark::Inconclusive,
        });
        self.judged.mark = marks.min().unwrap_or(Mark::Inconclusive);
        self.note(match spikes {
            1 => "the only spike".to_owned(),
            _ => format!("the worst of {} spikes", show_count(spikes)),
        });
        if lasted > 0 {
            let watched = told.clone().filter(|of| !of.happened()).map(|of| of.least_s).fold(0.0, f64::max);
            let watched = show_seconds(watched);
            self.note(match (spikes, lasted) {
                (1, _) => format!("not recovered from within {watched}"),
                _ => format!("{lasted} of them not recovered from within {watched}"),
            });
        }
        match self.judged.mark {
            Mark::Inconclusive if lasted == 0 => self.note("the limit lies in the gap between two requests"),
            Mark::Pass if !matches!(self.judged.bound, Bound::AtLeast(_)) => {
                let unseen = 1.0 - (1.0 - CONFIDENCE).powf(1.0 / spikes as f64);
                self.note(format!("of spikes to come up to {} may still take longer", show_share(unseen)));
            }
            Mark::Inconclusive | Mark::Pass | Mark::Fail => {}
        }
    }

    /// A spike of which nothing tells how long it was felt may have been felt too long.
    fn hold_untold_spikes_against(&mut self, scope: &Scope) {
        let untold = scope.spikes.iter().filter(|spike| spike.recovery.is_none()).count() as u64;
        if untold == 0 {
            return;
        }
        self.judged.mark = self.judged.mark.min(Mark::Inconclusive);
        let of = show_count_of(scope.spikes.len() as u64, "spike");
        self.note(format!("{} of {of}: too few requests before or after to tell", show_count(untold)));
    }
}

/// The requests of a share, and those of them that it counts, by which its target ended the run: what was cut off then
/// counts nowhere, so what had ended by then is worse than the whole. `None` where it is not known which end was missed.
fn decided(bound: Bound, abort: &Abort) -> Option<(u64, u64)> {
    match bound {
        Bound::AtMost(_) => Some((abort.requests, abort.beyond)),
        Bound::AtLeast(_) => Some((abort.requests, abort.requests.saturating_sub(abort.beyond))),
        Bound::Between(..) => None,
    }
}

/// How many of so many ascending values, failures among them, come before the first for which this does not hold.
fn leading(series: &Distribution, values: u64, holds: impl Fn(f64) -> bool) -> u64 {
    let (mut low, mut high) = (0, values);
    while low < high {
        let middle = low + (high - low) / 2;
        if series.judged_at_rank(middle + 1).is_some_and(&holds) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// The requests behind a number that is judged on its value.
fn samples(scope: &Scope, metric: Metric) -> u64 {
    let series = |metric: Metric| scope.series.get(&metric).map_or(0, Distribution::count);
    match (metric, metric.kind()) {
        (Metric::SpikeRate | Metric::SpikeRateMad, _) => series(Metric::E2e),
        (Metric::Itl, _) => scope.counts.ok(),
        (_, Kind::Series) => series(metric),
        (_, Kind::Rate) => scope.counts.completed_in_window,
        (_, Kind::Share) => scope.counts.due,
        (_, Kind::Reading) => 0,
    }
}

/// Holm's correction of FAIL over all judged rows that have a test: without it one sound target in twenty would fail
/// a build by chance. PASS needs none, since exit 0 needs every target.
fn correct_for_many(rows: &mut [Row]) {
    let family: Vec<usize> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.judged.severity == Severity::Fail && !row.sides.is_empty())
        .map(|(index, _)| index)
        .collect();
    let p_values: Vec<f64> = family
        .iter()
        .map(|index| rows[*index].sides.iter().map(|side| side.p_value()).fold(1.0, f64::min))
        .collect();
    let alpha = 1.0 - CONFIDENCE;
    for (index, rejected) in family.iter().zip(holm(&p_values, alpha)) {
        let row = &mut rows[*index];
        if row.judged.mark == Mark::Fail && !rejected {
            row.judged.mark = Mark::Inconclusive;
            row.note(format!(
                "beyond the limit at {}, but not after Holm's correction over {} rows",
                show_share(CONFIDENCE),
                family.len(),
            ));
            row.ask_for_more(1.0 - alpha / family.len() as f64);
        }
    }
}

/// By severity, so that what decides stands above what is shown for information; then fail before inconclusive before
/// pass; then the farthest beyond its limit.
fn worst_first(left: &Judged, right: &Judged) -> Ordering {
    let severity = |judged: &Judged| match judged.severity {
        Severity::Fail => 0,
        Severity::Warn => 1,
        Severity::Info => 2,
    };
    (severity(left), left.mark)
        .cmp(&(severity(right), right.mark))
        .then_with(|| excess(right).total_cmp(&excess(left)))
}

/// How far the value lies beyond the limit, relative to the limit; below 0 within it, infinite without data.
fn excess(judged: &Judged) -> f64 {
    let Some(value) = judged.value else { return f64::INFINITY };
    let over = |distance: f64, limit: f64| if distance == 0.0 { 0.0 } else { distance / limit.abs() };
    match judged.bound {
        Bound::AtMost(limit) => over(value - limit, limit),
        Bound::AtLeast(limit) => over(limit - value, limit),
        Bound::Between(low, high) => over(low - value, low).max(over(value - high, high)),
    }
}
