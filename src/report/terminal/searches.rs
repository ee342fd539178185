//! What searches found, trial by trial.

use super::{BAD, BOLD, DIM, GOOD, Grid, OPEN, Style, indented};
use crate::{
    report::{
        Report,
        searches::{HEADINGS, tables},
    },
    verdict::Mark,
};

/// For each search what it found, and the trials that show it.
pub(super) fn searches(report: &Report, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for (found, rows) in tables(report) {
        lines.push(format!("{}  {}", style.paint(BOLD, "search"), found.phase));
        lines.extend(indented(&found.reason, 2, style));
        let mut grid = Grid::new(&HEADINGS);
        for row in &rows {
            grid.row(row.cells.to_vec());
        }
        grid.right(&[1]);
        let mut shown = grid.lines_with_header();
        lines.push(style.paint(DIM, &format!("  {}", shown.next().unwrap_or_default())));
        for (row, line) in rows.iter().zip(shown) {
            let color = match row.mark {
                Mark::Pass => GOOD,
                Mark::Inconclusive => OPEN,
                Mark::Fail => BAD,
            };
            lines.push(style.paint(color, format!("  {line}").trim_end()));
        }
    }
    lines
}
