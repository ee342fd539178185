//! Was the tool itself the bottleneck, and was there anything steady to measure: checks 2b, 3, 5 and 6.

use crate::{
    catalog::{Metric, MetricName, Statistic},
    config::{Bound, OnBottleneck, Severity},
    metrics::{Ending, Instrument, Settled, StepQuality, Summary, Usage},
    plan::{LoadStep, Plan, ScopeKey},
    stats::STEADY_FLOOR,
    units::{show_bytes, show_count, show_count_of, show_seconds, show_share},
    verdict::{Check, Found, Judged, targets::judge_targets},
};

/// `send_lag.p99` that check 2b always allows, in seconds.
pub const ALLOWED_LAG_S: f64 = 0.001;

/// Lateness that is allowed besides, as a share of the tightest latency target.
const ALLOWED_LAG: f64 = 0.01;

/// Lateness over its limit that voids the run, as a share of the median `e2e`.
const VOID_LAG: f64 = 0.05;

/// The share of its processors' time that the tool may use.
const ALLOWED_CPU: f64 = 0.80;

/// The share of events that the client may have read late.
const ALLOWED_LATE: f64 = 0.01;

/// How far the two accounts of what was in flight may lie apart.
const ALLOWED_APART: f64 = 0.05;

/// Fewer looks or less in flight say nothing of the mean.
const LEAST_LOOKS: u32 = 20;
const LEAST_IN_FLIGHT: f64 = 1.0;

/// A drift of less than this share of the median is of no interest, however certain it is.
pub(super) const ALLOWED_DRIFT: f64 = 0.10;

/// How improbable a drift has to be in a steady step.
pub(super) const SURELY: f64 = 0.01;

/// Check 2b: requests went out when they were due.
pub(super) fn sent_on_time(plan: &Plan, summary: &Summary, targets: &[Judged]) -> Check {
    let limit_s = allowed_lag(plan);
    let mut worst: Option<(f64, &ScopeKey)> = None;
    let mut dominated = Vec::new();
    for scope in summary.instrument.steps.iter().filter_map(|step| summary.scope(&step.key)) {
        let of = |metric, statistic| scope.series.get(&metric)?.of_successes(statistic);
        let Some(lag_s) = of(Metric::SendLag, Statistic::P99) else { continue };
        if worst.is_none_or(|(most_s, _)| lag_s > most_s) {
            worst = Some((lag_s, &scope.key));
        }
        if lag_s > limit_s
            && let Some(e2e_s) = of(Metric::E2e, Statistic::P50)
            && lag_s > VOID_LAG * e2e_s
        {
            dominated.push(format!(
                "`{}`: over {} of its `e2e.p50`, {}",
                scope.key,
                show_share(VOID_LAG),
                show_seconds(e2e_s)
            ));
        }
    }
    let late = worst.is_some_and(|(lag_s, _)| lag_s > limit_s);
    let changed = match worst {
        Some((lag_s, _)) if late => changed_by_lag(plan, summary, targets, lag_s),
        _ => Vec::new(),
    };
    let mut value = vec![worst.map_or_else(
        || "nothing was sent".to_owned(),
        |(lag_s, key)| format!("`send_lag.p99` {} at most, in `{key}`", show_seconds(lag_s)),
    )];
    value.extend(dominated.iter().cloned());
    value.extend(
        changed
            .iter()
            .map(|name| format!("from `sent` instead of `due`, `{name}` would be judged otherwise")),
    );
    Check {
        id: "2b",
        name: "requests went out when they were due",
        void: voids(plan) && (!dominated.is_empty() || !changed.is_empty()),
        ok: !late,
        value: value.join("; "),
        limit: format!(
            "`send_lag.p99` up to {}: 1 ms, or 1 % of the tightest latency target; void where it decides a target or is \
             over 5 % of `e2e.p50`",
            show_seconds(limit_s)
        ),
        advice: "give the tool processors of its own, raise `run.threads`, or lower the rate".to_owned(),
    }
}

/// Whether the plan lets the tool's own faults void a run.
fn voids(plan: &Plan) -> bool {
    plan.on_bottleneck == OnBottleneck::Invalid
}

/// What `send_lag.p99` may be, in seconds: `max(1 ms, 1 % of the tightest latency target)`.
fn allowed_lag(plan: &Plan) -> f64 {
    let limits =
        plan.targets.iter().filter(|target| target.severity == Severity::Fail).filter_map(|target| {
            let latency = from_due(target.metric.metric).is_some()
                || matches!(
                    target.metric.metric,
                    Metric::Ttfc
                        | Metric::ServiceTtft
                        | Metric::ServiceE2e
                        | Metric::SpikeTtft
                        | Metric::SpikeE2e
                );
            match target.bound {
                Bound::AtMost(limit) | Bound::Between(_, limit) if latency => Some(limit * ALLOWED_LAG),
                _ => None,
            }
        });
    limits.min_by(f64::total_cmp).map_or(ALLOWED_LAG_S, |least| least.max(ALLOWED_LAG_S))
}

/// What a latency from `due` is from `sent`.
fn from_due(metric: Metric) -> Option<Metric> {
    match metric {
        Metric::Ttft => Some(Metric::ServiceTtft),
        Metric::E2e => Some(Metric::ServiceE2e),
        _ => None,
    }
}

/// The deciding targets, by name, whose mark may be another one, for all that is known of when output events arrived: each
/// arrived up to the width of its bounds earlier than it is counted.
fn changed_by_bounds(plan: &Plan, summary: &Summary, targets: &[Judged]) -> Vec<String> {
    let width_s = summary.instrument.width_p99_s.unwrap_or(0.0);
    let arrives = |metric| {
        use Metric::{E2e, Itl, ServiceE2e, ServiceTtft, SpikeE2e, SpikeTtft, Tpot, Ttfc, Ttft};
        matches!(metric, Ttft | Ttfc | E2e | ServiceTtft | ServiceE2e | SpikeTtft | SpikeE2e | Tpot | Itl)
    };
    let moved = |by_s: f64| {
        let mut plan = plan.clone();
        for target in plan.targets.iter_mut().filter(|target| arrives(target.metric.metric)) {
            target.bound = raised(target.bound, by_s);
        }
        judge_targets(&plan, summary)
    };
    // gaps may be wrong in both directions, everything else is at most so much less
    let mut changed = differing(targets, &moved(width_s), |_| true);
    changed.extend(differing(targets, &moved(-width_s), |row| {
        matches!(row.metric.metric, Metric::Itl | Metric::Tpot)
    }));
    changed.sort_unstable();
    changed.dedup();
    changed
}

/// A limit that is so much higher.
fn raised(bound: Bound, by: f64) -> Bound {
    match bound {
        Bound::AtMost(limit) => Bound::AtMost(limit + by),
        Bound::AtLeast(limit) => Bound::AtLeast(limit + by),
        Bound::Between(low, high) => Bound::Between(low + by, high + by),
    }
}

/// The deciding targets among these rows, by name, that others mark otherwise.
fn differing(rows: &[Judged], others: &[Judged], of: impl Fn(&Judged) -> bool) -> Vec<String> {
    let mut names: Vec<String> = rows
        .iter()
        .filter(|row| row.severity == Severity::Fail && of(row))
        .filter(|row| {
            let same = others.iter().find(|other| other.name == row.name && other.scope == row.scope);
            same.is_some_and(|other| other.mark != row.mark)
        })
        .map(|row| row.name.clone())
        .collect();
    names.dedup();
    names
}

/// The deciding targets, by name, whose mark would be another one if latency began when the request was sent, `lag_s` after it was due
/// for nearly all. Where the
/// plan's own queue lies between the two, that is no lateness of the tool.
fn changed_by_lag(plan: &Plan, summary: &Summary, targets: &[Judged], lag_s: f64) -> Vec<String> {
    let queues = |key: &ScopeKey| {
        plan.loads().any(|(step, load)| {
            step.phase == key.phase
                && key.step.as_ref().is_none_or(|name| *name == step.name)
                && has_queue(load)
        })
    };
    let mut from_sent = plan.clone();
    for target in &mut from_sent.targets {
        let MetricName { metric, .. } = &mut target.metric;
        match *metric {
            // they have no counterpart from `sent`, and are no more than this longer
            Metric::Ttfc | Metric::SpikeTtft | Metric::SpikeE2e => target.bound = raised(target.bound, lag_s),
            _ => *metric = from_due(*metric).unwrap_or(*metric),
        }
    }
    differing(targets, &judge_targets(&from_sent, summary), |row| !queues(&row.scope))
}

fn has_queue(load: &LoadStep) -> bool {
    load.pattern.concurrency_limit().is_some()
}

/// Check 3: the generator was not the limit.
pub(super) fn not_the_limit(plan: &Plan, summary: &Summary, targets: &[Judged]) -> Check {
    let instrument = &summary.instrument;
    let mut faults = Vec::new();
    let mut value = Vec::new();
    // what voids the run: means that it lacked, or late reads that decide a target
    let (mut short, mut decides) = (false, false);
    if let Some(usage) = &instrument.usage {
        if let Some(share) = usage.cpu_share {
            let used =
                format!("{} of {}", show_share(share), show_count_of(u64::from(usage.cores), "processor"));
            if share >= ALLOWED_CPU {
                short = true;
                faults.push("run it where it has more processors, or lower the load");
            }
            value.push(used);
        }
        if let Some(bytes) = usage.swapped_bytes.filter(|bytes| *bytes > 0) {
            short = true;
            faults.push("give it memory");
            value.push(format!("{} of it swapped out", show_bytes(bytes)));
        }
        if usage.refused > 0 {
            short = true;
            faults.push("`ulimit -n` and `net.ipv4.ip_local_port_range` bound the connections of a machine");
            value.push(format!(
                "{} without a local port or descriptor",
                show_count_of(usage.refused, "connection")
            ));
        }
    }
    let events = instrument.exact + instrument.bounded;
    if events > 0 {
        let late = instrument.late as f64 / events as f64;
        if late > ALLOWED_LATE {
            faults.push(
                "it read too late: raise its priority, give it processors of its own, or lower the load",
            );
        }
        value.push(format!(
            "of {} {} exact and {} read late",
            show_count_of(events, "output event"),
            show_share(instrument.exact as f64 / events as f64),
            show_share(late)
        ));
        let changed =
            if late > ALLOWED_LATE { changed_by_bounds(plan, summary, targets) } else { Vec::new() };
        decides = !changed.is_empty();
        value.extend(
            changed
                .iter()
                .map(|name| format!("within the bounds of arrivals `{name}` may be judged otherwise")),
        );
    }
    if instrument.user > 0 {
        value.push(format!(
            "{} stamped behind the read, without the kernel's times",
            show_count_of(instrument.user, "output event")
        ));
    }
    value.extend(instrument.usage.as_ref().and_then(priority));
    if value.is_empty() {
        value.push("not known of this run".to_owned());
    }
    let steps = instrument.usage.map_or(0, |usage| usage.wall_steps);
    if steps > 0 {
        short = true;
        faults.push("stop what sets the clock while it runs");
        value.push(format!("the wall clock jumped {}", show_count_of(u64::from(steps), "time")));
    }
    Check {
        id: "3",
        name: "the tool was not the bottleneck",
        void: voids(plan) && (short || decides || faults.is_empty()),
        ok: faults.is_empty(),
        value: value.join("; "),
        limit: "below 80 % of its processors over any 5 s, nothing swapped, no connection refused by this machine, at \
                most 1 % of events read late (void where that may decide a target), no jump of the wall clock"
            .to_owned(),
        advice: if faults.is_empty() {
            "run it where it has the processors, memory and connections that the load takes".to_owned()
        } else {
            faults.join("; ")
        },
    }
}

/// Whether the tool lacked processors, memory or connections, or read too late.
pub(super) fn was_short(instrument: &Instrument) -> bool {
    let lacked = instrument.usage.is_some_and(|usage| {
        let busy = usage.cpu_share.is_some_and(|share| share >= ALLOWED_CPU);
        busy || usage.swapped_bytes.is_some_and(|bytes| bytes > 0) || usage.refused > 0
    });
    lacked || instrument.late as f64 > ALLOWED_LATE * (instrument.exact + instrument.bounded) as f64
}

fn priority(usage: &Usage) -> Option<String> {
    usage.nice.map(|nice| match nice {
        ..0 => format!("raised priority ({nice})"),
        _ => "ordinary priority".to_owned(),
    })
}

/// Check 5: Little's law. What was in flight by the engine's counter is what the rate of arrivals and the times in the
/// records make of it.
pub(super) fn littles_law(summary: &Summary) -> Check {
    let mut checked = 0;
    let mut faults = Vec::new();
    for StepQuality { key, in_flight, .. } in &summary.instrument.steps {
        let Some(look) = in_flight
            .filter(|look| look.looks >= LEAST_LOOKS && look.counted.max(look.recorded) >= LEAST_IN_FLIGHT)
        else {
            continue;
        };
        checked += 1;
        let apart = (look.counted - look.recorded).abs() / look.counted.max(look.recorded);
        if apart > ALLOWED_APART {
            faults.push(format!(
                "`{key}`: {:.1} in flight by count, {:.1} by rate × time",
                look.counted, look.recorded
            ));
        }
    }
    let ok = faults.is_empty();
    Check {
        id: "5",
        name: "Little's law holds",
        void: false,
        ok,
        value: match (ok, checked) {
            (false, _) => faults.join("; "),
            (true, 0) => "not judged: too little in flight, or too few looks at it".to_owned(),
            (true, _) => format!("in {}", show_count_of(checked, "step")),
        },
        limit: "mean in flight within 5 % of arrival rate × mean time, edges corrected".to_owned(),
        advice: "records or counters miss requests, or times are off: run again, and report it if it happens twice"
            .to_owned(),
    }
}

/// Check 6: long enough and, for steady phases, steady. Void where the plan wants a step to be steady that is not; a run that
/// was cut short broke its steps off, which is no fault of theirs. Of the trials of a search only the one that is its limit has to be:
/// the others were to find out.
pub(super) fn is_steady(plan: &Plan, summary: &Summary, searches: &[Found]) -> Check {
    let Instrument { steps, .. } = &summary.instrument;
    let (mut faults, mut missed) = (Vec::new(), Vec::new());
    let (mut judged, mut slowest_s) = (0, 0.0_f64);
    for (key, settled) in steps.iter().filter_map(|step| Some((&step.key, step.settled?))) {
        if searches.iter().any(|found| found.only_tried(&key.phase, key.step.as_deref())) {
            continue;
        }
        let required = summary.ending == Ending::Completed && has_to_be_steady(plan, key);
        let found = if settled.requests < STEADY_FLOOR {
            // fewer have no transient to tell
            if !required {
                continue;
            }
            let answers = show_count_of(settled.requests, "answer");
            vec![format!("`{key}`: {answers}, of which it takes {}", show_count(STEADY_FLOOR))]
        } else {
            judged += 1;
            slowest_s = slowest_s.max(settled.transient_s.unwrap_or(0.0));
            unsteady(key, &settled)
        };
        if required && !found.is_empty() {
            missed.push(format!("`{key}`"));
        }
        faults.extend(found);
    }
    let ok = faults.is_empty();
    Check {
        id: "6",
        name: "long enough and steady",
        void: !missed.is_empty(),
        ok,
        value: match (ok, judged) {
            (false, _) => faults.join("; "),
            (true, 0) => {
                format!("not judged: no steady step has {} answers", show_count(STEADY_FLOOR))
            }
            (true, _) => format!(
                "{} settled within {} (MSER-5), without a drift",
                show_count_of(judged, "step"),
                show_seconds(slowest_s)
            ),
        },
        limit: "the transient ends in the first half, and `e2e` drifts by less than 10 % in the second; void where \
                `require_steady` asks for it"
            .to_owned(),
        advice: if missed.is_empty() {
            WARM_UP.to_owned()
        } else {
            format!("{} had to be steady: {WARM_UP}", missed.join(", "))
        },
    }
}

/// What makes a step steady.
const WARM_UP: &str = "warm the server up in a phase with `measure = false`, or let the phase last longer";

/// Whether the plan says so of a step.
fn has_to_be_steady(plan: &Plan, key: &ScopeKey) -> bool {
    plan.loads().any(|(step, load)| {
        load.require_steady
            && step.phase == key.phase
            && key.step.as_ref().is_none_or(|name| *name == step.name)
    })
}

fn unsteady(key: &ScopeKey, settled: &Settled) -> Vec<String> {
    let mut faults = Vec::new();
    if settled.transient.is_none() {
        faults.push(format!("`{key}`: had not settled by its half"));
    }
    if let Some(drift) = settled.drift
        && drift.p_value < SURELY
        && drift.share.abs() > ALLOWED_DRIFT
    {
        let way = if drift.share > 0.0 { "rises" } else { "falls" };
        let share = show_share(drift.share.abs());
        faults.push(format!("`{key}`: `e2e` {way} by {share} in its second half"));
    }
    faults
}
