//! Records → [`Summary`].

use std::{collections::BTreeMap, io};

use crate::{
    catalog::Metric,
    metrics::{
        Failure, MAX_POINTS, Point, Scope, Source, Summary,
        alerts::fired,
        cell::{Cell, Setting},
        instrument::Watching,
        notes::notes,
        pressure::pressures,
        recovery::SpikeTimes,
        scopes::{Cells, Part, assemble, scope_key},
        server_counts::Pages,
        survey::{StepSurvey, Survey, survey},
        telemetry::{Collecting, Times},
        timeline::Drawing,
        watched::Watched,
        window::window,
    },
    plan::{Plan, ScopeKey},
    record::{Diary, Outcome, Record},
};

/// Computes all numbers of a run. Pure: the same plan and records give the same summary, live or from disk.
///
/// The error is that of reading, or `InvalidData` where a record names a step or endpoint that the plan lacks.
pub fn summarize(plan: &Plan, source: &dyn Source) -> io::Result<Summary> {
    let survey = survey(plan, source)?;
    let mut window_notes = Vec::new();
    let mut cells: Cells = survey
        .steps
        .iter()
        .map(|(id, step)| {
            let (span, note) = window(step, survey.ending);
            window_notes.extend(note);
            (*id, (span, BTreeMap::new()))
        })
        .collect();

    let spikes: BTreeMap<usize, SpikeTimes> =
        survey.steps.iter().map(|(id, step)| (*id, SpikeTimes::of(step))).collect();
    let mut drawing = Drawing::new(&survey);
    let mut points = Thinning::new(&survey);
    let mut failures = Failures::default();
    let by_name: BTreeMap<&str, usize> =
        plan.endpoints.iter().enumerate().map(|(index, endpoint)| (endpoint.name.as_str(), index)).collect();
    let measured = cells.iter().filter_map(|(id, (span, _))| Some((survey.steps.get(id)?, (*span)?)));
    let mut watching = Watching::new(measured.filter(|(step, _)| step.load.measure));
    source.scan(&mut |record, chunks| {
        watching.add(record, chunks);
        drawing.add(record, chunks, survey.stop);
        // the survey has refused records of unknown steps and endpoints
        let Some(step) = survey.steps.get(&record.step_id) else { return };
        let Some(endpoint) = by_name.get(record.endpoint.as_str()) else { return };
        let Some(spikes) = spikes.get(&record.step_id) else { return };
        let mut counts = false;
        if let Some((Some(span), of_step)) = cells.get_mut(&record.step_id) {
            let cell: &mut Cell = of_step.entry(Part::of(plan, *endpoint, record)).or_default();
            let mut carrier = plan.carrier(&plan.endpoints[*endpoint], step.load);
            carrier.spikes = spikes.contain(record.due_ns);
            let (stop, objectives) = (survey.stop, plan.objectives_of(&plan.endpoints[*endpoint]));
            counts = cell.add(record, chunks, Setting { window: *span, carrier, stop, objectives, spikes });
        }
        if step.load.measure {
            points.add(step, record);
            failures.add(record, counts);
        }
    })?;

    for step in survey.steps.values().filter(|step| step.load.measure) {
        failures.add_unknown(step.account.unknown);
    }
    let keys: BTreeMap<usize, ScopeKey> = survey
        .steps
        .iter()
        .map(|(id, step)| {
            let (phase, step) = (step.step.phase.clone(), Some(step.step.name.clone()));
            (*id, scope_key(plan, &ScopeKey { phase, step, endpoint: None }))
        })
        .collect();
    let watched = Watched::of(plan, source.diary());
    let windows: Vec<_> = cells
        .iter()
        .filter_map(|(id, (span, _))| {
            let measured = survey.steps.get(id)?.load.measure;
            Some((*id, (*span)?, keys.get(id).filter(|_| measured).cloned()))
        })
        .chain(watched.windows())
        .collect();
    let began_ns = survey.steps.values().filter_map(|step| step.started_ns).chain(watched.began_ns()).min();
    let mut pages = Pages::new(plan, &survey.sent);
    let presses = |line: &Diary| match *line {
        Diary::StepStarted { step, at_ns } if plan.steps.get(step)?.pressure.is_some() => Some(at_ns),
        _ => None,
    };
    let run = Times {
        began: began_ns,
        rests_until: source.diary().iter().filter_map(presses).min(),
        ended: survey.last_end_ns.max(watched.ended_ns()),
    };
    let telemetry =
        Collecting::read(source, plan.monitoring, &windows, run, &mut |sample| pages.add(sample))?;
    let server_counts = pages.finish(&keys);
    let (mut scopes, models) = assemble(plan, &survey, &cells, &spikes, &telemetry);
    scopes.extend(watched.scopes(plan, &telemetry));
    let cost = plan.price.and_then(|price| survey.used.cost(price));
    window_notes.extend(scopes.iter().filter_map(too_short));
    let instrument = watching.finish(source.diary(), &keys);
    let accounts: Vec<_> = survey.steps.into_values().map(|step| step.account).collect();
    Ok(Summary {
        scopes,
        models,
        timeline: drawing.finish(),
        points: points.finish(),
        failures: failures.finish(),
        notes: notes(plan, &accounts, &cells, window_notes),
        ending: survey.ending,
        services: survey.services,
        alerts: fired(plan, source.diary(), run.ended),
        abort: survey.abort,
        saturated: survey.saturated,
        pressures: pressures(plan, source.diary()),
        accounts,
        instrument,
        observed: telemetry.finish(),
        server_counts,
        cost,
    })
}

/// A step that is over before its first answer has latencies, and no rates.
fn too_short(scope: &Scope) -> Option<String> {
    let whole = scope.measured && scope.key.endpoint.is_none() && scope.window.is_some();
    let rated = scope.rates.contains_key(&Metric::RequestsPerSecond);
    (whole && scope.counts.ok() > 0 && !rated).then(|| {
        format!(
            "`{}`: its window is shorter than any answer took, so it has no requests per second",
            scope.key
        )
    })
}

/// Keeps every so-many-th measured request by number, so that they need not all be kept to be thinned.
struct Thinning {
    /// How many measured requests come before each step.
    before: BTreeMap<usize, u64>,
    stride: u64,
    points: Vec<Point>,
}

impl Thinning {
    fn new(survey: &Survey<'_>) -> Self {
        let mut before = BTreeMap::new();
        let mut total = 0;
        for (id, step) in survey.steps.iter().filter(|(_, step)| step.load.measure) {
            before.insert(*id, total);
            total += step.account.issued.max(step.account.records);
        }
        Self { before, stride: total.div_ceil(MAX_POINTS as u64).max(1), points: Vec::new() }
    }

    fn add(&mut self, step: &StepSurvey<'_>, record: &Record) {
        let before = self.before.get(&record.step_id).copied().unwrap_or(0);
        let place = before + record.seq.saturating_sub(step.load.first_seq);
        if !place.is_multiple_of(self.stride) {
            return;
        }
        let ok = !record.outcome.failed();
        self.points.push(Point {
            place,
            phase: record.phase.clone(),
            step: record.step.clone(),
            endpoint: record.endpoint.clone(),
            due_s: record.due_ns as f64 / 1e9,
            ttft_s: record.ttft().filter(|_| ok),
            e2e_s: record.e2e(),
            output_tokens: record.output_tokens,
            outcome: record.outcome,
        });
    }

    fn finish(mut self) -> Vec<Point> {
        self.points.sort_by_key(|point| point.place);
        self.points
    }
}

/// The first failure of each kind.
#[derive(Default)]
struct Failures {
    by_outcome: BTreeMap<Outcome, Failure>,
}

impl Failures {
    fn add(&mut self, record: &Record, counts: bool) {
        if !record.outcome.failed() {
            return;
        }
        let failure = self.by_outcome.entry(record.outcome).or_insert_with(|| Failure {
            outcome: record.outcome,
            count: 0,
            counted: 0,
            endpoint: record.endpoint.clone(),
            status: record.status,
            first_error: record.error.clone().unwrap_or_default(),
        });
        failure.count += 1;
        failure.counted += u64::from(counts);
    }

    fn add_unknown(&mut self, count: u64) {
        if count == 0 {
            return;
        }
        let failure = self.by_outcome.entry(Outcome::Unknown).or_insert_with(|| Failure {
            outcome: Outcome::Unknown,
            count: 0,
            counted: 0,
            endpoint: String::new(),
            status: None,
            first_error: "in flight when the run was killed".to_owned(),
        });
        failure.count += count;
    }

    fn finish(self) -> Vec<Failure> {
        let mut failures: Vec<_> = self.by_outcome.into_values().collect();
        failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
        failures
    }
}
