//! What pressure on the machine did to answers.

use super::{BOLD, DIM, Grid, OPEN, Style};
use crate::report::{
    Report,
    pressure::{FIGURES, Table, tables},
};

/// A table for each load under pressure that has a counterpart without.
pub(super) fn pressure(report: &Report, style: Style) -> Vec<String> {
    tables(report).iter().flat_map(|table| lines(table, style)).collect()
}

fn lines(table: &Table<'_>, style: Style) -> Vec<String> {
    let mut grid = Grid::new(&[&["", ""], &FIGURES[..]].concat());
    for row in &table.rows {
        let mut cells = vec![row.endpoint.to_owned(), row.metric.to_owned()];
        cells.extend(row.figures.clone());
        grid.row(cells);
    }
    grid.right(&[2, 3, 4, 5]);
    let mut lines = vec![format!("{}  {}", style.paint(BOLD, "under pressure"), table.title)];
    let mut shown = grid.lines_with_header();
    lines.push(style.paint(DIM, &format!("  {}", shown.next().unwrap_or_default())));
    for (row, line) in table.rows.iter().zip(shown) {
        let line = format!("  {line}");
        lines.push(if row.suffers { style.paint(OPEN, &line) } else { line });
    }
    lines
}
