//! The cases of a matrix side by side: what varied, what each comes to, and its main numbers.

use super::{
    BOLD, DIM, Grid, Style, color_of_conclusion, indented,
    scopes::{FIGURES, figures},
    width,
};
use crate::{
    metrics::Scope,
    report::{Report, words},
    units,
    verdict::Conclusion,
};

/// A table for the cases of each matrix among some runs: a row for each case and measured phase. Runs that share their
/// table follow one another. Empty where no matrix has two runs.
pub fn cases(reports: &[Report], style: Style) -> String {
    let same = |one: &Report, other: &Report| {
        (&one.plan.name, &one.plan.group) == (&other.plan.name, &other.plan.group)
    };
    let matrices = reports.chunk_by(same).filter(|runs| runs.len() > 1 && !runs[0].plan.case.is_empty());
    let tables: Vec<String> = matrices.map(|runs| table(runs, style)).collect();
    tables.join("\n")
}

fn table(runs: &[Report], style: Style) -> String {
    let Some(first) = runs.first() else { return String::new() };
    let (axes, repeats) = (&first.plan.case, first.plan.repeats > 1);
    let several = runs.iter().any(|run| phases(run).count() > 1);

    let mut header = vec![""];
    header.extend(axes.iter().map(|axis| axis.name.as_str()));
    header.extend(["repeat", "grade", "targets", "phase"]);
    let numbers = header.len();
    header.extend(FIGURES);
    let mut grid = Grid::new(&header);
    let mut places = Vec::new();
    for run in runs {
        let verdict = run.verdict;
        let mut what = vec![words::conclusion(verdict.conclusion).to_owned()];
        what.extend(run.plan.case.iter().map(|axis| axis.value.clone()));
        what.extend([
            run.plan.repeat.filter(|_| repeats).map(|n| n.to_string()).unwrap_or_default(),
            words::grade(verdict.grade).to_owned(),
            format!("{}/{}", verdict.targets_met, verdict.total_targets),
        ]);
        let scopes: Vec<Option<&Scope>> = match phases(run).collect::<Vec<_>>() {
            none if none.is_empty() => vec![None],
            some => some.into_iter().map(Some).collect(),
        };
        for (i, scope) in scopes.iter().enumerate() {
            // what is of the whole run stands in its first row
            let mut cells = if i == 0 { what.clone() } else { vec![String::new(); what.len()] };
            let phase = scope.map(|scope| scope.key.phase.clone()).filter(|_| several);
            cells.push(phase.unwrap_or_default());
            cells.extend(scope.map_or_else(|| FIGURES.map(|_| String::new()), |scope| figures(run, scope)));
            grid.row(cells);
            places.push((run, i == 0, i + 1 == scopes.len()));
        }
    }
    grid.right(&(numbers..numbers + FIGURES.len()).collect::<Vec<_>>());
    grid.drop_empty();
    // what follows from other columns goes first
    let grade = numbers - 3;
    let [ok, e2e_p50, tpot, requests, rate] = [1, 8, 7, 0, 3].map(|figure| numbers + figure);
    grid.fit(style.width.saturating_sub(2), &[ok, e2e_p50, tpot, requests, grade, rate]);

    let count = runs.iter().filter(|run| run.plan.repeat.is_none_or(|n| n == 1)).count();
    let title = format!("{} of {}", units::show_count_of(count as u64, "case"), first.plan.name);
    let group = first.plan.group.as_deref().unwrap_or_default();
    let mut out = format!("{}  {}\n", style.paint(BOLD, &title), style.paint(DIM, group));
    let mut line = |text: &str| {
        out += text.trim_end();
        out.push('\n');
    };
    let mut lines = grid.lines_with_header();
    line(&style.paint(DIM, &format!("  {}", lines.next().unwrap_or_default())));
    for ((run, first, last), text) in places.into_iter().zip(lines) {
        let conclusion = run.verdict.conclusion;
        let word = words::conclusion(conclusion);
        match text.strip_prefix(word).filter(|_| first) {
            Some(rest) => line(&format!("  {}{rest}", style.paint(color_of_conclusion(conclusion), word))),
            None => line(&format!("  {text}")),
        }
        if last && conclusion != Conclusion::Pass {
            for text in indented(&run.verdict.reason, 4 + width(word), style) {
                line(&style.paint(DIM, &text));
            }
        }
    }
    out
}

/// The measured phases of a run, each as a whole.
fn phases<'a>(run: &Report<'a>) -> impl Iterator<Item = &'a Scope> {
    let whole = |scope: &&Scope| scope.measured && scope.key.step.is_none() && scope.key.endpoint.is_none();
    run.summary.scopes.iter().filter(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Axis,
        report::fixture::{self, Run},
    };

    const PLAIN: Style = Style { color: false, width: 140 };

    fn case(mut run: Run, users: &str, model: &str) -> Run {
        let axis = |name: &str, value: &str| Axis {
            path: format!("somewhere.{name}"),
            name: name.to_owned(),
            value: value.to_owned(),
        };
        run.plan.name = "tries".to_owned();
        run.plan.case = vec![axis("users", users), axis("model", model)];
        run.plan.group = Some("tries-1a2b".to_owned());
        run
    }

    #[test]
    fn a_row_for_each_case_and_phase() {
        let runs = [
            case(fixture::quiet(), "1", "small"),
            case(fixture::mixed(), "16", "a-much-larger-one"),
            case(fixture::dead(), "32", "small"),
        ];
        let reports: Vec<_> = runs.iter().map(Run::report).collect();
        insta::assert_snapshot!(cases(&reports, PLAIN));
        let narrow = cases(&reports, Style { width: 100, ..PLAIN });
        insta::assert_snapshot!("narrow", narrow);
        let colored = cases(&reports, Style { color: true, ..PLAIN });
        assert_ne!(colored, cases(&reports, PLAIN));
        assert_eq!(anstream::adapter::strip_str(&colored).to_string(), cases(&reports, PLAIN));
    }

    #[test]
    fn only_cases_of_one_matrix_are_compared() {
        let (one, two) = (case(fixture::quiet(), "1", "small"), case(fixture::quiet(), "2", "small"));
        assert_eq!(cases(&[], PLAIN), "");
        assert_eq!(cases(&[one.report()], PLAIN), "");
        assert_eq!(cases(&[fixture::quiet().report(), fixture::quiet().report()], PLAIN), "");
        let mut other = case(fixture::quiet(), "4", "small");
        other.plan.group = Some("tries-3c4d".to_owned());
        let text = cases(&[one.report(), two.report(), other.report()], PLAIN);
        assert!(text.starts_with("2 cases of tries  tries-1a2b\n"), "{text}");
    }

    #[test]
    fn repeats_of_a_case_are_told_apart() {
        let (mut one, mut two) = (case(fixture::quiet(), "1", "small"), case(fixture::quiet(), "1", "small"));
        for (run, n) in [(&mut one, 1), (&mut two, 2)] {
            (run.plan.repeats, run.plan.repeat) = (2, Some(n));
        }
        let text = cases(&[one.report(), two.report()], PLAIN);
        assert!(text.starts_with("1 case of tries") && text.contains("repeat"), "{text}");
    }
}
