//! Two sides and what became of each metric between them.

use super::{BAD, BOLD, DIM, GOOD, Grid, OPEN, Style, behind, indented, one_line, shorten};
use crate::{
    compare::{Call, Compared, Comparison, Differing, Row},
    report::{
        changes::{change, interval, sign, word},
        words,
    },
    units,
};

/// Fields that are shown one by one.
const SHOWN: usize = 12;

/// A comparison as text, with a line end after every line.
pub fn comparison(comparison: &Comparison, style: Style) -> String {
    let Comparison { before, after, differing, rows, notes, .. } = comparison;
    let title = format!("{} → {}", before.name, after.name);
    let mut lines = vec![style.paint(BOLD, &title)];
    lines.extend(side("before", before, style));
    lines.extend(side("after", after, style));
    lines.push(String::new());
    lines.extend(fields(comparison, differing, style));
    lines.push(String::new());
    lines.extend(table(rows, style));
    lines.push(String::new());
    lines.extend(conclusion(comparison, style));
    for note in notes {
        lines.extend(indented(note, 2, style));
    }
    lines.iter().fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

fn side(word: &str, side: &Compared, style: Style) -> Vec<String> {
    let runs = units::show_count_of(side.runs.len() as u64, "run");
    let text = format!("{runs} on {} · {}", side.platform, side.hardware);
    behind(&format!("{word:<6}"), &text, style)
}

fn fields(comparison: &Comparison, differing: &[Differing], style: Style) -> Vec<String> {
    let Comparison { same_experiment, same_hardware, forced, .. } = comparison;
    let mut what = vec![
        if *same_experiment { "the same experiment" } else { "another experiment" },
        if *same_hardware { "the same hardware" } else { "other hardware" },
    ];
    if *forced {
        what.push("compared because that was asked for");
    }
    let mut lines = vec![format!("{}  {}", style.paint(BOLD, "differing"), what.join(", "))];
    let mut grid = Grid::new(&["", "", "", ""]);
    let room = style.width / 3;
    let show = |value: &Option<String>| {
        value.as_ref().map_or_else(|| words::MISSING.to_owned(), |text| shorten(&one_line(text), room))
    };
    for field in differing.iter().take(SHOWN) {
        grid.row([one_line(&field.field), show(&field.before), "→".to_owned(), show(&field.after)]);
    }
    lines.extend(grid.lines().map(|line| format!("  {line}")));
    if let Some(more) = differing.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        lines.push(style.paint(DIM, &format!("  and {}", units::show_count_of(more as u64, "more field"))));
    }
    lines
}

fn table(rows: &[Row], style: Style) -> Vec<String> {
    let mut grid = Grid::new(&["", "", "", "before", "after", "change", "90 % interval"]);
    for row in rows {
        let value = |value: f64| words::value(row.metric.metric, Some(value));
        grid.row([
            sign(row.call).to_owned(),
            word(row.call).to_owned(),
            format!("{} in {}", row.metric, row.scope),
            value(row.before),
            value(row.after),
            change(row.change),
            interval(row).unwrap_or_default(),
        ]);
    }
    grid.right(&[3, 4, 5, 6]);
    let mut texts = grid.lines_with_header();
    let mut lines = vec![style.paint(DIM, &format!("  {}", texts.next().unwrap_or_default()))];
    let mut shown = false;
    for (row, text) in rows.iter().zip(texts) {
        if !row.decides && !std::mem::replace(&mut shown, true) {
            lines.push(style.paint(DIM, "  without a target, and so not deciding"));
        }
        let word = format!("{}  {}", sign(row.call), word(row.call));
        let color = match row.call {
            Call::Regressed => BAD,
            Call::Inconclusive => OPEN,
            Call::Improved | Call::Equivalent => GOOD,
        };
        lines.push(match text.strip_prefix(&word).filter(|_| row.decides) {
            Some(rest) => format!("  {}{rest}", style.paint(color, &word)),
            None => format!("  {text}"),
        });
        if row.decides && row.call != Call::Equivalent {
            lines.extend(indented(&row.note, 5, style).iter().map(|line| style.paint(DIM, line)));
        }
    }
    lines
}

fn conclusion(comparison: &Comparison, style: Style) -> Vec<String> {
    let Comparison { call, rows, tests, runs_needed, margin, .. } = comparison;
    let color = match call {
        Call::Regressed => BAD,
        Call::Inconclusive => OPEN,
        Call::Improved | Call::Equivalent => GOOD,
    };
    let same = rows.iter().filter(|row| row.decides && row.call == *call).count();
    let mut lines = vec![format!(
        "{}  {same} of {} with a target, by a margin of {}",
        style.paint(color, word(*call)),
        units::show_count_of(*tests, "metric"),
        units::show_share(*margin),
    )];
    if *tests > 0 {
        let text = format!(
            "a regression in {} can show from {runs_needed} runs on each side, or from one against five or more",
            units::show_count_of(*tests, "metric"),
        );
        lines.extend(indented(&text, 2, style).iter().map(|line| style.paint(DIM, line)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        compare::{MARGIN, RunFigures, Side, compare},
        report::fixture::{self, runs},
    };

    fn side<'a>(name: &'a str, run: &'a fixture::Run, runs: &'a [RunFigures]) -> Side<'a> {
        Side { name, plan: &run.plan, system: &run.system, runs }
    }

    #[test]
    fn two_sides_and_what_became_of_each_metric() {
        let (before, mut after) = (fixture::mixed(), fixture::mixed());
        after.plan.experiment = "f".repeat(64);
        after.system.machine.cores += 4;
        let (old, new) = (runs(1.0), runs(1.2));
        let style = Style { color: false, width: 100 };
        let five = compare(&side("main", &before, &old), &side("candidate", &after, &new), MARGIN, true);
        insta::assert_snapshot!(comparison(&five, style));
        let one =
            compare(&side("main", &before, &old[..1]), &side("candidate", &before, &new[..1]), MARGIN, false);
        insta::assert_snapshot!("one_run_against_one", comparison(&one, style));
        let colored = comparison(&five, Style { color: true, ..style });
        assert_ne!(colored, comparison(&five, style));
        assert_eq!(anstream::adapter::strip_str(&colored).to_string(), comparison(&five, style));
    }
}
