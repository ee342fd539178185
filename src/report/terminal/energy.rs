//! Energy and what it was used for.

use super::layout::{BOLD, DIM, Grid, Style, indented};
use crate::report::{
    Report,
    energy::{FIGURES, notes, rows},
};

/// A table of the phases and steps, and what there is to say of it.
pub(super) fn energy(report: &Report, style: Style) -> Vec<String> {
    let (rows, notes) = (rows(report), notes(report));
    if rows.is_empty() && notes.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![style.paint(BOLD, "energy and cost")];
    if !rows.is_empty() {
        let mut grid = Grid::new(&[&[""], &FIGURES[..], &["source"]].concat());
        for row in &rows {
            let mut cells = vec![format!("{}{}", "  ".repeat(row.depth), row.name)];
            cells.extend(row.figures.clone());
            cells.push(row.class.name().to_owned());
            grid.row(cells);
        }
        grid.right(&[1, 2, 3, 4, 5, 6]);
        grid.drop_empty();
        grid.fit(style.width.saturating_sub(2), &[6, 3]);
        let mut shown = grid.lines_with_header();
        lines.push(style.paint(DIM, &format!("  {}", shown.next().unwrap_or_default())));
        lines.extend(shown.map(|line| format!("  {line}")));
    }
    let said = notes.join("; ");
    lines.extend(indented(&said, 2, style).iter().map(|line| style.paint(DIM, line)));
    lines
}
