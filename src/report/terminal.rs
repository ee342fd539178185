//! The report as one screen of text, and several scenarios as a table.

mod calibration;
mod cases;
mod comparison;
mod energy;
mod ladders;
mod layout;
mod observed;
mod pressure;
mod repeats;
mod searches;
mod scopes;
mod several;
mod spikes;
mod targets;

use self::layout::{BAD, BOLD, DIM, GOOD, Grid, OPEN, behind, indented, one_line, shorten, width, wrap};
pub use self::{
    calibration::calibration,
    cases::cases,
    comparison::comparison,
    layout::Style,
    repeats::repeats,
    several::{Line, line, several},
};
use anstyle::Style as Ansi;

use super::{Report, alerts, services, words};
use crate::{
    config::Format,
    metrics::Failure,
    plan::describe::in_shell,
    units,
    verdict::{Conclusion, Level, Mark},
};

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
        energy::energy(report, style),
        pressure::pressure(report, style),
        observed::observed(report, style),
        failures(report, style),
        alerted(report, style),
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

/// The alerts that fired.
fn alerted(report: &Report, style: Style) -> Vec<String> {
    let shown = alerts::alerts(report);
    if shown.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!(
        "{}  {}",
        style.paint(BOLD, "alerts"),
        style.paint(DIM, &format!("{} fired while it ran", shown.len()))
    )];
    for alert in shown {
        let color = if alert.severity == "fail" { BAD } else { OPEN };
        let text = indented(&alert.line(), 6, style);
        let first = text.first().map_or("", |line| line.trim_start()).to_owned();
        lines.push(format!("  {}  {first}", style.paint(color, alert.severity)));
        lines.extend(text.into_iter().skip(1));
    }
    lines
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
    if !words::has_verdict(report) {
        let word = style.paint(color, words::verdict(report));
        return vec![format!("{word}  {}", style.paint(DIM, &verdict.reason))];
    }
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

#[cfg(test)]
mod tests {
    use super::{super::fixture, *};
    use crate::{config::Severity, verdict::Judged};

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
