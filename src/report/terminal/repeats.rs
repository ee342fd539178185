//! Several runs of one plan side by side: how each ended, and how far their values lie apart.

use super::{BOLD, DIM, Grid, Style, color_of_conclusion};
use crate::{
    report::{Report, words},
    units,
    verdict::{Judged, Mark},
};

/// The repeats of a plan: a row for each, then for every target the lowest and the highest of its values. Empty without
/// any report.
pub fn repeats(reports: &[Report], style: Style) -> String {
    let Some(first) = reports.first() else { return String::new() };
    let mut out = String::new();
    let mut line = |text: &str| {
        out += text.trim_end();
        out.push('\n');
    };
    let title = style.paint(
        BOLD,
        &format!("{} of {}", units::show_count_of(reports.len() as u64, "run"), first.plan.title()),
    );
    let group = first.plan.group.as_deref().unwrap_or_default();
    line(&format!("{title}  {}", style.paint(DIM, group)));

    let mut runs = Grid::new(&["", "", "", ""]);
    for report in reports {
        let verdict = report.verdict;
        runs.row([
            words::conclusion(verdict.conclusion).to_owned(),
            words::grade(verdict.grade).to_owned(),
            words::targets_met(verdict.targets_met, verdict.total_targets),
            report.folder.to_owned(),
        ]);
    }
    for (report, text) in reports.iter().zip(runs.lines()) {
        let word = words::conclusion(report.verdict.conclusion);
        let rest = text.strip_prefix(word).unwrap_or(&text);
        line(&format!("  {}{rest}", style.paint(color_of_conclusion(report.verdict.conclusion), word)));
    }

    let mut targets = Grid::new(&["target", "", "lowest – highest", "limit", "passed"]);
    let rows = &first.verdict.targets;
    for target in rows {
        let same: Vec<&Judged> = reports.iter().filter_map(|report| find(report, target)).collect();
        let passed = same.iter().filter(|judged| judged.mark == Mark::Pass).count();
        targets.row([
            words::target_name(target),
            words::about(target),
            spread(target, &same),
            words::bound(target.metric, target.bound),
            format!("{passed} of {}", reports.len()),
        ]);
    }
    if !rows.is_empty() {
        for (i, text) in targets.lines_with_header().enumerate() {
            line(&if i == 0 { style.paint(DIM, &format!("  {text}")) } else { format!("  {text}") });
        }
    }
    out
}

/// The same row of another run.
fn find<'a>(report: &Report<'a>, target: &Judged) -> Option<&'a Judged> {
    let same = |judged: &&Judged| {
        (&judged.name, judged.metric, &judged.scope) == (&target.name, target.metric, &target.scope)
    };
    report.verdict.targets.iter().find(same)
}

/// The lowest and the highest of the values, and how many runs have none.
fn spread(target: &Judged, same: &[&Judged]) -> String {
    let values = || same.iter().filter_map(|judged| judged.value);
    let missing = same.len() - values().count();
    let without = if missing == 0 { String::new() } else { format!(" ({missing} without)") };
    match values().next() {
        None => words::MISSING.to_owned(),
        Some(first) => {
            let (low, high) =
                values().fold((first, first), |(low, high), value| (low.min(value), high.max(value)));
            format!("{}{without}", words::interval(target.metric, Some((low, high))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Axis, report::fixture};

    #[test]
    fn the_title_says_of_which_case_of_a_matrix_they_are() {
        let mut run = fixture::quiet();
        let [path, name, value] = ["phases.main.load.closed.users", "users", "2"].map(str::to_owned);
        run.plan.case = vec![Axis { path, name, value }];
        let shown = repeats(&[run.report()], Style { color: false, width: 100 });
        let first = shown.lines().next().unwrap_or_default();
        assert_eq!(first, format!("1 run of {}", run.plan.title()));
        assert!(first.ends_with("users=2"), "{first}");
    }

    #[test]
    fn a_row_for_each_run_and_the_spread_of_each_target() {
        let (mut one, mut two) = (fixture::quiet(), fixture::quiet());
        for (run, factor) in [(&mut one, 1.0), (&mut two, 1.2)] {
            run.plan.group = Some("quiet-1a2b".to_owned());
            for target in &mut run.verdict.targets {
                target.value = target.value.map(|value| value * factor);
            }
        }
        two.verdict.targets[0].value = None;
        two.verdict.targets[0].mark = Mark::Inconclusive;
        let style = Style { color: false, width: 100 };
        insta::assert_snapshot!(repeats(&[one.report(), two.report()], style));
        assert_eq!(repeats(&[], style), "");
    }
}
