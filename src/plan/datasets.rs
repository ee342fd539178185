//! What a plan says of the files that its prompts come from.

use std::collections::BTreeMap;

use super::{LoadStep, Plan, Step};
use crate::{
    config::{Content, DataFormat, Dataset, RowOrder, Workload},
    units::{show_count, show_count_of},
    workload::{UNCOUNTED_BLOCK, position},
};

/// The datasets that requests come from, by the names of their workloads.
fn used(plan: &Plan) -> BTreeMap<&str, (&Dataset, &Content)> {
    let gets_requests = |index: usize| {
        plan.loads().any(|(_, load)| load.traffic.iter().any(|traffic| traffic.endpoint == index))
    };
    let used = plan.endpoints.iter().enumerate().filter_map(|(index, endpoint)| {
        let Workload::Dataset(dataset) = &endpoint.workload else { return None };
        let content = dataset.content.as_ref().filter(|_| gets_requests(index))?;
        Some((endpoint.workload_name.as_str(), (dataset, content)))
    });
    used.collect()
}

/// Each dataset in a line, with the name of its workload: `4,800 rows of prompts.jsonl, shuffled, sha256 1a2b3c4d5e6f`.
pub fn lines(plan: &Plan) -> Vec<(&str, String)> {
    let line = |(name, (dataset, content)): (_, (&Dataset, &Content))| {
        let rows = show_count_of(content.rows, "row");
        let skipped = match content.skipped {
            0 => String::new(),
            skipped => format!(", {} skipped", show_count(skipped)),
        };
        let path = &dataset.file.path;
        let order = match dataset.order {
            RowOrder::Shuffled => "shuffled",
            RowOrder::File => "in the order of the file",
        };
        (name, format!("{rows} of {path}{skipped}, {order}, sha256 {:.12}", content.sha256))
    };
    used(plan).into_iter().map(line).collect()
}

/// What was found in each dataset: the name of its workload, its rows and their hash.
pub(super) fn contents(plan: &Plan) -> Vec<(&str, u64, &str)> {
    let used = used(plan).into_iter();
    used.map(|(name, (_, content))| (name, content.rows, content.sha256.as_str())).collect()
}

/// Rows that were left out, and prompts that come again without anybody having said so.
pub(super) fn warnings(plan: &Plan) -> Vec<String> {
    let each = used(plan).into_iter().flat_map(|(name, (dataset, content))| {
        [skipped(name, dataset, content), recurring(plan, name, dataset, content)]
    });
    each.flatten().collect()
}

fn skipped(name: &str, dataset: &Dataset, content: &Content) -> Option<String> {
    let first = content.first_skipped.as_ref().filter(|_| content.skipped > 0)?;
    let rows = show_count_of(content.rows + content.skipped, "row");
    let (verb, others) = match content.skipped {
        1 => ("is", String::new()),
        skipped => ("are", format!(", and {} more", show_count(skipped - 1))),
    };
    Some(format!(
        "`workloads.{name}.dataset`: {} of {rows} of `{}` {verb} skipped: {first}{others}\nhelp: correct the file, if that is more than \
         was expected",
        show_count(content.skipped),
        dataset.file.path,
    ))
}

fn recurring(plan: &Plan, name: &str, dataset: &Dataset, content: &Content) -> Option<String> {
    let steps = plan.loads().filter(|(_, load)| {
        let of = |endpoint: usize| plan.endpoints[endpoint].workload_name == name;
        load.traffic.iter().any(|traffic| of(traffic.endpoint))
    });
    let steps: Vec<_> = steps.collect();
    let stretches = steps.iter().filter_map(|(step, load)| stretch(step, load, content.rows));
    let (prompts, again) = come_again(stretches, content.rows);
    if again == 0 || dataset.repeat {
        return None;
    }
    // a number that was written down is no estimate
    let estimated = |(step, load): &(&Step, &LoadStep)| {
        step.expected.assumed && step.expected.requests != load.requests.map(|requests| requests as f64)
    };
    let about = if steps.iter().any(estimated) { "about " } else { "" };
    let noun = if dataset.file.format == DataFormat::Sharegpt { "conversation" } else { "row" };
    Some(format!(
        "`workloads.{name}.dataset`: {about}{} of {} come again, since `{}` has {}; a server that keeps prefixes answers \
         those faster than any that are new to it\nhelp: send fewer requests, or use a larger file; where it is meant, set \
         `workloads.{name}.dataset.repeat = true`",
        show_count(again),
        show_count_of(prompts, "prompt"),
        dataset.file.path,
        show_count_of(content.rows, noun),
    ))
}

/// Where in the rows a step begins, and how many prompts it has from there on. `None` where it cannot be told.
fn stretch(step: &Step, load: &LoadStep, rows: u64) -> Option<(u64, u64)> {
    let requests = step.expected.requests?.min(UNCOUNTED_BLOCK as f64) as u64;
    Some((position(load.first_seq, 0, load.batch, rows), requests.saturating_mul(load.batch.into())))
}

/// How many prompts all stretches have together, and how many of them are of rows that others have been before.
pub(super) fn come_again(stretches: impl Iterator<Item = (u64, u64)>, rows: u64) -> (u64, u64) {
    let mut prompts: u64 = 0;
    let mut parts: Vec<(u64, u64)> = Vec::new();
    for (from, length) in stretches {
        prompts = prompts.saturating_add(length);
        let to = from.saturating_add(length.min(rows));
        parts.push((from, to.min(rows)));
        if to > rows {
            // goes on at the first row
            parts.push((0, to - rows));
        }
    }
    parts.sort_unstable();
    let (mut different, mut seen) = (0, 0);
    for (from, to) in parts {
        different += to.saturating_sub(from.max(seen));
        seen = seen.max(to);
    }
    (prompts, prompts - different)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_that_come_again_are_counted() {
        for (stretches, rows, expected) in [
            (&[][..], 10, (0, 0)),
            (&[(0, 10)], 10, (10, 0)),
            (&[(0, 11)], 10, (11, 1)),
            (&[(0, 35)], 10, (35, 25)),
            (&[(0, 3), (3, 7)], 10, (10, 0)),
            (&[(0, 3), (2, 7)], 10, (10, 1)),
            // over the end, into those of the first step
            (&[(0, 3), (8, 4)], 10, (7, 2)),
            (&[(8, 4), (0, 3)], 10, (7, 2)),
            (&[(5, 20), (0, 3)], 10, (23, 13)),
            (&[(0, u64::MAX), (0, 1)], 10, (u64::MAX, u64::MAX - 10)),
        ] {
            assert_eq!(come_again(stretches.iter().copied(), rows), expected, "{stretches:?} of {rows}");
        }
    }
}
