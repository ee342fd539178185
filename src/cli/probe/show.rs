//! A probe as text and as JSON.

use std::fmt::Write as _;

use http::HeaderName;

use super::{
    advice::warnings,
    document::{Exchange, Moment, Read, Request},
};
use crate::{
    engine::{Binding, Probed},
    plan::{PlannedEndpoint, describe},
    protocol::{Carried, Meaning},
    record::{Outcome, Record, TokenSource},
};

/// A probe with what it is about.
pub(super) struct Shown<'a> {
    pub(super) endpoint: &'a PlannedEndpoint,
    pub(super) binding: &'a Binding,
    pub(super) probed: &'a Probed,
}

/// A line of the timeline.
struct Line {
    /// Since the request was sent; none for what is a duration itself.
    since_sent_ns: Option<i64>,
    /// The read that brought it, from 1.
    read: Option<usize>,
    bytes: Option<usize>,
    /// What it is, for programs.
    is: Vec<&'static str>,
    /// What it is, for people.
    words: String,
}

/// The headers that a load test has an interest in.
const HEADERS: [&str; 9] = [
    "content-type",
    "content-encoding",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "retry-after",
    "location",
    "server",
];

impl Shown<'_> {
    /// For people.
    pub(super) fn text(&self) -> String {
        let (endpoint, probed, record) = (self.endpoint, self.probed, &self.probed.record);
        let mut text = format!(
            "{}  {} · {} · model `{}`\nPOST {}: {} bytes, about {} prompt tokens, {} output tokens asked for\n\n",
            endpoint.name,
            self.binding.server.url,
            endpoint.protocol.name(),
            record.model,
            probed.target,
            probed.request_bytes,
            probed.estimated_prompt_tokens,
            record.requested_output_tokens,
        );
        text.push_str("   ms since sent  read   bytes  what\n");
        let number = |n: Option<usize>| n.map_or_else(String::new, |n| n.to_string());
        for line in self.timeline() {
            let at = line.since_sent_ns.map_or_else(String::new, |ns| format!("{:.3}", ns as f64 / 1e6));
            // writing to a string cannot fail
            let _ =
                writeln!(text, "{at:>16} {:>5} {:>7}  {}", number(line.read), number(line.bytes), line.words);
        }
        let _ = writeln!(text, "\nresult  {}", record.outcome.name());
        let error = record.error.clone();
        let rows = [
            ("error", error),
            ("tokens", Some(self.tokens())),
            ("ttft", record.ttft().map(|s| format!("{}, from sending to the first output", milliseconds(s)))),
            ("tpot", record.tpot().map(|s| format!("{}, per token after the first", milliseconds(s)))),
            ("e2e", record.e2e().map(|s| format!("{}, from sending to the last output", milliseconds(s)))),
            ("finish", record.finish_reason.clone()),
            ("check", self.check()),
        ];
        for (name, value) in rows {
            if let Some(value) = value {
                let _ = writeln!(text, "  {name:<7} {value}");
            }
        }
        for warning in self.warnings() {
            let _ = writeln!(text, "warning: {warning}");
        }
        text
    }

    /// For programs.
    pub(super) fn exchange(&self) -> Exchange {
        let (endpoint, probed, record) = (self.endpoint, self.probed, &self.probed.record);
        let milliseconds = |ns: i64| ns as f64 / 1e6;
        let timeline = self.timeline().into_iter().map(|line| Moment {
            since_sent_ms: line.since_sent_ns.map(milliseconds),
            read: line.read,
            bytes: line.bytes,
            is: line.is,
            text: line.words,
        });
        let reads = probed.reads.iter().map(|read| Read {
            since_sent_ms: self.since_sent(read.arrival_ns).map(milliseconds),
            bytes: read.bytes,
        });
        Exchange {
            endpoint: endpoint.name.clone(),
            url: self.binding.server.url.clone(),
            simulated: self.binding.server.simulated,
            protocol: endpoint.protocol,
            model: record.model.clone(),
            models: self.binding.models.clone().ok(),
            request: Request {
                target: probed.target.clone(),
                bytes: probed.request_bytes,
                estimated_prompt_tokens: probed.estimated_prompt_tokens,
                max_tokens: record.requested_output_tokens,
            },
            headers: self.headers().collect(),
            timeline: timeline.collect(),
            reads: reads.collect(),
            outcome: record.outcome,
            ttft_s: record.ttft(),
            tpot_s: record.tpot(),
            e2e_s: record.e2e(),
            connection_still_open: probed.still_open,
            warnings: self.warnings(),
            record: record.clone(),
        }
    }

    fn warnings(&self) -> Vec<String> {
        warnings(self.probed, self.endpoint.stream, &self.binding.models)
    }

    fn tokens(&self) -> String {
        let record = &self.probed.record;
        let count = |tokens: Option<u64>| tokens.map_or_else(|| "?".to_owned(), |tokens| tokens.to_string());
        let source = match record.token_source {
            TokenSource::Usage => "as the server counts",
            TokenSource::Chunks => "counted by chunks",
            TokenSource::None => "not counted",
        };
        let mut text = format!(
            "{} in, {} out of {} asked for, {source}; {} chunks",
            count(record.input_tokens),
            count(record.output_tokens),
            record.requested_output_tokens,
            record.chunks
        );
        for (tokens, what) in [(record.reasoning_tokens, "reasoning"), (record.cached_tokens, "cached")] {
            if let Some(tokens) = tokens {
                let _ = write!(text, ", {tokens} {what}");
            }
        }
        text
    }

    /// What came of the check of the answer, where there is one and the answer came so far; what is wrong is an error.
    fn check(&self) -> Option<String> {
        let Record { outcome, unchecked, .. } = &self.probed.record;
        let check = self.endpoint.check.as_ref().filter(|_| *outcome == Outcome::Ok)?;
        Some(match unchecked {
            None => format!("passed: {}", describe::check(check)),
            Some(why) => format!("not made: {why}"),
        })
    }

    fn headers(&self) -> impl Iterator<Item = (String, String)> {
        let headers = self.probed.headers.as_ref();
        HEADERS.into_iter().map(HeaderName::from_static).filter_map(move |name| {
            let value = String::from_utf8_lossy(headers?.get(&name)?.as_bytes()).into_owned();
            Some((name.as_str().to_owned(), value))
        })
    }

    fn since_sent(&self, at_ns: u64) -> Option<i64> {
        self.probed.record.sent_ns.map(|sent_ns| at_ns as i64 - sent_ns as i64)
    }

    fn timeline(&self) -> Vec<Line> {
        let (probed, record) = (self.probed, &self.probed.record);
        let mut lines = Vec::new();
        let mut step = |at_ns: Option<u64>, read, bytes, is, words: String| {
            let since_sent_ns = at_ns.and_then(|at_ns| self.since_sent(at_ns));
            lines.push(Line { since_sent_ns, read, bytes, is, words });
        };
        for (is, took) in [("connect", record.connect_ns), ("tls", record.tls_ns)] {
            if let Some(ns) = took {
                step(None, None, None, vec![is], format!("{is} took {:.3} ms", ns as f64 / 1e6));
            }
        }
        if record.sent_ns.is_some() {
            step(record.sent_ns, None, Some(probed.request_bytes), vec!["sent"], "sent".to_owned());
        }
        if record.first_byte_ns.is_some() {
            let read = Some(1);
            step(record.first_byte_ns, read, None, vec!["first_byte"], "first byte".to_owned());
        }
        if let (Some(status), Some(version)) = (record.status, &record.http_version) {
            let mut words = format!("head: status {status}, HTTP/{version}");
            for (name, value) in self.headers() {
                let _ = write!(words, ", {name}: {value}");
            }
            step(None, None, None, vec!["head"], words);
        }
        let mut seen = probed.seen.iter().peekable();
        for (index, read) in probed.reads.iter().enumerate() {
            let mut completed = 0;
            while let Some(event) = seen.next_if(|event| event.arrival_ns == read.arrival_ns) {
                completed += 1;
                let (is, words) = describe(&event.meaning);
                step(Some(event.arrival_ns), Some(index + 1), Some(event.bytes), is, words);
            }
            if completed == 0 && read.bytes > 0 {
                let words = "part of the body, without the end of an event".to_owned();
                step(Some(read.arrival_ns), Some(index + 1), Some(read.bytes), vec!["part"], words);
            }
        }
        step(Some(record.end_ns), None, None, vec!["end"], "end".to_owned());
        lines
    }
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.3} ms", seconds * 1e3)
}

/// What an event is, for programs and for people.
fn describe(meaning: &Meaning) -> (Vec<&'static str>, String) {
    let one = |is, words: &str| (vec![is], words.to_owned());
    match meaning {
        Meaning::Document(carried) => describe_document(carried),
        Meaning::Done => one("done", "[DONE]"),
        Meaning::KeepAlive => one("keep_alive", "keep-alive: an event without data"),
        Meaning::Comment => one("comment", "comment"),
        Meaning::Error(message) => (vec!["error"], format!("error: {message}")),
        Meaning::Malformed(error) => (vec!["unknown"], format!("not as the protocol says: {error}")),
    }
}

fn describe_document(carried: &Carried) -> (Vec<&'static str>, String) {
    let contents = carried.contents;
    let parts = [
        (contents.reasoning, "reasoning", "reasoning"),
        (contents.text, "output_text", "output text"),
        (contents.tool_call, "tool_call", "tool call"),
        (contents.refusal, "refusal", "refusal"),
        (contents.result, "result", "result"),
        (contents.role, "role", "role"),
        (contents.null_content, "null_content", "content null"),
        (carried.finish_reason.is_some(), "finish_reason", "finish reason"),
        (carried.usage, "usage", "usage"),
        (carried.timings, "timings", "timings"),
        (carried.ends, "end", "end"),
    ];
    let mut is = Vec::new();
    let mut words = Vec::new();
    for (_, name, word) in parts.into_iter().filter(|(there, ..)| *there) {
        is.push(name);
        words.push(match &carried.finish_reason {
            Some(reason) if name == "finish_reason" => format!("{word} `{reason}`"),
            _ => word.to_owned(),
        });
    }
    if is.is_empty() {
        return (vec!["empty"], "empty".to_owned());
    }
    if is == ["role"] {
        return (is, "role only".to_owned());
    }
    (is, words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Contents;

    #[test]
    fn an_event_is_described_by_what_it_carries() {
        let nothing = Contents::default();
        let document = |contents| Meaning::Document(Carried { contents, ..Carried::default() });
        let last = Carried {
            usage: true,
            timings: true,
            finish_reason: Some("length".to_owned()),
            ..Carried::default()
        };
        for (meaning, is, words) in [
            (document(nothing), vec!["empty"], "empty"),
            (document(Contents { role: true, ..nothing }), vec!["role"], "role only"),
            (
                document(Contents { role: true, null_content: true, ..nothing }),
                vec!["role", "null_content"],
                "role, content null",
            ),
            (document(Contents { text: true, ..nothing }), vec!["output_text"], "output text"),
            (
                document(Contents { reasoning: true, null_content: true, ..nothing }),
                vec!["reasoning", "null_content"],
                "reasoning, content null",
            ),
            (document(Contents { tool_call: true, ..nothing }), vec!["tool_call"], "tool call"),
            (document(Contents { refusal: true, ..nothing }), vec!["refusal"], "refusal"),
            (
                Meaning::Document(last),
                vec!["finish_reason", "usage", "timings"],
                "finish reason `length`, usage, timings",
            ),
            (Meaning::Done, vec!["done"], "[DONE]"),
            (Meaning::Comment, vec!["comment"], "comment"),
            (Meaning::Error("no memory".to_owned()), vec!["error"], "error: no memory"),
        ] {
            assert_eq!(describe(&meaning), (is, words.to_owned()), "{meaning:?}");
        }
    }
}
