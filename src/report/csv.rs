//! `requests.csv`: one row per request, the columns that scripts know first.
//!
//! Times are seconds; `due` counts from the start of the run, the others from the stamp that their name says.
//! A field is empty where there is no value.

use std::fmt::Write;

use crate::{
    catalog::{Metric, Statistic},
    metrics::{GpuMemoryAround, Recovery, Summary},
    record::{ClockSource, Record, TokenSource},
};

/// The columns, in the order of [`csv_row`].
const HEADER: &str = "\
    seq,input_tokens,output_tokens,total_tokens,latency,ttft,tpot,throughput_tps,tokens_per_sec,\
    status,gpu_memory_mb,phase,step,endpoint,measured,user,due,queue_wait,send_lag,connect,tls,\
    connection_reused,attempts,http_version,http_status,first_byte,service_ttft,ttfc,end,chunks,\
    stamps_exact,clock,requested_output_tokens,token_source,finish_reason,request_id,error,batch,\
    objectives_met,model,conversation,turn,gpu_memory_before_mb,gpu_memory_after_mb\n";

/// The first line of the table, with its line end.
pub fn csv_header() -> &'static str {
    HEADER
}

/// Appends the line of a record, with its line end.
///
/// `latency` is `e2e` and `ttft` counts from `due` too; `throughput_tps` is output tokens ÷ latency and
/// `tokens_per_sec` all tokens ÷ latency; `status` is the outcome. `first_byte` and `end` count from `due`.
/// `objectives_met` is empty in a plan without objectives. `gpu_memory_mb` is the peak while it was on its way, in 10⁶ bytes; like what
/// was before and after, it is empty where no GPU was read all that time.
pub fn csv_row(
    record: &Record,
    objectives_met: Option<bool>,
    gpu_memory: Option<GpuMemoryAround>,
    out: &mut String,
) {
    let megabytes = |of: fn(GpuMemoryAround) -> f64| gpu_memory.map(|around| of(around) / 1e6);
    let total =
        record.input_tokens.zip(record.output_tokens).map(|(input, output)| input.saturating_add(output));
    let latency = record.e2e();
    let per_second = |tokens: Option<u64>| {
        tokens.zip(latency).filter(|(_, seconds)| *seconds > 0.0).map(|(n, seconds)| n as f64 / seconds)
    };
    let since_due = |stamp: u64| stamp.saturating_sub(record.due_ns) as f64 / 1e9;

    let mut row = Row { out, first: true };
    row.display(Some(record.seq));
    row.display(record.input_tokens);
    row.display(record.output_tokens);
    row.display(total);
    row.number(latency);
    row.number(record.ttft());
    row.number(record.tpot());
    row.number(per_second(record.output_tokens));
    row.number(per_second(total));
    row.text(record.outcome.name());
    row.number(megabytes(|around| around.peak));
    row.text(&record.phase);
    row.text(&record.step);
    row.text(&record.endpoint);
    row.display(Some(record.measured));
    row.display(record.user);
    row.number(Some(record.due_ns as f64 / 1e9));
    row.number(Some(record.queue_wait_ns as f64 / 1e9));
    row.number(record.send_lag());
    row.number(record.connect_ns.map(|ns| ns as f64 / 1e9));
    row.number(record.tls_ns.map(|ns| ns as f64 / 1e9));
    row.display(Some(record.connection_reused));
    row.display(Some(record.attempts));
    row.text(record.http_version.as_deref().unwrap_or_default());
    row.display(record.status);
    row.number(record.first_byte_ns.map(since_due));
    row.number(record.service_ttft());
    row.number(record.ttfc());
    row.number(Some(since_due(record.end_ns)));
    row.display(Some(record.chunks));
    row.display(Some(record.stamps_exact));
    row.text(match record.clock {
        ClockSource::Kernel => "kernel",
        ClockSource::User => "user",
    });
    row.display(Some(record.requested_output_tokens));
    row.text(match record.token_source {
        TokenSource::Usage => "usage",
        TokenSource::Chunks => "chunks",
        TokenSource::None => "none",
    });
    row.text(record.finish_reason.as_deref().unwrap_or_default());
    row.text(&record.request_id);
    row.text(record.error.as_deref().unwrap_or_default());
    row.display(Some(record.batch));
    row.display(objectives_met);
    row.text(&record.model);
    row.display(record.conversation);
    row.display(record.turn);
    row.number(megabytes(|around| around.before));
    row.number(megabytes(|around| around.after));
    out.push('\n');
}

/// The first line of `spikes.csv`, in the order of [`spikes_csv`].
const SPIKES: &str = "\
    phase,step,endpoint,spike,from,to,watched,\
    before_due,before_lost,before_ttft_p50,before_ttft_p95,before_e2e_p50,before_e2e_p95,\
    during_due,during_lost,during_ttft_p50,during_ttft_p95,during_e2e_p50,during_e2e_p95,\
    after_due,after_lost,after_ttft_p50,after_ttft_p95,after_e2e_p50,after_e2e_p95,\
    recovered,recovery,recovery_most\n";

/// `spikes.csv`: one row per spike of every measured scope with spikes; `None` where there are none. Seconds; a percentile
/// among lost requests is empty, as is the recovery from a spike that was not recovered from.
pub fn spikes_csv(summary: &Summary) -> Option<String> {
    let mut out = SPIKES.to_owned();
    let scopes = summary.scopes.iter().filter(|scope| scope.measured);
    for (scope, number, spike) in scopes
        .flat_map(|scope| scope.spikes.iter().zip(1..).map(move |(spike, number)| (scope, number, spike)))
    {
        let mut row = Row { out: &mut out, first: true };
        row.text(&scope.key.phase);
        row.text(scope.key.step.as_deref().unwrap_or_default());
        row.text(scope.key.endpoint.as_deref().unwrap_or_default());
        row.display(Some(number));
        for seconds in [spike.from_s, spike.to_s, spike.watched_s] {
            row.number(Some(seconds));
        }
        for stretch in [&spike.before, &spike.during, &spike.after] {
            row.display(Some(stretch.due));
            row.display(Some(stretch.lost));
            for metric in [Metric::Ttft, Metric::E2e] {
                row.number(stretch.latency(metric, Statistic::P50));
                row.number(stretch.latency(metric, Statistic::P95));
            }
        }
        let back = spike.recovery.filter(|recovery| recovery.happened());
        row.display(spike.recovery.map(Recovery::happened));
        row.number(back.map(|recovery| recovery.least_s));
        row.number(back.map(|recovery| recovery.most_s));
        out.push('\n');
    }
    (out.len() > SPIKES.len()).then_some(out)
}

struct Row<'a> {
    out: &'a mut String,
    first: bool,
}

impl Row<'_> {
    fn separate(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
    }

    fn display(&mut self, value: Option<impl std::fmt::Display>) {
        self.separate();
        if let Some(value) = value {
            write!(self.out, "{value}").expect("a string takes every text");
        }
    }

    /// Up to nine decimals, since stamps are whole nanoseconds.
    fn number(&mut self, value: Option<f64>) {
        self.separate();
        if let Some(value) = value.filter(|value| value.is_finite()) {
            let text = format!("{value:.9}");
            self.out.push_str(text.trim_end_matches('0').trim_end_matches('.'));
        }
    }

    /// Quoted where RFC 4180 asks for it.
    fn text(&mut self, text: &str) {
        self.separate();
        if text.contains(['"', ',', '\n', '\r']) {
            self.out.push('"');
            self.out.push_str(&text.replace('"', "\"\""));
            self.out.push('"');
        } else {
            self.out.push_str(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{record::Outcome, report::fixture::record};

    #[test]
    fn the_columns_that_scripts_know_come_first() {
        assert!(csv_header().starts_with(
            "seq,input_tokens,output_tokens,total_tokens,latency,ttft,tpot,throughput_tps,tokens_per_sec,status,\
             gpu_memory_mb,phase,"
        ));
    }

    #[test]
    fn a_success() {
        let mut out = String::new();
        let around = GpuMemoryAround { before: 4e9, peak: 5.5e9, after: 5.25e9 };
        csv_row(&record(), Some(true), Some(around), &mut out);
        insta::assert_snapshot!(out, @"7,400,64,464,0.5,0.085,0.006587302,128,928,ok,5500,mixed,mixed,flash,true,,12,0,0.00005,,,true,1,1.1,200,0.08,0.08495,0.085,0.5001,64,61,kernel,64,usage,stop,a1-7,,1,true,flash-model,,,4000,5250");
    }

    #[test]
    fn a_failure_leaves_fields_empty_and_quotes_its_error() {
        let mut out = String::new();
        let failed = Record {
            sent_ns: None,
            http_version: None,
            first_byte_ns: None,
            first_token_ns: None,
            first_content_ns: None,
            last_token_ns: None,
            user: Some(3),
            input_tokens: None,
            output_tokens: None,
            token_source: TokenSource::None,
            finish_reason: None,
            status: None,
            outcome: Outcome::ConnectFailed,
            error: Some("could not connect, \"refused\"\nby the peer".to_owned()),
            ..record()
        };
        csv_row(&failed, None, None, &mut out);
        insta::assert_snapshot!(out, @r#"
        7,,,,,,,,,connect_failed,,mixed,mixed,flash,true,3,12,0,,,,true,1,,,,,,0.5001,64,61,kernel,64,none,,a1-7,"could not connect, ""refused""
        by the peer",1,,flash-model,,,,
        "#);
    }

    #[test]
    fn every_row_has_a_field_per_column() {
        let mut out = String::new();
        csv_row(&record(), None, None, &mut out);
        assert_eq!(out.trim_end().split(',').count(), HEADER.split(',').count());
    }
}
