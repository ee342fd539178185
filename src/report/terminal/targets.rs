//! The targets: what decides and warns, and below it what is shown for information.

use super::{BAD, BOLD, DIM, GOOD, Grid, OPEN, Style, indented, width};
use crate::{
    config::Severity,
    report::{Report, words},
    verdict::{Judged, Mark},
};

/// Columns that can be spared: the line below a row says what they said.
const ABOUT: usize = 2;
const INTERVAL: usize = 5;

/// A group of rows after the other, then what is judged nowhere.
pub(super) fn targets(report: &Report, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for group in words::target_groups(report) {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        // nobody asked for these: one look, and the other formats have every row
        if group.preset {
            let short = format!("{}: {}", group.heading, group.in_short());
            let mut shown = indented(&short, 2, style);
            if let Some(first) = shown.first_mut() {
                *first = first.trim_start().to_owned();
            }
            lines.extend(shown.iter().map(|line| style.paint(DIM, line)));
            continue;
        }
        lines.push(style.paint(BOLD, &group.heading));
        lines.extend(rows(&group.rows, style));
    }
    let skipped = words::skipped(report);
    if !skipped.is_empty() {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(style.paint(BOLD, "skipped"));
    }
    for (names, reason) in skipped {
        let line = format!("{} {names}: {reason}", words::MISSING);
        lines.extend(indented(&line, 2, style).iter().map(|line| style.paint(DIM, line)));
    }
    lines
}

fn rows(targets: &[&Judged], style: Style) -> Vec<String> {
    let mut rows = Grid::new(&["", "", "", "", "", ""]);
    for target in targets {
        rows.row([
            mark(target),
            name(target),
            words::about(target),
            words::value(target.metric.metric, target.value),
            words::bound(target.metric, target.bound),
            words::interval(target.metric, target.interval),
        ]);
    }
    rows.right(&[3]);
    rows.drop_empty();
    rows.fit(style.width.saturating_sub(2), &[INTERVAL, ABOUT]);
    let mut lines = Vec::new();
    for (target, line) in targets.iter().zip(rows.lines()) {
        let mark = mark(target);
        let rest = line.strip_prefix(&mark).unwrap_or(&line).trim_end().to_owned();
        let shown = format!("  {}{rest}", style.paint(color(target), &mark));
        let remark = remark(target, &rows);
        if remark.is_empty() {
            lines.push(shown);
        } else if 2 + width(&mark) + width(&rest) + 2 + width(&remark) <= style.width {
            lines.push(format!("{shown}  {}", style.paint(DIM, &remark)));
        } else {
            lines.push(shown);
            lines.extend(indented(&remark, 4, style).iter().map(|line| style.paint(DIM, line)));
        }
    }
    lines
}

/// Whether a row neither decides nor warns.
fn quiet(target: &Judged) -> bool {
    target.severity == Severity::Info
}

fn mark(target: &Judged) -> String {
    let (sign, word) = words::row_mark(target);
    format!("{sign} {word}")
}

/// A preset calls its targets like their metrics, which the next column says better.
fn name(target: &Judged) -> String {
    match (target.from_preset, target.severity) {
        (false, _) => words::target_name(target),
        (true, Severity::Warn) => "preset (warn)".to_owned(),
        (true, Severity::Fail | Severity::Info) => "preset".to_owned(),
    }
}

fn color(target: &Judged) -> anstyle::Style {
    match (target.severity, target.mark) {
        (Severity::Info, _) => DIM,
        (_, Mark::Pass) => GOOD,
        (Severity::Warn, _) | (_, Mark::Inconclusive) => OPEN,
        (Severity::Fail, Mark::Fail) => BAD,
    }
}

/// What the row itself has no room for. How it came about is said only where it did not go well: the page says it of
/// every row.
fn remark(target: &Judged, rows: &Grid) -> String {
    let mut parts = Vec::new();
    if rows.hides(ABOUT) {
        parts.push(words::about(target));
    }
    if target.mark != Mark::Pass && !quiet(target) {
        let interval = words::interval(target.metric, target.interval);
        if rows.hides(INTERVAL) && !interval.is_empty() {
            parts.push(format!("90 % interval {interval}"));
        }
        parts.extend(Some(words::remark(target)).filter(|remark| !remark.is_empty()));
    } else if target.value.is_none() && !target.note.is_empty() {
        parts.push(target.note.clone());
    }
    parts.join("; ")
}
