//! The second reading: the numbers of one endpoint in one step, the smallest part that scopes are made of.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::{
    catalog::{Carrier, Metric},
    config::{Objective, Price},
    metrics::{
        Counts, Dependence, Distribution, Met, Reading, Stop, Tokens, Transit, Values, objectives_met,
        reading,
        recovery::{Sight, SpikeTimes},
        slices::Slices,
        window::Span,
    },
    record::{ChunkTimes, Record, TokenSource},
    stats::{Estimate, Moments, beyond_deviations, beyond_mads},
};

/// Longest gap that the pooled histogram tells apart, in microseconds: one hour.
const LONGEST_GAP_US: u64 = 3_600_000_000;

/// What is to be known of a request beside its record.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    /// The window of its step.
    pub(super) window: Span,
    /// What series it has a part in.
    pub(super) carrier: Carrier,
    /// How the run was stopped, if it was.
    pub(super) stop: Option<Stop>,
    /// What it should meet; `None` where nothing is asked of any request.
    pub(super) objectives: Option<&'a [Objective]>,
    /// The spikes of its step.
    pub(super) spikes: &'a SpikeTimes,
}

/// Counts, tokens and series; cells add up.
#[derive(Default)]
pub(super) struct Cell {
    pub(super) counts: Counts,
    pub(super) tokens: Tokens,
    pub(super) transit: Transit,
    /// Output tokens that arrived inside the window.
    output_in_window: f64,
    /// Successes whose output tokens nobody counted.
    pub(super) uncounted: u64,
    /// Successes of which no output tokens were asked.
    wordless: u64,
    /// Requests whose output tokens are known.
    counted: u64,
    /// Prompt tokens whose answer began inside the window.
    input_in_window: u64,
    /// Answers that began inside the window and do not say how many prompt tokens they are to.
    pub(super) without_input: u64,
    /// Streams whose chunk times are lost.
    pub(super) without_chunk_times: u64,
    /// The same by slices of the window.
    slices: Slices,
    /// What it tells of the spikes of its step; looked at part by part, and so not summed.
    pub(super) sights: Vec<Sight>,
    series: BTreeMap<Metric, Series>,
    gaps: Option<Gaps>,
}

#[derive(Default)]
struct Series {
    /// When each request was due, and its value.
    values: Vec<(u64, f64)>,
    /// When each failed request was due.
    failed: Vec<u64>,
}

/// Pooled gaps; the moments are exact where the histogram rounds.
struct Gaps {
    histogram: Histogram<u64>,
    moments: Moments,
}

impl Gaps {
    fn new() -> Self {
        let histogram =
            Histogram::new_with_bounds(1, LONGEST_GAP_US, 3).expect("constant bounds that the crate allows");
        Self { histogram, moments: Moments::default() }
    }

    fn push(&mut self, gap_ns: u64) {
        self.histogram.saturating_record((gap_ns + 500) / 1000);
        self.moments.push(gap_ns as f64 / 1e9);
    }
}

impl Cell {
    /// Takes in one request. Returns whether it counts in shares and percentiles.
    pub(super) fn add(&mut self, record: &Record, chunks: &ChunkTimes, setting: Setting<'_>) -> bool {
        self.counts.issued += 1;
        self.counts.replaced_connections += u64::from(record.attempts > 1);
        let window = setting.window;
        let met = objectives_met(setting.objectives, record, &chunks.at_ns);
        self.count_met(met, |_| ());
        if !record.outcome.failed() && window.contains(record.end_ns) {
            self.counts.completed_in_window += 1;
            self.count_met(met, |met| met.completed_in_window += 1);
            self.slices.add_completed(window, record.end_ns, met == Some(true));
        }
        self.add_input(record, window);
        let streamed = record.first_token_ns.is_some();
        self.without_chunk_times += u64::from(streamed && chunks.is_empty());
        if let Some(tokens) = record.output_tokens {
            self.counted += 1;
            let slices = &mut self.slices;
            let inside = arrivals(record, &chunks.at_ns, |moments| {
                slices.add_tokens(window, tokens as f64, moments);
                window.count(moments) as f64 / moments.len() as f64
            });
            self.output_in_window += tokens as f64 * inside;
        } else if !record.outcome.failed() {
            // vectors have no tokens that anybody could count
            let count =
                if record.requested_output_tokens == 0 { &mut self.wordless } else { &mut self.uncounted };
            *count += 1;
        }
        if setting.stop.is_some_and(|stop| stop.cut_off(record)) {
            self.counts.cut_off += 1;
            return false;
        }
        if !window.contains(record.due_ns) {
            return false;
        }
        self.counts.due += 1;
        *self.counts.outcomes.entry(record.outcome).or_default() += 1;
        self.counts.unchecked += u64::from(record.unchecked.is_some());
        self.count_met(met, |met| met.due += 1);
        self.add_readings(record, setting.carrier);
        self.sights.extend(setting.spikes.sight(record, setting.carrier.streams));
        if !record.outcome.failed() {
            self.add_success(record, if setting.carrier.gaps { &chunks.at_ns } else { &[] });
        }
        true
    }

    /// Counts a request that met the objectives; where there are any, that nothing met them is a count too.
    fn count_met(&mut self, met: Option<bool>, count: impl FnOnce(&mut Met)) {
        if let Some(met) = met {
            let all = self.counts.met.get_or_insert_default();
            if met {
                count(all);
            }
        }
    }

    /// A prompt is read when its answer begins.
    fn add_input(&mut self, record: &Record, window: Span) {
        let answered = record.first_token_ns.is_some() || !record.outcome.failed();
        if !answered || !window.contains(record.first_token_ns.unwrap_or(record.end_ns)) {
            return;
        }
        match record.input_tokens {
            Some(tokens) => self.input_in_window += tokens,
            // a failed answer ends before it says so
            None => self.without_input += u64::from(!record.outcome.failed()),
        }
    }

    /// Takes in requests that were in flight when the tool was killed and left no record.
    pub(super) fn add_unknown(&mut self, requests: u64) {
        self.counts.issued += requests;
        self.counts.cut_off += requests;
    }

    fn add_success(&mut self, record: &Record, chunks: &[u64]) {
        for pair in chunks.windows(2) {
            self.gaps.get_or_insert_with(Gaps::new).push(pair[1].saturating_sub(pair[0]));
        }
        self.transit.add(record);
        let tokens = &mut self.tokens;
        tokens.input += record.input_tokens.unwrap_or(0);
        tokens.reasoning += record.reasoning_tokens.unwrap_or(0);
        tokens.cached += record.cached_tokens.unwrap_or(0);
        tokens.from_chunks += u64::from(record.token_source == TokenSource::Chunks);
        if let Some(output) = record.output_tokens {
            tokens.output += output;
            tokens.requested += u64::from(record.requested_output_tokens);
        }
    }

    fn add_readings(&mut self, record: &Record, of: Carrier) {
        for metric in Metric::ALL {
            match reading(metric, record, of) {
                Some(Reading::Value(value)) => {
                    self.series.entry(metric).or_default().values.push((record.due_ns, value));
                }
                Some(Reading::Failed) => {
                    self.series.entry(metric).or_default().failed.push(record.due_ns);
                }
                None => {}
            }
        }
    }

    /// Takes in another cell.
    pub(super) fn merge(&mut self, other: &Self) {
        self.counts.issued += other.counts.issued;
        self.counts.due += other.counts.due;
        self.counts.cut_off += other.counts.cut_off;
        self.counts.completed_in_window += other.counts.completed_in_window;
        self.counts.replaced_connections += other.counts.replaced_connections;
        self.counts.unchecked += other.counts.unchecked;
        if let Some(met) = other.counts.met {
            let own = self.counts.met.get_or_insert_default();
            own.due += met.due;
            own.completed_in_window += met.completed_in_window;
        }
        for (outcome, count) in &other.counts.outcomes {
            *self.counts.outcomes.entry(*outcome).or_default() += count;
        }
        self.tokens.input += other.tokens.input;
        self.tokens.output += other.tokens.output;
        self.tokens.requested += other.tokens.requested;
        self.tokens.reasoning += other.tokens.reasoning;
        self.tokens.cached += other.tokens.cached;
        self.tokens.from_chunks += other.tokens.from_chunks;
        self.transit.merge(&other.transit);
        self.output_in_window += other.output_in_window;
        self.uncounted += other.uncounted;
        self.wordless += other.wordless;
        self.counted += other.counted;
        self.input_in_window += other.input_in_window;
        self.without_input += other.without_input;
        self.without_chunk_times += other.without_chunk_times;
        self.slices.merge(&other.slices);
        for (metric, series) in &other.series {
            let own = self.series.entry(*metric).or_default();
            own.values.extend_from_slice(&series.values);
            own.failed.extend_from_slice(&series.failed);
        }
        if let Some(gaps) = &other.gaps {
            let own = self.gaps.get_or_insert_with(Gaps::new);
            own.histogram.add(&gaps.histogram).expect("both have the same bounds");
            own.moments.merge(&gaps.moments);
        }
    }

    /// The rates and shares of what was taken in, over windows of this length in all.
    pub(super) fn rates(
        &self,
        length_s: f64,
        series: &BTreeMap<Metric, Distribution>,
    ) -> BTreeMap<Metric, f64> {
        let mut rates = BTreeMap::new();
        let counts = &self.counts;
        let any_success = counts.ok() + counts.completed_in_window > 0;
        if length_s > 0.0 && any_success {
            // where nothing could have ended, that nothing did says nothing
            let shortest = series.get(&Metric::E2e).and_then(|e2e| e2e.at_rank(1));
            let too_short = shortest.is_some_and(|shortest| shortest > length_s);
            if counts.completed_in_window > 0 || !too_short {
                rates.insert(Metric::RequestsPerSecond, counts.completed_in_window as f64 / length_s);
                if let Some(met) = counts.met {
                    rates.insert(Metric::Goodput, met.completed_in_window as f64 / length_s);
                }
            }
            // tokens that nobody counted are not none
            let known = self.counted > 0 || self.uncounted + self.wordless == 0;
            if self.output_in_window > 0.0 || (known && !too_short) {
                rates.insert(Metric::OutputTokensPerSecond, self.output_in_window / length_s);
            }
        }
        if counts.due > 0 {
            let shares = Metric::ALL.into_iter().filter_map(|metric| Some((metric, counts.counted(metric)?)));
            rates.extend(shares.map(|(metric, hits)| (metric, hits as f64 / counts.due as f64)));
        }
        if let Some(e2e) = series.get(&Metric::E2e)
            && let Values::Sorted(values) = &e2e.values
        {
            let spikes =
                [(Metric::SpikeRate, beyond_deviations(values)), (Metric::SpikeRateMad, beyond_mads(values))];
            rates.extend(spikes.into_iter().filter_map(|(metric, rate)| Some((metric, rate?))));
        }
        rates
    }

    /// Prompt tokens that were read and output tokens that arrived inside the window; `None` where some are not known.
    fn tokens_of_window(&self) -> Option<(f64, f64)> {
        let known = self.without_input == 0 && self.uncounted == 0;
        known.then_some((self.input_in_window as f64, self.output_in_window))
    }

    /// Output tokens that arrived inside the window; `None` where some are not known.
    pub(super) fn output_in_window(&self) -> Option<f64> {
        (self.uncounted == 0).then_some(self.output_in_window)
    }

    /// The sum of both kinds.
    pub(super) fn tokens_in_window(&self) -> Option<f64> {
        self.tokens_of_window().map(|(input, output)| input + output)
    }

    /// What a million tokens inside the window cost, where so many seconds of the platform are paid; `None` without
    /// tokens, or where some are not known.
    pub(super) fn cost_per_million_tokens(&self, price: Price, paid_s: f64) -> Option<f64> {
        let (input, output) = self.tokens_of_window().filter(|(input, output)| input + output > 0.0)?;
        Some(price.cost(paid_s, input, output) / (input + output) * 1e6)
    }

    /// The series that have a value or a failure.
    pub(super) fn distributions(&mut self) -> BTreeMap<Metric, Distribution> {
        let mut all = BTreeMap::new();
        let gaps = self.gaps.take();
        for (metric, Series { values, failed }) in std::mem::take(&mut self.series) {
            all.insert(metric, Distribution::of(values, &failed, metric));
        }
        if let Some(Gaps { histogram, moments }) = gaps {
            let failed = all.get(&Metric::Itl).map_or(0, |failures| failures.failed);
            let pooled = Distribution {
                values: Values::Histogram(Box::new(histogram)),
                failed,
                worst: Metric::Itl.worst(),
                whole: false,
                mean: moments.mean(),
                stddev: moments.stddev(),
                dependence: Dependence::default(),
                in_order: Vec::new(),
            };
            all.insert(Metric::Itl, pooled);
        }
        all
    }

    /// The rates that have an error.
    pub(super) fn estimates(&self, changes_by_plan: bool) -> BTreeMap<Metric, Estimate> {
        self.slices.estimates(changes_by_plan)
    }
}

/// Shows the moments at which the output of a request arrived, each with an equal part of its tokens: its chunks, or
/// the end of an answer without a stream. Where a crash lost the chunk times, chunks count as evenly spaced between
/// the first and the last, which the record has.
pub(super) fn arrivals<T>(record: &Record, chunks: &[u64], show: impl FnOnce(&[u64]) -> T) -> T {
    match (chunks, record.first_token_ns, record.last_token_ns) {
        ([], Some(first), Some(last)) if record.chunks > 1 && last >= first => {
            let gaps = u64::from(record.chunks) - 1;
            let between =
                |i: u64| first + (u128::from(last - first) * u128::from(i) / u128::from(gaps)) as u64;
            show(&(0..=gaps).map(between).collect::<Vec<_>>())
        }
        ([], Some(first), _) => show(&[first]),
        ([], None, _) => show(&[record.end_ns]),
        (chunks, ..) => show(chunks),
    }
}
