//! `[workloads.NAME.trace]`, `[workloads.NAME.replay]` and `load.trace`.

use super::{
    super::{Follow, OnBadRow, Trace, TraceFile, TraceFormat, TraceWindow, tree::Node},
    dataset::path,
    fields::Fields,
    leaf::{self, Read, Wrong, wrong},
};

const WINDOW_HELP: &str = "write `window = { from = \"0s\", to = \"10m\" }`";

/// Reads a trace that somebody else wrote.
pub(super) fn trace(mut table: Fields<'_>) -> Option<Trace> {
    let path = table.require("path", "path = \"trace.jsonl\"", path);
    let formats = TraceFormat::FOREIGN.map(|format| (format.name(), format));
    let said = table.node("format").is_some();
    let format = table.get("format", leaf::word(&formats));
    let rows = rows(&mut table);
    table.finish();
    let file = rows?.of(path?, format, None);
    (said == file.format.is_some()).then_some(Trace { file, content: None })
}

/// Reads the trace that a run of this program left.
pub(super) fn replay(mut table: Fields<'_>) -> Option<Trace> {
    let run = table.require("run", "run = \"results/runs/RUN\"", folder);
    let said = table.node("phase").is_some();
    let phase = table.get("phase", leaf::text);
    let rows = rows(&mut table);
    table.finish();
    let file = rows?.of(run?, Some(TraceFormat::Run), phase);
    (said == file.phase.is_some()).then_some(Trace { file, content: None })
}

/// Which rows are taken, and what becomes of bad ones: the same for both.
struct Rows {
    window: TraceWindow,
    limit: Option<u64>,
    on_bad_row: OnBadRow,
}

impl Rows {
    fn of(self, path: String, format: Option<TraceFormat>, phase: Option<String>) -> TraceFile {
        let Self { window, limit, on_bad_row } = self;
        TraceFile { path, format, phase, window, limit, on_bad_row }
    }
}

fn rows(table: &mut Fields<'_>) -> Option<Rows> {
    let window = match table.node("window") {
        Some(_) => table.table_or("window", WINDOW_HELP).and_then(window),
        None => Some(TraceWindow::default()),
    };
    let limited = table.node("limit").is_some();
    let limit = table.get("limit", leaf::count(1));
    let outcomes = [("fail", OnBadRow::Fail), ("skip", OnBadRow::Skip)];
    let on_bad_row = table.get("on_bad_row", leaf::word(&outcomes));
    (limited == limit.is_some()).then_some(Rows { window: window?, limit, on_bad_row: on_bad_row? })
}

fn window(mut table: Fields<'_>) -> Option<TraceWindow> {
    let from = match table.node("from") {
        Some(_) => table.get("from", leaf::duration),
        None => Some(std::time::Duration::ZERO),
    };
    let start = table.node("from");
    let ends = table.node("to").is_some();
    let to = table.get("to", |node| {
        let to = leaf::positive_duration(node)?;
        match from.filter(|from| *from >= to) {
            Some(_) => Err(vec![Wrong {
                place: node.place.clone(),
                what: "is not behind `from`".to_owned(),
                label: "it ends here".to_owned(),
                help: "let it end later than it begins".to_owned(),
                other: start.map(|start| (start.place.clone(), "and begins here".to_owned())),
            }]),
            None => Ok(to),
        }
    });
    table.finish();
    (ends == to.is_some()).then_some(TraceWindow { from: from?, to })
}

/// The folder of a run.
fn folder(node: &Node) -> Read<String> {
    const HELP: &str =
        "write the folder of a run, such as `\"results/runs/RUN\"`, from the folder of the scenario";
    let text = leaf::text(node)?;
    if text.is_empty() {
        return wrong(node, "must not be empty", "empty", HELP);
    }
    if text.contains('\n') || text.contains("://") {
        return wrong(node, "must be the folder of a run", "not a path", HELP);
    }
    Ok(text)
}

/// Reads a load that follows a trace.
pub(super) fn follow(mut fields: Fields<'_>) -> Option<Follow> {
    let speed = fields.get("speed", speed);
    let limited = fields.node("concurrency_limit").is_some();
    let concurrency_limit = fields.get("concurrency_limit", leaf::count(1));
    fields.finish();
    (limited == concurrency_limit.is_some()).then_some(Follow {
        speed: speed?,
        concurrency_limit,
        part: None,
    })
}

/// How many times as fast. Beyond the range, a week would be over in a second or a second would take a month.
fn speed(node: &Node) -> Read<f64> {
    const RANGE: std::ops::RangeInclusive<f64> = 1e-6..=1e6;
    let speed = leaf::positive(node)?;
    if RANGE.contains(&speed) {
        return Ok(speed);
    }
    wrong(
        node,
        format!("must be {} to {}, found {speed}", RANGE.start(), RANGE.end()),
        "no speed for a trace",
        "write 1 for the trace's own time, 10 for ten times as fast",
    )
}
