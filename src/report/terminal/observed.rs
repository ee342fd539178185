//! What was read of the machine and of the servers.

use super::{BOLD, DIM, Grid, Style, indented};
use crate::report::{
    Report,
    observed::{EXPENDABLE, cost, essential, headings, missing},
};

/// A table of what matters most, what was not read, and what reading cost.
pub(super) fn observed(report: &Report, style: Style) -> Vec<String> {
    let rows = essential(report);
    let missing = missing(report);
    if rows.is_empty() && missing.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![style.paint(BOLD, "machine and servers")];
    if !rows.is_empty() {
        let figures = headings(report);
        let header = [&[""; 3], figures].concat();
        let mut grid = Grid::new(&header);
        let several = rows.iter().any(|row| row.phase != rows[0].phase);
        for row in &rows {
            let phase = if several { row.phase } else { "" };
            let mut cells = vec![phase.to_owned(), row.subject.clone(), row.quantity.to_owned()];
            cells.extend(row.figures.clone());
            grid.row(cells);
        }
        grid.right(&(3..header.len()).collect::<Vec<_>>());
        grid.drop_empty();
        // the ends go first
        let spared = EXPENDABLE.iter().filter_map(|name| Some(3 + figures.iter().position(|of| of == name)?));
        grid.fit(style.width.saturating_sub(2), &spared.chain([0]).collect::<Vec<_>>());
        let mut shown = grid.lines_with_header();
        lines.push(style.paint(DIM, &format!("  {}", shown.next().unwrap_or_default())));
        lines.extend(shown.map(|line| format!("  {line}")));
    }
    for line in missing {
        lines.extend(indented(&format!("not read: {line}"), 2, style));
    }
    lines.extend(
        cost(report).iter().flat_map(|line| indented(line, 2, style)).map(|line| style.paint(DIM, &line)),
    );
    lines
}
