//! Which phases can be held against each other, and what that gives.

use std::collections::BTreeSet;

use super::{
    Beside, Combined, Contention, Errors, FALSE_ALARMS, Factor, Inflation, MARGIN, MARGIN_OF_ERRORS,
    NotCompared, Share,
};
use crate::{
    catalog::{Metric, Statistic},
    metrics::{Scope, Summary, scope_key},
    plan::{LoadStep, Pattern, Plan, Rounding, ScopeKey, Step, Traffic, graph, rounding},
    stats::{Bounded, dependent_lower_rank, dependent_upper_rank, wilson},
    units::show_number,
    verdict::side::CONFIDENCE,
};

/// An endpoint that has more or fewer of the users than its share, by this part of it, has another load.
const TOLERANCE: f64 = 0.2;

/// A phase that takes its load from a mixed one by `same_as`, both of one step and measured.
struct Solo<'a> {
    phase: &'a str,
    mixed: &'a str,
    load: &'a LoadStep,
    mixed_load: &'a LoadStep,
    /// What rounding made of its load, where that is no share of the mixed one any more.
    uneven: Option<Rounding>,
}

/// What every mixed phase comes to that has solo phases, in the order in which these are in the plan.
pub(in super::super) fn contentions(plan: &Plan, summary: &Summary) -> Vec<Contention> {
    let solos = solos(plan);
    let mut mixed: Vec<&str> = Vec::new();
    for solo in &solos {
        if !mixed.contains(&solo.mixed) {
            mixed.push(solo.mixed);
        }
    }
    let run = Run { plan, summary };
    let of = |phase: &str| solos.iter().filter(|solo| solo.mixed == phase).collect::<Vec<_>>();
    mixed.into_iter().map(|phase| run.contention(phase, &of(phase))).collect()
}

fn solos(plan: &Plan) -> Vec<Solo<'_>> {
    let single = |load: &LoadStep| load.measure && !load.explores;
    let pairs = plan.loads().filter_map(|(step, load)| {
        let mixed = load.same_as.as_ref()?.phase.as_str();
        let (together, mixed_load) = plan.loads().find(|(other, _)| other.phase == mixed)?;
        // what pressure does is another question
        let pressures = |step: &Step| graph::pressures(plan, step.id);
        let both = single(load) && single(mixed_load) && pressures(step) == pressures(together);
        both.then(|| Solo { phase: &step.phase, mixed, load, mixed_load, uneven: rounding(plan, load) })
    });
    pairs.collect()
}

/// An endpoint's numbers with something beside it and without.
#[derive(Clone, Copy)]
pub(in super::super) struct Pair<'a> {
    pub(in super::super) endpoint: &'a str,
    /// The phase without.
    pub(in super::super) phase: &'a str,
    pub(in super::super) without: &'a Scope,
    pub(in super::super) with: &'a Scope,
    /// What of the failures is looked at: a share of the requests due.
    pub(in super::super) failing: Metric,
}

#[derive(Clone, Copy)]
struct Run<'a> {
    plan: &'a Plan,
    summary: &'a Summary,
}

impl<'a> Run<'a> {
    fn contention(self, mixed: &str, solos: &[&Solo<'_>]) -> Contention {
        let mut not_compared = Vec::new();
        let mut pairs = Vec::new();
        for solo in solos {
            if let Some(reason) = self.another_load(solo, solos) {
                not_compared.push(NotCompared { phase: solo.phase.to_owned(), reason });
                continue;
            }
            for Traffic { endpoint, .. } in &solo.load.traffic {
                let scopes = [solo.phase, mixed].map(|phase| self.scope(phase, *endpoint));
                let [Some(without), Some(with)] = scopes else { continue };
                let endpoint = &self.plan.endpoints[*endpoint].name;
                let failing = Metric::ContentionErrorRate;
                pairs.push(Pair { endpoint, phase: solo.phase, without, with, failing });
            }
        }
        // what is looked at of each, and the throughput of all
        let sure = 1.0 - FALSE_ALARMS / (Pair::LOOKED_AT * pairs.len() + 1) as f64;
        let endpoints: Vec<Beside> = pairs.iter().map(|pair| pair.beside(sure)).collect();
        let combined = |confidence: f64| {
            not_compared.is_empty().then(|| self.combined(mixed, solos, confidence)).flatten()
        };
        let fewer = combined(sure).is_some_and(|(together, sum)| together.over(sum).high < 1.0 - MARGIN);
        Contention {
            phase: mixed.to_owned(),
            found: fewer || endpoints.iter().any(|beside| beside.suffers),
            endpoints,
            throughput: combined(CONFIDENCE).map(|(together, sum)| Combined {
                alone_per_s: sum.value,
                together_per_s: together.value,
                share: Factor::ratio(together.over(sum)),
            }),
            fairness: fairness(&pairs),
            not_compared,
        }
    }

    /// The numbers of an endpoint in a phase.
    fn scope(self, phase: &str, endpoint: usize) -> Option<&'a Scope> {
        let endpoint = Some(self.plan.endpoints[endpoint].name.clone());
        self.summary.scope(&scope_key(self.plan, &ScopeKey { phase: phase.to_owned(), step: None, endpoint }))
    }

    /// Why a solo phase does not offer its endpoints what they have in the mixed one, if it does not.
    fn another_load(self, solo: &Solo<'_>, solos: &[&Solo<'_>]) -> Option<String> {
        if let Some(rounded) = &solo.uneven {
            return Some(format!(
                "its share of the {} there would be {}, and it had {}",
                rounded.noun(),
                show_number(rounded.fair()),
                rounded.number,
            ));
        }
        let times = self.share_of_users(solo, solos)?;
        ((times - 1.0).abs() > TOLERANCE).then(|| {
            format!(
                "users take endpoints in turn, and by what answers take alone it has {} times its share of them there; an open \
                 loop offers each endpoint its share, whatever answers take",
                show_number(times),
            )
        })
    }

    /// How many times its share of the users of a mixed closed loop the endpoints of a solo phase have, if nothing slows them
    /// down: by Little's law the mean time that a user takes for a request to them ÷ that for any, both with the times of the
    /// solo phases. `None` of open loops, which offer shares by their schedule, and without answers.
    fn share_of_users(self, solo: &Solo<'_>, solos: &[&Solo<'_>]) -> Option<f64> {
        let Pattern::Closed { think_time, .. } = solo.mixed_load.pattern else { return None };
        let alone = |endpoint: usize| {
            let has = |other: &&&Solo| other.load.traffic.iter().any(|traffic| traffic.endpoint == endpoint);
            let phase = solos.iter().find(has).map_or(solo.mixed, |other| other.phase);
            Some(self.scope(phase, endpoint)?.series.get(&Metric::E2e)?.mean).filter(|mean| *mean > 0.0)
        };
        let cycle = |load: &LoadStep| {
            let each = load.traffic.iter().map(|traffic| Some(traffic.share * alone(traffic.endpoint)?));
            each.sum::<Option<f64>>().map(|mean| mean + think_time.as_secs_f64())
        };
        Some(cycle(solo.load)? / cycle(solo.mixed_load)?)
    }

    /// Output tokens per second together and the sum alone, where each endpoint was measured alone once.
    fn combined(self, mixed: &str, solos: &[&Solo<'_>], confidence: f64) -> Option<(Bounded, Bounded)> {
        let endpoints =
            |load: &LoadStep| load.traffic.iter().map(|traffic| traffic.endpoint).collect::<Vec<_>>();
        let mut alone: Vec<usize> = solos.iter().flat_map(|solo| endpoints(solo.load)).collect();
        alone.sort_unstable();
        let there: BTreeSet<usize> = endpoints(solos.first()?.mixed_load).into_iter().collect();
        if there.len() < 2 || !alone.into_iter().eq(there) {
            return None;
        }
        let speed = |phase: &str| {
            let metric = Metric::OutputTokensPerSecond;
            let scope =
                self.summary.scope(&ScopeKey { phase: phase.to_owned(), step: None, endpoint: None })?;
            let value = *scope.rates.get(&metric)?;
            let unknown = Bounded { value, low: f64::NEG_INFINITY, high: f64::INFINITY };
            let estimate = scope.estimates.get(&metric);
            Some(estimate.map_or(unknown, |estimate| Bounded { value, ..Bounded::of(*estimate, confidence) }))
        };
        let parts = solos.iter().map(|solo| speed(solo.phase)).collect::<Option<Vec<_>>>()?;
        let sum = parts.into_iter().reduce(Bounded::plus).filter(|sum| sum.value > 0.0)?;
        Some((speed(mixed).filter(|together| together.value > 0.0)?, sum))
    }
}

impl Pair<'_> {
    /// Numbers of a pair that are looked at: two medians and a share.
    pub(in super::super) const LOOKED_AT: usize = 3;

    /// What becomes of the endpoint; it suffers where that is so with this confidence.
    pub(in super::super) fn beside(self, sure: f64) -> Beside {
        let medians = [Metric::Ttft, Metric::E2e];
        let slower = |metric| self.times(metric, sure).is_some_and(|times| times.low > 1.0 + MARGIN);
        let fails = self.more_errors(sure).is_some_and(|more| more.low > MARGIN_OF_ERRORS);
        let [ttft, e2e] = medians.map(|metric| self.inflation(metric));
        Beside {
            endpoint: self.endpoint.to_owned(),
            without: self.phase.to_owned(),
            suffers: fails || medians.into_iter().any(slower),
            ttft,
            e2e,
            errors: Errors {
                without: self.failures(self.without),
                with: self.failures(self.with),
                difference: self.more_errors(CONFIDENCE).map(Factor::difference),
            },
        }
    }

    /// The medians without and with.
    fn medians(self, metric: Metric, confidence: f64) -> Option<(Bounded, Bounded)> {
        median(self.without, metric, confidence).zip(median(self.with, metric, confidence))
    }

    /// How many times as long as without the median takes.
    fn times(self, metric: Metric, confidence: f64) -> Option<Bounded> {
        self.medians(metric, confidence).map(|(without, with)| with.over(without))
    }

    fn inflation(self, metric: Metric) -> Option<Inflation> {
        let (without, with) = self.medians(metric, CONFIDENCE)?;
        let times = Factor::ratio(with.over(without));
        Some(Inflation { without_s: without.value, with_s: with.value, times })
    }

    /// The share of its pace that the endpoint keeps.
    fn progress(self, confidence: f64) -> Option<Bounded> {
        self.medians(Metric::E2e, confidence).map(|(without, with)| without.over(with))
    }

    /// How much larger the share of failures is.
    fn more_errors(self, confidence: f64) -> Option<Bounded> {
        let bounded = |scope: &Scope| {
            let Share { requests, due } = self.failures(scope);
            let (low, high) = wilson(due, requests, confidence)?;
            Some(Bounded { value: requests as f64 / due as f64, low, high })
        };
        Some(bounded(self.with)?.minus(bounded(self.without)?))
    }

    fn failures(self, scope: &Scope) -> Share {
        Share { requests: scope.counts.counted(self.failing).unwrap_or(0), due: scope.counts.due }
    }
}

/// The median of a series with its bounds, where it is finite.
fn median(scope: &Scope, metric: Metric, confidence: f64) -> Option<Bounded> {
    const HALF: f64 = 0.5;
    let series = scope.series.get(&metric)?;
    let value = series.judged(Statistic::P50).filter(|median| median.is_finite() && *median > 0.0)?;
    let (values, time) = (series.count() + series.failed, series.dependence.time(Statistic::P50));
    let at = |rank: Option<u64>| series.judged_at_rank(rank?);
    Some(Bounded {
        value,
        low: at(dependent_lower_rank(values, time, HALF, confidence)).unwrap_or(0.0),
        high: at(dependent_upper_rank(values, time, HALF, confidence)).unwrap_or(f64::INFINITY),
    })
}

/// The least ratio of the progress of two endpoints; `None` of fewer than two, or where one has no median.
///
/// The least of all ratios is at least the least of their lower bounds, each of which holds with the confidence, since only
/// that of the least ratio has to hold. For its upper bound all have to, so there the error is shared (Bonferroni).
fn fairness(pairs: &[Pair<'_>]) -> Option<Factor> {
    let n = pairs.len();
    if n < 2 {
        return None;
    }
    let least = |confidence: f64, of: fn(Bounded) -> f64| {
        let progress = pairs.iter().map(|pair| pair.progress(confidence)).collect::<Option<Vec<_>>>()?;
        let indices =
            (0..n).flat_map(|one| (0..n).filter(move |other| *other != one).map(move |other| (one, other)));
        indices.map(|(one, other)| of(progress[one].over(progress[other]))).reduce(f64::min)
    };
    let shared = 1.0 - (1.0 - CONFIDENCE) / (n * (n - 1)) as f64;
    let bounded = Bounded {
        value: least(CONFIDENCE, |ratio| ratio.value)?,
        low: least(CONFIDENCE, |ratio| ratio.low)?,
        high: least(shared, |ratio| ratio.high)?.min(1.0),
    };
    Some(Factor::ratio(bounded))
}
