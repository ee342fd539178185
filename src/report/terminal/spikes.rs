//! Latency before, in and after each spike, and how long it was felt.

use super::{BAD, BOLD, DIM, Grid, OPEN, Style, indented};
use crate::report::{
    Report,
    spikes::{Table, tables},
};

/// Which of the figures of a spike are shown, with their headings; `{}` is the latency.
const SHOWN: [(usize, &str); 10] = [
    (0, "requests"),
    (1, "lost"),
    (2, "lost after"),
    (3, "{} p50 before"),
    (4, "in it"),
    (5, "after"),
    (6, "p95 before"),
    (7, "in it"),
    (8, "after"),
    (9, "recovery"),
];

/// A table for each phase with spikes, with what they came to.
pub(super) fn spikes(report: &Report, style: Style) -> Vec<String> {
    tables(report).iter().flat_map(|table| lines(table, style)).collect()
}

fn lines(table: &Table<'_>, style: Style) -> Vec<String> {
    let headings = SHOWN.map(|(_, heading)| heading.replace("{}", table.latency));
    let mut header = vec!["at"];
    header.extend(headings.iter().map(String::as_str));
    let mut grid = Grid::new(&header);
    for row in &table.rows {
        let mut cells = vec![row.start.clone()];
        cells.extend(SHOWN.map(|(figure, _)| row.figures[figure].clone()));
        grid.row(cells);
    }
    grid.right(&(0..=SHOWN.len()).collect::<Vec<_>>());
    // medians go first
    grid.fit(style.width.saturating_sub(2), &[6, 5, 4, 3, 9]);
    let mut lines = vec![format!("{}  {}", style.paint(BOLD, "spikes"), table.scope.key)];
    let mut shown = grid.lines_with_header();
    lines.push(style.paint(DIM, &format!("  {}", shown.next().unwrap_or_default())));
    for (row, line) in table.rows.iter().zip(shown) {
        let line = format!("  {line}");
        let line = line.trim_end();
        lines.push(match row.recovered {
            Some(true) => line.to_owned(),
            Some(false) => style.paint(BAD, line),
            None => style.paint(OPEN, line),
        });
    }
    lines.extend(indented(&table.sentence, 2, style));
    lines
}
