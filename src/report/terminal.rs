//! The report as one screen of text, and several scenarios as a table.

mod calibration;
mod cases;
mod comparison;
mod ladders;
mod observed;
mod repeats;
mod searches;
mod scopes;
mod spikes;
mod targets;

use std::fmt;

pub use self::{calibration::calibration, cases::cases, comparison::comparison, repeats::repeats};
use anstyle::{AnsiColor, Style as Ansi};
use comfy_table::{CellAlignment, Table};

use super::{Report, services, words};
use crate::{
    config::{Format, Severity},
    metrics::Failure,
    plan::describe::in_shell,
    units,
    verdict::{Conclusion, Grade, Level, Mark},
};

/// How text for a terminal is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether to use colours; signs and words say the same without them.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
}

const BOLD: Ansi = Ansi::new().bold();
const DIM: Ansi = Ansi::new().dimmed();
const GOOD: Ansi = AnsiColor::Green.on_default();
const BAD: Ansi = AnsiColor::Red.on_default();
const OPEN: Ansi = AnsiColor::Yellow.on_default();

impl Style {
    fn paint(self, style: Ansi, text: &str) -> String {
        if self.color && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

fn color_of_conclusion(conclusion: Conclusion) -> Ansi {
    match conclusion {
        Conclusion::Pass => GOOD,
        Conclusion::Inconclusive => OPEN,
        Conclusion::Fail | Conclusion::Invalid | Conclusion::Aborted => BAD,
    }
}

/// The report as one screen of text, with a line end after every line.
pub fn terminal(report: &Report, style: Style) -> String {
    let sections = [
        headline(report, style),
        targets::targets(report, style),
        validity(report, style),
        calibrated(report, style),
        conclusion(report, style),
        scopes::scopes(report, style),
        ladders::ladders(report, style),
        searches::searches(report, style),
        spikes::spikes(report, style),
        observed::observed(report, style),
        failures(report, style),
        analysis(report, style),
        recommendations(report, style),
        whereabouts(report, style),
    ];
    let mut out = String::new();
    for section in sections.iter().filter(|section| !section.is_empty()) {
        if !out.is_empty() {
            out.push('\n');
        }
        for line in section {
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    out
}

/// Where everything is, and how to do it again.
fn whereabouts(report: &Report, style: Style) -> Vec<String> {
    let folder = report.folder;
    // it starts programs, which a run folder alone may not
    let flag = if report.plan.services.is_empty() { "" } else { " --allow-services" };
    vec![
        format!("{}  {folder}/{}", style.paint(DIM, "report"), main_file(report)),
        style.paint(DIM, &format!("again   scenario rerun {}{flag}", in_shell(folder))),
    ]
}

/// The file of the run folder to look at first.
fn main_file(report: &Report) -> &'static str {
    if report.plan.output.formats.contains(&Format::Html) { "report.html" } else { "summary.json" }
}

fn headline(report: &Report, style: Style) -> Vec<String> {
    let platform = &report.plan.platform;
    let mut lines = vec![format!(
        "{}  {}",
        style.paint(BOLD, &report.plan.title()),
        style.paint(
            DIM,
            &format!(
                "{} · {} · {}",
                platform.name,
                words::started(report),
                units::show_seconds(report.elapsed_s)
            )
        )
    )];
    if let Some(run) = &report.plan.rerun_of {
        lines.push(style.paint(DIM, &format!("the plan of {run}, run again")));
    }
    lines.extend(wrap(&words::hardware(report), style.width).iter().map(|line| style.paint(DIM, line)));
    lines.extend(words::datasets(report).iter().flat_map(|line| behind("prompts", line, style)));
    lines.extend(words::tokenizers(report).iter().flat_map(|line| behind("tokenizer", line, style)));
    lines.extend(services::services(report).flat_map(|known| behind("service", &known.line(), style)));
    let notices = [words::simulated_notice(report), words::insecure_notice(report)];
    for notice in notices.into_iter().flatten().chain(services::lost(report)) {
        lines.extend(wrap(&notice, style.width).iter().map(|line| style.paint(OPEN, line)));
    }
    lines
}

fn validity(report: &Report, style: Style) -> Vec<String> {
    let checks = &report.verdict.validity;
    let failing: Vec<_> = checks.iter().filter(|check| !check.ok).collect();
    if checks.is_empty() {
        return Vec::new();
    }
    if failing.is_empty() {
        let all = format!("all {} checks hold", checks.len());
        return vec![format!(
            "{}  {} {all}",
            style.paint(BOLD, "validity"),
            style.paint(GOOD, words::sign(Mark::Pass))
        )];
    }
    let mut lines = vec![format!(
        "{}  {}",
        style.paint(BOLD, "validity"),
        style.paint(DIM, &format!("{} of {} checks hold", checks.len() - failing.len(), checks.len()))
    )];
    for check in failing {
        let (color, word) = if check.void { (BAD, "✗ void") } else { (OPEN, "! caution") };
        let seen = format!("{}: {}, limit {}", check.name, check.value, check.limit);
        // continued below the text of the first line, not below its sign
        let mut shown = indented(&seen, 4 + width(word), style);
        if let Some(first) = shown.first_mut() {
            *first = format!("  {}  {}", style.paint(color, word), first.trim_start());
        }
        let one_line = 2 + width(word) + 2 + width(&seen) + 2 + width(&check.advice) <= style.width;
        match shown.last_mut() {
            Some(last) if one_line && !check.advice.is_empty() => {
                last.push_str("  ");
                last.push_str(&style.paint(DIM, &check.advice));
                lines.extend(shown);
            }
            _ => {
                lines.extend(shown);
                lines.extend(indented(&check.advice, 4, style).iter().map(|line| style.paint(DIM, line)));
            }
        }
    }
    lines
}

/// What the machine could do before the run, where that was known.
fn calibrated(report: &Report, style: Style) -> Vec<String> {
    let Some(found) = words::calibrated(report) else { return Vec::new() };
    let mut lines = behind("calibrated", &found, style);
    let beyond = words::beyond(report);
    lines.extend(beyond.iter().flat_map(|line| indented(&format!("! {line}"), 2, style)));
    lines
}

fn conclusion(report: &Report, style: Style) -> Vec<String> {
    let verdict = report.verdict;
    let color = color_of_conclusion(verdict.conclusion).bold();
    let mut lines = vec![format!(
        "{}  grade {}  {}",
        style.paint(color, words::conclusion(verdict.conclusion)),
        style.paint(BOLD, words::grade(verdict.grade)),
        style.paint(DIM, &words::targets_met(verdict.targets_met, verdict.total_targets))
    )];
    lines.extend(indented(&verdict.reason, 2, style));
    lines
}

fn failures(report: &Report, style: Style) -> Vec<String> {
    let failures = &report.summary.failures;
    if failures.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![style.paint(BOLD, "failures")];
    let head =
        |failure: &Failure| format!("{} × {}", units::show_count(failure.count), failure.outcome.name());
    let widest = failures.iter().map(|failure| width(&head(failure))).max().unwrap_or(0);
    for failure in failures {
        // an error that starts with the status has said it
        let status =
            failure.status.filter(|status| !failure.first_error.starts_with(&format!("status {status}")));
        let status = status.map(|status| format!("HTTP {status}: ")).unwrap_or_default();
        let head = format!("{:<widest$}", head(failure));
        let mut first = format!("{status}{}", one_line(&failure.first_error));
        if !failure.endpoint.is_empty() {
            first = format!("first on {}: {first}", failure.endpoint);
        }
        if let Some(outside) = words::outside(failure) {
            first = format!("({outside}) {first}");
        }
        let room = style.width.saturating_sub(width(&head) + 4);
        lines.push(format!("  {}  {}", style.paint(BAD, &head), style.paint(DIM, &shorten(&first, room))));
    }
    lines
}

fn analysis(report: &Report, style: Style) -> Vec<String> {
    let notes = report.summary.notes.iter().map(|note| (Level::Info, note.as_str()));
    let findings = report.verdict.analysis.iter().map(|finding| (finding.level, finding.text.as_str()));
    let all: Vec<_> = findings.chain(notes).collect();
    if all.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![style.paint(BOLD, "analysis")];
    for (level, text) in all {
        let color = match level {
            Level::Fail => BAD,
            Level::Warning => OPEN,
            Level::Pass => GOOD,
            Level::Info => DIM,
        };
        let word = format!("{:<7}", words::level(level));
        let mut rest = indented(text, 11, style);
        if let Some(first) = rest.first_mut() {
            *first = format!("  {}  {}", style.paint(color, &word), first.trim_start());
        }
        lines.extend(rest);
    }
    lines
}

/// Each cause with its evidence, and below it what to try.
fn recommendations(report: &Report, style: Style) -> Vec<String> {
    let all = &report.verdict.recommendations;
    if all.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![style.paint(BOLD, "what to try next")];
    for found in all {
        let word = format!("{:<10}", words::cause(found.cause));
        let mut evidence = indented(&format!("{}: {}", found.place, found.evidence), 14, style);
        if let Some(first) = evidence.first_mut() {
            *first = format!("  {}  {}", style.paint(OPEN, &word), first.trim_start());
        }
        lines.extend(evidence);
        lines.extend(indented(&format!("→ {}", found.next), 14, style));
    }
    lines
}

/// One scenario among several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The scenario's name, with its case.
    pub name: String,
    /// What it comes to.
    pub conclusion: Conclusion,
    /// Share of targets met, in words.
    pub grade: Grade,
    /// `2 of 5 targets met`.
    pub targets: String,
    /// The target to look at first, with its value and limit; empty when nothing was judged.
    pub worst: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, conclusion, grade, targets, worst } = self;
        write!(f, "{name}: {}, grade {}, {targets}", words::conclusion(*conclusion), words::grade(*grade))?;
        if !worst.is_empty() {
            write!(f, "; {worst}")?;
        }
        Ok(())
    }
}

/// The report in one line.
pub fn line(report: &Report) -> Line {
    let verdict = report.verdict;
    let deciding = verdict.targets.iter().find(|target| target.severity == Severity::Fail);
    let worst = deciding.map(|target| {
        format!(
            "{} {}: {} {} ({}) in {}",
            words::sign(target.mark),
            target.name,
            target.metric,
            words::value(target.metric.metric, target.value),
            words::bound(target.metric, target.bound),
            target.scope
        )
    });
    Line {
        name: report.plan.title(),
        conclusion: verdict.conclusion,
        grade: verdict.grade,
        targets: words::targets_met(verdict.targets_met, verdict.total_targets),
        worst: worst.unwrap_or_default(),
    }
}

/// A table with one row per scenario.
pub fn several(lines: &[Line], style: Style) -> String {
    let mut grid = Grid::new(&["", "", "", "", ""]);
    for line in lines {
        grid.row([
            words::conclusion(line.conclusion).to_owned(),
            line.name.clone(),
            words::grade(line.grade).to_owned(),
            line.targets.clone(),
            line.worst.clone(),
        ]);
    }
    let mut out = String::new();
    for (line, text) in lines.iter().zip(grid.lines()) {
        let word = words::conclusion(line.conclusion);
        let rest = text.strip_prefix(word).unwrap_or(&text);
        let rest = shorten(rest.trim_end(), style.width.saturating_sub(width(word)));
        out += &style.paint(color_of_conclusion(line.conclusion), word);
        out += &rest;
        out.push('\n');
    }
    out
}

/// Cells in aligned columns, without lines around them.
struct Grid {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
    hidden: Vec<usize>,
}

impl Grid {
    fn new(header: &[&str]) -> Self {
        let header = header.iter().map(|&name| name.to_owned()).collect();
        Self { header, rows: Vec::new(), right: Vec::new(), hidden: Vec::new() }
    }

    fn row(&mut self, cells: impl Into<Vec<String>>) {
        self.rows.push(cells.into());
    }

    /// Columns of numbers.
    fn right(&mut self, columns: &[usize]) {
        columns.clone_into(&mut self.right);
    }

    fn hides(&self, column: usize) -> bool {
        self.hidden.contains(&column)
    }

    /// Hides the columns in which nothing stands.
    fn drop_empty(&mut self) {
        let empty = |column: &usize| self.rows.iter().all(|row| row[*column].is_empty());
        self.hidden.extend((0..self.header.len()).filter(empty).collect::<Vec<_>>());
    }

    /// Hides columns, in this order, until a line fits.
    fn fit(&mut self, room: usize, expendable: &[usize]) {
        for column in expendable {
            if self.lines_with_header().all(|line| width(&line) <= room) {
                return;
            }
            self.hidden.push(*column);
        }
    }

    fn lines_with_header(&self) -> impl Iterator<Item = String> + use<> {
        let visible: Vec<_> = (0..self.header.len()).filter(|column| !self.hidden.contains(column)).collect();
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        let pick =
            |cells: &Vec<String>| visible.iter().map(|column| cells[*column].clone()).collect::<Vec<_>>();
        table.add_row(pick(&self.header));
        for row in &self.rows {
            table.add_row(pick(row));
        }
        for (i, column) in visible.iter().enumerate() {
            if let Some(cells) = table.column_mut(i) {
                cells.set_padding((0, 2));
                if self.right.contains(column) {
                    cells.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().into_iter()
    }

    fn lines(&self) -> impl Iterator<Item = String> + use<> {
        self.lines_with_header().skip(1)
    }
}

/// Columns that a text takes. Wide characters count as one here: the tables above measure exactly, wrapping may be
/// a little off for them.
fn width(text: &str) -> usize {
    text.chars().count()
}

/// What a server said, made harmless for a terminal: no line ends, no control sequences.
fn one_line(text: &str) -> String {
    let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shorten(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    kept + "…"
}

/// Breaks text at spaces so that no line is longer than `room`, words permitting; a unit stays with its number.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(number) if is_number(number) && is_unit(word) => number.extend([" ", word]),
            _ => words.push(word.to_owned()),
        }
    }
    let mut lines = vec![String::new()];
    for word in &words {
        let line = lines.last_mut().expect("starts with one line");
        if line.is_empty() {
            line.push_str(word);
        } else if width(line) + 1 + width(word) <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.clone());
        }
    }
    lines
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
        && word.chars().all(|c| c.is_ascii_digit() || ".,".contains(c))
}

fn is_unit(word: &str) -> bool {
    let unit = word.trim_end_matches([',', ';', ':', '.', ')']);
    ["%", "ns", "µs", "ms", "s", "tok/s", "req/s"].contains(&unit)
}

fn indented(text: &str, by: usize, style: Style) -> Vec<String> {
    let lines = if text.is_empty() { Vec::new() } else { wrap(text, style.width.saturating_sub(by)) };
    lines.iter().map(|line| format!("{}{line}", " ".repeat(by))).collect()
}

/// A heading with text behind it, continued below its beginning.
fn behind(heading: &str, text: &str, style: Style) -> Vec<String> {
    let mut lines = indented(text, width(heading) + 2, style);
    if let Some(first) = lines.first_mut() {
        *first = format!("{}  {}", style.paint(BOLD, heading), first.trim_start());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{super::fixture, *};
    use crate::verdict::Judged;

    const PLAIN: Style = Style { color: false, width: 120 };

    #[test]
    fn a_run_with_everything() {
        let run = fixture::mixed();
        let text = terminal(&run.report(), PLAIN);
        assert!(text.lines().count() <= 60, "{} lines", text.lines().count());
        assert!(text.lines().all(|line| width(line) <= 120));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_narrow_terminal() {
        let run = fixture::mixed();
        let text = terminal(&run.report(), Style { width: 80, ..PLAIN });
        assert!(text.lines().all(|line| width(line) <= 80), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_common_terminal_says_of_every_row_what_it_is_about() {
        let run = fixture::mixed();
        let text = terminal(&run.report(), Style { width: 100, ..PLAIN });
        assert!(text.lines().all(|line| width(line) <= 100), "{text}");
        let folded = |target: &&Judged| target.from_preset && target.severity == Severity::Info;
        for target in run.verdict.targets.iter().filter(|target| !folded(target)) {
            assert!(text.contains(&words::about(target)), "{}: {text}", target.name);
        }
        let (targets, _) = text.split_once("\nvalidity").expect("a line on validity");
        insta::assert_snapshot!(targets);
    }

    #[test]
    fn what_a_preset_asks_for_unasked_is_one_line() {
        let mut run = fixture::mixed();
        let missed =
            run.verdict.targets.iter().find(|target| target.from_preset && target.mark == Mark::Fail);
        let mut elsewhere = missed.expect("a preset's target that was missed").clone();
        elsewhere.scope.phase = "ladder".to_owned();
        run.verdict.targets.push(elsewhere);
        let text = terminal(&run.report(), PLAIN);
        let line =
            "for information, by preset rtx_4090: 1 of 3 met; missed: ttft.p50 ≤ 5.00 ms in mixed, ladder";
        assert!(text.lines().any(|shown| shown == line), "{text}");
        run.verdict.targets.retain(|target| target.mark == Mark::Pass);
        let text = terminal(&run.report(), PLAIN);
        assert!(text.contains("\nfor information, by preset rtx_4090: 1 of 1 met\n"), "{text}");
    }

    #[test]
    fn objectives_and_prices_have_their_columns() {
        let run = fixture::with_objectives();
        let text = terminal(&run.report(), Style { width: 140, ..PLAIN });
        let (_, table) = text.split_once("every judged target passed\n\n").expect("the table");
        let (table, _) = table.split_once("\n\n").expect("its end");
        insta::assert_snapshot!(table);
        let run = fixture::with_objectives_of_an_endpoint();
        let text = terminal(&run.report(), Style { width: 140, ..PLAIN });
        let met = "met: requests to flash with ttft ≤ 200 ms, e2e ≤ 5.00 s, to others with ttft ≤ 500 ms;";
        assert!(text.contains(met), "{text}");
        // what the plan lacks takes no room
        assert!(!terminal(&fixture::quiet().report(), PLAIN).contains("goodput"));
    }

    #[test]
    fn a_target_for_information_is_not_what_a_run_is_known_by() {
        let mut run = fixture::mixed();
        run.verdict.targets.retain(|target| target.severity != Severity::Fail);
        assert_eq!(line(&run.report()).worst, "");
    }

    #[test]
    fn targets_skipped_for_one_reason_share_a_line() {
        let mut run = fixture::quiet();
        run.verdict.targets.clear();
        run.verdict.skipped = [("ttft", "why"), ("speed", "why"), ("other", "because")]
            .map(|(a, b)| (a.into(), b.into()))
            .into();
        let text = terminal(&run.report(), PLAIN);
        assert!(text.contains("\nskipped\n  – ttft, speed: why\n  – other: because\n"), "{text}");
    }

    #[test]
    fn a_long_check_is_wrapped() {
        let mut run = fixture::mixed();
        let check = run.verdict.validity.iter_mut().find(|check| !check.ok).expect("a caution");
        check.value = "very ".repeat(40);
        let text = terminal(&run.report(), Style { width: 100, ..PLAIN });
        assert!(text.lines().all(|line| width(line) <= 100), "{text}");
    }

    #[test]
    fn a_status_is_said_once() {
        let mut run = fixture::mixed();
        run.summary.failures[0].first_error = "status 503: busy".to_owned();
        let text = terminal(&run.report(), PLAIN);
        assert!(text.contains("first on flash: status 503: busy"), "{text}");
    }

    #[test]
    fn a_unit_stays_with_its_number() {
        assert_eq!(
            wrap("asked at most 5.00 ms; it was 42.8 ms", 18),
            ["asked at most", "5.00 ms; it was", "42.8 ms"]
        );
    }

    #[test]
    fn what_the_machine_can_do_stands_by_the_checks() {
        use crate::machine::calibration::fixture::calibration;
        let mut run = fixture::mixed();
        assert!(!terminal(&run.report(), PLAIN).contains("calibrated"));
        run.system.calibration = Some(calibration(Some(400), Some(4000.0)));
        insta::assert_snapshot!(calibrated(&run.report(), PLAIN).join("\n"));
        // a plan that asks for more is told so
        run.system.calibration = Some(calibration(Some(1), Some(0.5)));
        let lines = calibrated(&run.report(), PLAIN).join("\n");
        assert!(lines.contains("  ! phase `mixed`: "), "{lines}");
        assert_eq!(words::beyond(&run.report()).len(), lines.matches("\n  ! ").count());
    }

    #[test]
    fn a_folder_is_one_word_of_a_command() {
        for (path, word) in [
            (
                "results/runs/2026-11-22T02-04-08Z_tries_mac_users=1,model=a",
                "results/runs/2026-11-22T02-04-08Z_tries_mac_users=1,model=a",
            ),
            ("my runs/x", "'my runs/x'"),
            ("it's/$x", r"'it'\''s/$x'"),
        ] {
            assert_eq!(in_shell(path), word);
        }
    }

    #[test]
    fn a_quiet_run() {
        insta::assert_snapshot!(terminal(&fixture::quiet().report(), PLAIN));
    }

    #[test]
    fn a_run_without_answers_shows_no_zeros() {
        let text = terminal(&fixture::dead().report(), PLAIN);
        assert!(!text.contains(" 0 ms") && !text.contains(" 0.0 "), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let run = fixture::mixed();
        let plain = terminal(&run.report(), PLAIN);
        let colored = terminal(&run.report(), Style { color: true, ..PLAIN });
        assert_ne!(plain, colored);
        assert_eq!(anstream::adapter::strip_str(&colored).to_string(), plain);
    }

    #[test]
    fn what_a_server_says_cannot_steer_the_terminal() {
        let mut run = fixture::mixed();
        run.summary.failures[0].first_error = "\u{1b}[2Jgone\r\nnext".to_owned();
        let text = terminal(&run.report(), PLAIN);
        assert!(text.contains("[2Jgone next") && !text.contains('\u{1b}') && !text.contains('\r'), "{text}");
    }

    #[test]
    fn several_scenarios_make_a_table() {
        let runs = [fixture::mixed(), fixture::quiet(), fixture::dead()];
        let lines: Vec<_> = runs.iter().map(|run| line(&run.report())).collect();
        insta::assert_snapshot!(several(&lines, PLAIN), @r"
        FAIL  mixed-traffic  POOR       2 of 5 targets met    ✗ whole_answer: e2e.p95 ∞ (≤ 3.00 s) in ladder · users=16 · flash
        PASS  quick          EXCELLENT  2 of 2 targets met    ✓ speed: output_tokens_per_second 738 tok/s (≥ 30.0 tok/s) in mix…
        FAIL  quick          UNGRADED   no target was judged
        ");
        insta::assert_snapshot!(lines[0], @"mixed-traffic: FAIL, grade POOR, 2 of 5 targets met; ✗ whole_answer: e2e.p95 ∞ (≤ 3.00 s) in ladder · users=16 · flash");
    }
}
