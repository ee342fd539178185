//! Causes that the numbers support, and what to try next; none without its evidence.

use super::instrument::was_short;
use crate::{
    catalog::{Metric, Quantity, Statistic},
    metrics::{Ladder, Level, Observation, Scope, Summary, ladders},
    record::Subject,
    units::{show_count, show_count_of, show_number, show_seconds, show_share},
    verdict::{Beside, Cause, Check, Contention, Factor, Optimum, Recommendation},
};

/// `ttft.p50` that grows so many times between two levels grows by more than a longer step makes it.
const TTFT_GROWS: f64 = 2.0;

/// `tpot.p50` of two levels that differ by no more than this share is the same: the server decodes as many at once.
const TPOT_STAYS: f64 = 0.05;

/// A level whose efficiency is at most this share of that of another brings little for its load.
const EFFICIENCY_FALLS: f64 = 0.75;

/// `tpot.p50` that grows so many times: each token waits for half a step more of others than of its own.
const TPOT_GROWS: f64 = 1.5;

/// The share of an answer's time behind its first token from which on decoding is what takes the time.
const DECODE_SHARE: f64 = 0.5;

/// Connecting that takes this share of all the time that clients spend is worth to be avoided.
const CONNECTING_SHARE: f64 = 0.10;

/// The share of the service time that the server does not know of, and the mean seconds, from which on the way between is a
/// cause of its own and no rounding.
const OUTSIDE_SHARE: f64 = 0.30;
const OUTSIDE_S: f64 = 0.005;

/// Fewer requests than this show no cause.
const LEAST_REQUESTS: u64 = 20;

/// An endpoint whose first token takes so many times as long as alone suffers, and it starves where another one's grows at most
/// by this part of that.
const SUFFERS: f64 = 2.0;
const UNEQUAL: f64 = 0.5;

/// A KV cache of which this share is in use is full: less than one more sequence fits.
const FULL: f64 = 0.95;

/// So many requests that wait, on average over a window, wait for something.
const WAIT: f64 = 0.5;

/// All that the numbers support: what the tool lacked first, since it casts doubt on the rest, then by phase.
pub(super) fn recommendations(
    summary: &Summary,
    checks: &[Check],
    optima: &[Optimum],
    contention: &[Contention],
) -> Vec<Recommendation> {
    let mut found: Vec<Recommendation> = client(summary, checks).into_iter().collect();
    let full = full_caches(summary);
    for ladder in ladders(summary).iter().filter(|ladder| of_load(ladder)) {
        let optimum = optima.iter().find(|optimum| optimum.phase == ladder.phase);
        // where there is no room for more sequences, to run more at once is no way out
        let room = full.iter().all(|(phase, _)| *phase != ladder.phase);
        found.extend(queueing(ladder, optimum).filter(|_| room));
        found.extend(decoding(ladder));
    }
    found.extend(full.into_iter().map(|(_, full)| full));
    let whole = |scope: &&Scope| scope.measured && scope.key.step.is_none();
    // an endpoint apart where there are several, else the phase
    let apart = |scope: &&Scope| {
        let parts = summary.scopes.iter().filter(|other| other.key.phase == scope.key.phase);
        scope.key.endpoint.is_some() || parts.filter(|other| other.key.endpoint.is_some()).count() == 0
    };
    let places = || summary.scopes.iter().filter(whole).filter(apart);
    found.extend(places().filter_map(connecting));
    found.extend(places().filter_map(outside));
    found.extend(contention.iter().filter_map(starving));
    found
}

/// Whether the levels differ in how much comes at once, and not in what a request is.
fn of_load(ladder: &Ladder<'_>) -> bool {
    ladder.levels.iter().all(|level| !level.step.contains("batch="))
}

/// The tool itself was late, or lacked something.
fn client(summary: &Summary, checks: &[Check]) -> Option<Recommendation> {
    let missed = |id: &str| checks.iter().find(|check| check.id == id && !check.ok);
    let short = missed("3").filter(|_| was_short(&summary.instrument));
    let check = missed("2b").or(short)?;
    Some(Recommendation {
        cause: Cause::Client,
        place: "the tool itself".to_owned(),
        evidence: check.value.clone(),
        next: check.advice.clone(),
    })
}

/// The medians of a level's first token and of its time per token, over successes.
fn medians(level: &Level<'_>) -> Option<(f64, f64)> {
    let median = |metric| level.scope.series.get(&metric)?.of_successes(Statistic::P50);
    let enough = level.scope.counts.ok() >= LEAST_REQUESTS;
    median(Metric::Ttft).zip(median(Metric::Tpot)).filter(|(ttft, tpot)| enough && *ttft > 0.0 && *tpot > 0.0)
}

/// Between two levels the first token takes longer, and tokens do not: requests wait for a place.
fn queueing(ladder: &Ladder<'_>, optimum: Option<&Optimum>) -> Option<Recommendation> {
    let known: Vec<_> = ladder.levels.iter().filter_map(|level| Some((level, medians(level)?))).collect();
    let (most, (ttft, tpot)) = *known.last()?;
    let (from, (ttft_there, tpot_there)) =
        *known.iter().find(|(_, (_, there))| tpot <= there * (1.0 + TPOT_STAYS))?;
    let falls = from.efficiency.zip(most.efficiency);
    if ttft < TTFT_GROWS * ttft_there || !falls.is_some_and(|(here, there)| there <= here * EFFICIENCY_FALLS)
    {
        return None;
    }
    let best = optimum.and_then(|optimum| optimum.step.as_deref());
    let best = ladder.levels.iter().find(|level| Some(level.step) == best && level.step != most.step);
    let more = best.map_or(" or add a replica".to_owned(), |level| {
        format!(" add a replica, or send no more than {}", level.name)
    });
    Some(Recommendation {
        cause: Cause::Queueing,
        place: ladder.phase.to_owned(),
        evidence: format!(
            "from {} to {} `ttft.p50` grows from {} to {}, while `tpot.p50` goes from {} to {}",
            from.name,
            most.name,
            show_seconds(ttft_there),
            show_seconds(ttft),
            show_seconds(tpot_there),
            show_seconds(tpot),
        ),
        next: format!(
            "let the server run more sequences at once where its memory allows (vLLM `--max-num-seqs`, llama.cpp \
             `--parallel`),{more}"
        ),
    })
}

/// Of each measured phase the first step in which the KV cache of a server is full while requests wait or are pushed back, by the server's own
/// account.
fn full_caches(summary: &Summary) -> Vec<(&str, Recommendation)> {
    let mut found: Vec<(&str, &Subject, Recommendation)> = Vec::new();
    // a phase of several steps stands before them, and is no step
    let has_steps =
        |phase: &str| summary.scopes.iter().any(|scope| scope.key.phase == phase && scope.key.step.is_some());
    let steps = summary.scopes.iter().filter(|scope| {
        let whole = scope.key.step.is_none() && has_steps(&scope.key.phase);
        scope.measured && scope.key.endpoint.is_none() && !whole
    });
    for scope in steps {
        for usage in scope.observations.iter().filter(|of| of.quantity == Quantity::ServerKvCacheUsage) {
            let phase = scope.key.phase.as_str();
            if !found.iter().any(|(there, subject, _)| *there == phase && **subject == usage.subject) {
                found.extend(full_cache(scope, usage).map(|full| (phase, &usage.subject, full)));
            }
        }
    }
    found.into_iter().map(|(phase, _, full)| (phase, full)).collect()
}

fn full_cache(scope: &Scope, usage: &Observation) -> Option<Recommendation> {
    let most = usage.max.filter(|most| *most >= FULL)?;
    let same = |quantity| {
        scope.observations.iter().find(move |of| of.quantity == quantity && of.subject == usage.subject)
    };
    let waiting = same(Quantity::ServerQueueLength).and_then(|of| of.mean).filter(|mean| *mean >= WAIT);
    let preempted = same(Quantity::ServerPreemptions).and_then(|of| of.growth).filter(|count| *count >= 1.0);
    let waiting = waiting.map(|mean| format!("{} requests waited on average", show_number(mean)));
    let preempted = preempted.map(|count| {
        let were = if count < 2.0 { "was" } else { "were" };
        format!("{} {were} pushed back to make room", show_count_of(count as u64, "request"))
    });
    let suffered: Vec<String> = waiting.into_iter().chain(preempted).collect();
    if suffered.is_empty() {
        return None;
    }
    Some(Recommendation {
        cause: Cause::KvCache,
        place: scope.key.to_string(),
        evidence: format!(
            "the KV cache of the {} was up to {} full, while {}",
            usage.subject,
            show_share(most),
            suffered.join(" and ")
        ),
        next: "give the KV cache more memory (vLLM `--gpu-memory-utilization`, llama.cpp `--ctx-size`) or let it take less \
               (`--kv-cache-dtype fp8`, `--cache-type-k q8_0`), shorten prompts and answers, or send less at once"
            .to_owned(),
    })
}

/// Every token takes longer, the more are decoded at once.
fn decoding(ladder: &Ladder<'_>) -> Option<Recommendation> {
    let mut known = ladder.levels.iter().filter_map(|level| Some((level, medians(level)?)));
    let (least, (_, tpot_there)) = known.next()?;
    let (most, (ttft, tpot)) = known.next_back()?;
    let e2e = most.scope.series.get(&Metric::E2e)?.of_successes(Statistic::P50)?;
    let share = (e2e - ttft) / e2e;
    if tpot < TPOT_GROWS * tpot_there || share < DECODE_SHARE {
        return None;
    }
    Some(Recommendation {
        cause: Cause::Decoding,
        place: ladder.phase.to_owned(),
        evidence: format!(
            "from {} to {} `tpot.p50` grows from {} to {}, {} times, and {} of an answer's time there lies behind its first \
             token",
            least.name,
            most.name,
            show_seconds(tpot_there),
            show_seconds(tpot),
            show_number(tpot / tpot_there),
            show_share(share),
        ),
        next: "let the server decode fewer sequences at once, or make a step cheaper: quantized weights or cache, a smaller \
               model, more GPUs for one model"
            .to_owned(),
    })
}

/// Connections are opened again and again.
fn connecting(scope: &Scope) -> Option<Recommendation> {
    let way = scope.transit;
    let share = way.connecting_s / (way.connecting_s + way.e2e_s);
    if scope.counts.ok() < LEAST_REQUESTS || way.opened == 0 || share < CONNECTING_SHARE {
        return None;
    }
    Some(Recommendation {
        cause: Cause::Network,
        place: scope.key.to_string(),
        evidence: format!(
            "{} of {} opened a connection first, for {} on average, which no latency counts: {} of all the time until their \
             ends",
            show_count(way.opened),
            show_count_of(scope.counts.ok(), "answer"),
            show_seconds(way.connecting_s / way.opened as f64),
            show_share(share),
        ),
        next: "let the server, or the proxy before it, keep connections open".to_owned(),
    })
}

/// Answers take longer than the server knows of.
fn outside(scope: &Scope) -> Option<Recommendation> {
    let way = scope.transit;
    let between_s = way.service_s - way.told_s;
    if way.told < LEAST_REQUESTS
        || between_s < OUTSIDE_SHARE * way.service_s
        || between_s < OUTSIDE_S * way.told as f64
    {
        return None;
    }
    let mean = |seconds: f64| show_seconds(seconds / way.told as f64);
    Some(Recommendation {
        cause: Cause::Network,
        place: scope.key.to_string(),
        evidence: format!(
            "{} took {} on average from the request to the end, and the server had them for {} of that: {} passed on the way",
            show_count_of(way.told, "answer"),
            mean(way.service_s),
            mean(way.told_s),
            show_share(between_s / way.service_s),
        ),
        next: "measure on the server's own machine or network, and look at what stands between".to_owned(),
    })
}

/// Side by side, one endpoint suffers far more than another.
fn starving(together: &Contention) -> Option<Recommendation> {
    let times: Vec<(&Beside, Factor)> =
        together.endpoints.iter().filter_map(|beside| Some((beside, beside.ttft?.times))).collect();
    let by_times = |a: &&(&Beside, Factor), b: &&(&Beside, Factor)| a.1.value.total_cmp(&b.1.value);
    let (most, times_most) = *times.iter().max_by(by_times)?;
    let (least, times_least) = *times.iter().min_by(by_times)?;
    let apart = times_most.low.zip(times_least.high).is_some_and(|(low, high)| low > high);
    if !most.suffers || !apart || times_most.value < SUFFERS || times_least.value > times_most.value * UNEQUAL
    {
        return None;
    }
    let (most, least) = (&most.endpoint, &least.endpoint);
    Some(Recommendation {
        cause: Cause::Starvation,
        place: together.phase.clone(),
        evidence: format!(
            "beside the others `{most}` takes {} times as long to its first token as alone, and `{least}` {} times",
            show_number(times_most.value),
            show_number(times_least.value),
        ),
        next: format!(
            "give `{most}` a server or a priority of its own, or let the server of `{least}` run fewer sequences at once"
        ),
    })
}
