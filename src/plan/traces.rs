//! What a plan says of the traces that its requests come from.

use std::collections::BTreeMap;

use super::{LoadStep, Pattern, Plan, Step, datasets::come_again};
use crate::{
    config::{Trace, TraceContent, TraceFormat, TracePrompts, TraceWindow, Workload},
    units::{show_count, show_count_of, show_seconds, write_duration},
    workload::{UNCOUNTED_BLOCK, position},
};

/// The traces that requests come from, by the names of their workloads.
fn used(plan: &Plan) -> BTreeMap<&str, (&Trace, &TraceContent)> {
    let gets_requests = |index: usize| {
        plan.loads().any(|(_, load)| load.traffic.iter().any(|traffic| traffic.endpoint == index))
    };
    let used = plan.endpoints.iter().enumerate().filter_map(|(index, endpoint)| {
        let Workload::Trace(trace) = &endpoint.workload else { return None };
        let content = trace.content.as_ref().filter(|_| gets_requests(index))?;
        Some((endpoint.workload_name.as_str(), (trace, content)))
    });
    used.collect()
}

/// Each trace in a line, with the name of its workload: `1,480 requests of trace.jsonl (mooncake) in 9m 58s, prompts made of
/// its blocks, sha256 1a2b3c4d5e6f`.
pub fn lines(plan: &Plan) -> Vec<(&str, String)> {
    used(plan).into_iter().map(|(name, (trace, content))| (name, line(trace, content))).collect()
}

fn line(trace: &Trace, content: &TraceContent) -> String {
    let of = match (content.format, &trace.file.phase) {
        (TraceFormat::Run, Some(phase)) => format!("phase {phase}"),
        (TraceFormat::Run, None) => "what was measured".to_owned(),
        (format, _) => format.name().to_owned(),
    };
    let TraceWindow { from, to } = trace.file.window;
    let window = match to {
        Some(to) => format!(", {} to {}", write_duration(from), write_duration(to)),
        None if from.is_zero() => String::new(),
        None => format!(", {} on", write_duration(from)),
    };
    let mut parts = vec![format!(
        "{} of {} ({of}{window}) in {}",
        show_count_of(content.rows, "request"),
        trace.file.path,
        show_seconds(content.last_ns as f64 / 1e9)
    )];
    let counted = [(content.skipped, "skipped"), (content.unanswered, "without an answer left out")];
    let counted = counted.into_iter().filter(|(count, _)| *count > 0);
    parts.extend(counted.map(|(count, what)| format!("{} {what}", show_count(count))));
    parts.push(match content.prompts {
        TracePrompts::Made => "prompts made up".to_owned(),
        TracePrompts::Blocks => "prompts made of its blocks".to_owned(),
        TracePrompts::Kept if content.kept == content.rows => "with its very prompts".to_owned(),
        TracePrompts::Kept => {
            format!("with its very prompts in {}, the others made up", show_count(content.kept))
        }
    });
    parts.push(format!("sha256 {:.12}", content.sha256));
    parts.join(", ")
}

/// What was found in each trace: the name of its workload, its rows and their hash.
pub(super) fn contents(plan: &Plan) -> Vec<(&str, u64, &str)> {
    let used = used(plan).into_iter();
    used.map(|(name, (_, content))| (name, content.rows, content.sha256.as_str())).collect()
}

/// Rows that were left out, and prompts that come again.
pub(super) fn warnings(plan: &Plan) -> Vec<String> {
    let each = used(plan).into_iter();
    each.flat_map(|(name, (trace, content))| {
        [skipped(name, trace, content), recurring(plan, name, trace, content)]
    })
    .flatten()
    .collect()
}

/// How the table of a workload is called.
fn kind(content: &TraceContent) -> &'static str {
    if content.format == TraceFormat::Run { "replay" } else { "trace" }
}

fn skipped(name: &str, trace: &Trace, content: &TraceContent) -> Option<String> {
    let first = content.first_skipped.as_ref().filter(|_| content.skipped > 0)?;
    let (verb, others) = match content.skipped {
        1 => ("is", String::new()),
        skipped => ("are", format!(", and {} more", show_count(skipped - 1))),
    };
    Some(format!(
        "`workloads.{name}.{}`: {} of `{}` {verb} skipped: {first}{others}\nhelp: correct the file, if that is more than was \
         expected",
        kind(content),
        show_count_of(content.skipped, "row"),
        trace.file.path,
    ))
}

/// Prompts that are made up are always others; those of blocks, and those that were kept, are the same in every phase that has
/// their row.
fn recurring(plan: &Plan, name: &str, trace: &Trace, content: &TraceContent) -> Option<String> {
    if content.prompts == TracePrompts::Made {
        return None;
    }
    let steps = plan.loads().filter(|(_, load)| {
        let of = |endpoint: usize| plan.endpoints[endpoint].workload_name == name;
        load.traffic.iter().any(|traffic| of(traffic.endpoint))
    });
    let (prompts, again) =
        come_again(steps.filter_map(|(step, load)| stretch(step, load, content.rows)), content.rows);
    (again > 0).then(|| {
        format!(
            "`workloads.{name}.{}`: about {} of {} come again, since `{}` has {} in all; a server that keeps prefixes answers \
             those faster than it once did\nhelp: give other phases a workload of their own, or take another `window` there",
            kind(content),
            show_count(again),
            show_count_of(prompts, "prompt"),
            trace.file.path,
            show_count_of(content.rows, "row"),
        )
    })
}

/// Where in the rows a step begins, and how many prompts it has from there on. `None` where it cannot be told.
fn stretch(step: &Step, load: &LoadStep, rows: u64) -> Option<(u64, u64)> {
    let requests = step.expected.requests?.min(UNCOUNTED_BLOCK as f64) as u64;
    let from = match load.pattern {
        Pattern::Trace { .. } => 0,
        Pattern::Open { .. } | Pattern::Closed { .. } => position(load.first_seq, 0, load.batch, rows),
    };
    Some((from, requests.saturating_mul(load.batch.into())))
}
