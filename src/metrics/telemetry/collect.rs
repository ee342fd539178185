//! The one reading of `telemetry.jsonl`.

use std::{collections::BTreeMap, io};

use super::{
    Cost, Curve, Observation, Observed, Trend, Unread,
    bins::Bins,
    stretch::{Between, Key, Pair, Stretch},
};
use crate::{
    catalog::Quantity,
    config::{Monitoring, PowerEstimate},
    metrics::{Source, energy::AtRest, window::Span},
    plan::ScopeKey,
    record::{Class, Sample, SensorKind, Subject, Telemetry},
    stats::{Drift, drift, median},
};

/// Slices of a curve: as many points as a chart has room for.
const SLICES: usize = 240;

/// The shortest window whose memory is asked for a trend, in seconds: what a server takes in its first minutes it mostly keeps.
const LONG_S: f64 = 180.0;

/// Slices of such a window: as many as the test of a drift asks for.
const TREND_SLICES: usize = 100;

/// The least part of its whole growth that memory has from each third of a window to the next, where it grows all the time.
const LEAST_OF_A_PART: f64 = 0.2;

/// What was read, by series and stretch.
pub(in crate::metrics) struct Collecting {
    /// By index of the step in the plan.
    steps: BTreeMap<usize, BTreeMap<Key, Stretch>>,
    observed: Observed,
    at_rest: AtRest,
    /// What power and energy follow from, where nothing tells them.
    estimate: Option<PowerEstimate>,
}

/// A series while it is read.
struct Series {
    before: Option<(u64, f64)>,
    stretches: Vec<Stretch>,
    /// When the load began, or what presses the machine.
    rests_until_ns: u64,
    /// Until the last reading before that.
    rest: Stretch,
    /// Whether it is of power or energy.
    energy: bool,
    /// Whether it tells of any: a counter that never moves does not.
    meters: bool,
    curve: Bins,
    /// Of the memory of servers, with the place of the step.
    trends: Vec<(usize, Bins)>,
}

/// The times of a run, in nanoseconds since its start.
#[derive(Debug, Clone, Copy)]
pub(in crate::metrics) struct Times {
    /// The start of its first load, if it had any.
    pub(in crate::metrics) began: Option<u64>,
    /// The start of the first step that pressed the machine, likewise.
    pub(in crate::metrics) rests_until: Option<u64>,
    /// The end of its last request.
    pub(in crate::metrics) ended: u64,
}

impl Collecting {
    /// Reads everything once. Steps have their windows and their keys. Whoever else wants samples is shown each.
    pub(in crate::metrics) fn read(
        source: &dyn Source,
        monitoring: Monitoring,
        windows: &[(usize, Span, Option<ScopeKey>)],
        Times { began, rests_until, ended: ended_ns }: Times,
        also: &mut dyn FnMut(&Sample),
    ) -> io::Result<Self> {
        let began_ns = began.unwrap_or(ended_ns);
        let rests_until_ns = rests_until.map_or(began_ns, |until_ns| until_ns.min(began_ns));
        let idle =
            [Span { from_ns: 0, to_ns: began_ns }, Span { from_ns: ended_ns.max(began_ns), to_ns: u64::MAX }];
        let spans: Vec<Span> = windows.iter().map(|(_, span, _)| *span).chain(idle).collect();
        let mut all: BTreeMap<Key, Series> = BTreeMap::new();
        let mut observed = Observed::default();
        source.telemetry(&mut |line| match line {
            Telemetry::Started { .. } => {}
            Telemetry::Missing { at_ns, sensor, subject, why } => {
                observed.missing.push(Unread {
                    from_s: *at_ns as f64 / 1e9,
                    to_s: None,
                    sensor: *sensor,
                    subject: subject.clone(),
                    why: why.clone(),
                });
                // what comes after a gap did not change evenly since before it; a page tells of machines and GPUs, too
                let of_page = |key: &Key| {
                    *sensor == SensorKind::Prometheus && matches!(key.1, Subject::Gpu(_) | Subject::Host(_))
                };
                let of_it = |key: &Key| key.2 == *sensor && (key.1 == *subject || of_page(key));
                all.iter_mut().filter(|(key, _)| of_it(key)).for_each(|(_, series)| series.before = None);
            }
            Telemetry::Found { at_ns, sensor, subject } => {
                let of_it = |unread: &&mut Unread| (unread.sensor, &unread.subject) == (*sensor, subject);
                if let Some(unread) = observed.missing.iter_mut().rev().find(of_it) {
                    unread.to_s.get_or_insert(*at_ns as f64 / 1e9);
                }
            }
            Telemetry::Cost { at_ns, cpu_ns, skipped, left_out } => {
                let cpu_s = cpu_ns.map(|ns| ns as f64 / 1e9);
                let run_s = *at_ns as f64 / 1e9;
                observed.cost = Some(Cost {
                    cpu_s,
                    cpu_share: cpu_s.filter(|_| run_s > 0.0).map(|cpu_s| cpu_s / run_s),
                    skipped: *skipped,
                    left_out: *left_out,
                });
            }
            Telemetry::Sample(sample) => {
                also(sample);
                for (quantity, value) in &sample.readings {
                    let key = (*quantity, sample.subject.clone(), sample.sensor, sample.class);
                    let series = all.entry(key).or_insert_with_key(|key| {
                        Series::new(key, &spans, windows, (rests_until_ns, ended_ns.max(1)))
                    });
                    let between = Between::of(*quantity, sample.class);
                    series.add(&spans, sample.at_ns, *value, between);
                }
            }
        })?;

        // a guess stands beside nothing that was read
        let estimate = monitoring.estimate.filter(|_| !all.values().any(|series| series.meters));
        let at_rest =
            all.iter().filter(|(_, series)| series.rest.covered_s() >= monitoring.rest().as_secs_f64());
        let at_rest = at_rest.filter_map(|(key, series)| {
            let watts = series.rest.pace(key.0).filter(|watts| *watts > 0.0);
            match estimate.filter(|_| is_of_processors(key)) {
                Some(estimate) => Some((
                    estimated(key, Quantity::Energy),
                    series.rest.estimated(estimate).pace(Quantity::Energy)?,
                )),
                None => Some((key.clone(), watts?)),
            }
        });
        let at_rest: AtRest = at_rest.collect();
        let mut steps: BTreeMap<usize, BTreeMap<Key, Stretch>> = BTreeMap::new();
        for (key, series) in all {
            let (of_steps, of_idle) = series.stretches.split_at(windows.len());
            for ((step, ..), stretch) in windows.iter().zip(of_steps) {
                steps.entry(*step).or_default().insert(key.clone(), stretch.clone());
            }
            if let [before, after] = of_idle {
                observed.before.extend(before.observation(&key));
                observed
                    .after
                    .extend(after.observation(&key).map(|read| Observation { covered: 1.0, ..read }));
            }
            let bins = &series.curve;
            observed.curves.push(Curve {
                quantity: key.0,
                subject: key.1.clone(),
                sensor: key.2,
                slice_s: bins.slice_s(),
                means: bins.means(),
            });
            observed.memory.extend(series.trends.iter().filter_map(|(place, bins)| {
                let (_, span, scope) = windows.get(*place)?;
                // what lies between two readings is no evidence of its own
                of_steps.get(*place).filter(|read| read.readings() >= TREND_SLICES as u64)?;
                trend(scope.clone()?, key.1.clone(), bins, span.length_s())
            }));
        }
        Ok(Self { steps, observed, at_rest, estimate })
    }

    /// What was read of some subjects in the windows of these steps, with what was read of them at other times alone.
    pub(in crate::metrics) fn observations(
        &self,
        steps: &[usize],
        of: &dyn Fn(&Subject) -> bool,
    ) -> Vec<Observation> {
        let mut sums: BTreeMap<&Key, Stretch> = BTreeMap::new();
        for (key, stretch) in steps.iter().filter_map(|step| self.steps.get(step)).flatten() {
            if !of(&key.1) {
                continue;
            }
            match sums.get_mut(key) {
                Some(sum) => sum.merge(stretch),
                None => {
                    sums.insert(key, stretch.clone());
                }
            }
        }
        let mut all: Vec<Observation> = Vec::new();
        for (key, stretch) in sums {
            all.push(stretch.observed(key));
            if let Some(estimate) = self.estimate.filter(|_| is_of_processors(key)) {
                let stretch = stretch.estimated(estimate);
                let each = [Quantity::Power, Quantity::Energy].map(|quantity| estimated(key, quantity));
                all.extend(each.iter().filter_map(|key| stretch.observation(key)));
            }
        }
        all
    }

    /// What each source told of power before the load, where that was long enough.
    pub(in crate::metrics) fn at_rest(&self) -> &AtRest {
        &self.at_rest
    }

    pub(in crate::metrics) fn finish(self) -> Observed {
        self.observed
    }
}

/// Whether it is the share of this machine's processors, from which power may be estimated.
fn is_of_processors((quantity, subject, ..): &Key) -> bool {
    *quantity == Quantity::CpuUtilization && *subject == Subject::Machine
}

/// The series that follows from the share of busy processors.
fn estimated((_, subject, sensor, _): &Key, quantity: Quantity) -> Key {
    (quantity, subject.clone(), *sensor, Class::Estimated)
}

impl Series {
    fn new(
        key: &Key,
        spans: &[Span],
        windows: &[(usize, Span, Option<ScopeKey>)],
        (rests_until_ns, ended_ns): (u64, u64),
    ) -> Self {
        let of_server = key.0 == Quantity::ServerMemory;
        let long = windows
            .iter()
            .enumerate()
            .filter(|(_, (_, span, scope))| of_server && scope.is_some() && span.length_s() >= LONG_S);
        let trends =
            long.map(|(place, (_, span, _))| (place, Bins::new(span.from_ns, span.to_ns, TREND_SLICES)));
        Self {
            before: None,
            rests_until_ns,
            rest: Stretch::default(),
            meters: false,
            energy: matches!(key.0, Quantity::Power | Quantity::Energy),
            stretches: spans.iter().map(|span| Stretch::of(*span)).collect(),
            curve: Bins::new(0, ended_ns, SLICES),
            trends: trends.collect(),
        }
    }

    fn add(&mut self, spans: &[Span], at_ns: u64, value: f64, between: Between) {
        let before = self.before.replace((at_ns, value));
        let pair = before.filter(|(before_ns, _)| *before_ns < at_ns).map(|(from_ns, first)| Pair {
            from_ns,
            to_ns: at_ns,
            first,
            last: value,
            between,
        });
        for (span, stretch) in spans.iter().zip(&mut self.stretches) {
            stretch.add(*span, at_ns, value, between, pair);
        }
        let Some(pair) = pair else { return };
        let told = if between == Between::Growth { pair.first != pair.last } else { value > 0.0 };
        self.meters |= self.energy && told;
        if at_ns <= self.rests_until_ns {
            self.rest.add(Span { from_ns: 0, to_ns: self.rests_until_ns }, at_ns, value, between, Some(pair));
        }
        self.curve.add(&if between == Between::Growth { pair.per_second() } else { pair });
        for (_, bins) in &mut self.trends {
            bins.add(&pair);
        }
    }
}

/// The medians of the thirds of a series.
fn thirds(values: &[f64]) -> Option<[f64; 3]> {
    let third = values.len().div_ceil(3);
    let medians = values.chunks(third).map(|part| {
        let mut part = part.to_vec();
        part.sort_unstable_by(f64::total_cmp);
        median(&part)
    });
    medians.collect::<Option<Vec<_>>>()?.try_into().ok()
}

/// How a level went over a window; `None` where a part of it was not read, and where it did not go on.
fn trend(key: ScopeKey, subject: Subject, bins: &Bins, length_s: f64) -> Option<Trend> {
    let means: Vec<f64> = bins.means().into_iter().collect::<Option<_>>()?;
    let drift = drift(&means)?;
    // memory is taken in leaps, each of which looks like a drift: one of them is none
    let [first, middle, last] = thirds(&means)?;
    let parts = [middle - first, last - middle];
    if parts.iter().any(|part| part / (last - first) < LEAST_OF_A_PART) {
        return None;
    }
    let mut ascending = means;
    ascending.sort_unstable_by(f64::total_cmp);
    let bytes = drift.share * median(&ascending)?;
    Some(Trend { key, subject, drift, bytes_per_hour: bytes / (length_s * Drift::SPAN) * 3600.0, length_s })
}
