//! What the levels of each ladder gain, and which is the best.

use super::{BOLD, DIM, GOOD, Grid, OPEN, Style, indented};
use crate::report::{
    Report,
    ladders::{FIGURES, Table, tables},
};

/// Which of [`FIGURES`] are shown: a screen has no room for the tails of the first token.
const SHOWN: [usize; 11] = [0, 1, 2, 8, 9, 12, 3, 4, 5, 6, 7];

/// A table for each ladder, with why its optimum is the optimum.
pub(super) fn ladders(report: &Report, style: Style) -> Vec<String> {
    tables(report).iter().flat_map(|table| lines(table, style)).collect()
}

fn lines(table: &Table<'_>, style: Style) -> Vec<String> {
    let mut header = vec!["", table.unit];
    header.extend(SHOWN.map(|figure| FIGURES[figure]));
    header.push("");
    let mut grid = Grid::new(&header);
    for row in &table.rows {
        let mut cells = vec![row.name.clone(), row.throughput.clone()];
        cells.extend(SHOWN.map(|figure| row.figures[figure].clone()));
        let marks =
            if row.marks.is_empty() { String::new() } else { format!("← {}", row.marks.join(", ")) };
        cells.push(if row.stable { marks } else { format!("{marks} beyond limits").trim_start().to_owned() });
        grid.row(cells);
    }
    grid.right(&(1..=1 + SHOWN.len()).collect::<Vec<_>>());
    // what follows from other columns goes first
    grid.fit(style.width.saturating_sub(2), &[10, 12, 8, 5, 11, 7, 4]);
    let mut lines = vec![format!("{}  {}", style.paint(BOLD, "levels"), table.ladder.phase)];
    let mut shown = grid.lines_with_header();
    lines.push(style.paint(DIM, &format!("  {}", shown.next().unwrap_or_default())));
    for (row, line) in table.rows.iter().zip(shown) {
        let line = format!("  {line}");
        let line = line.trim_end();
        lines.push(match (row.stable, row.best) {
            (_, true) => style.paint(GOOD, line),
            (true, _) => line.to_owned(),
            (false, _) => style.paint(OPEN, line),
        });
    }
    if let Some(optimum) = table.optimum.filter(|_| !table.searched) {
        lines.extend(indented(&optimum.reason, 2, style));
    }
    lines
}
