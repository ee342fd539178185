//! Columns, lines and colours of text for a terminal.

use anstyle::{AnsiColor, Style as Ansi};
use comfy_table::{CellAlignment, Table};

/// How text for a terminal is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether to use colours; signs and words say the same without them.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
}

pub(super) const BOLD: Ansi = Ansi::new().bold();
pub(super) const DIM: Ansi = Ansi::new().dimmed();
pub(super) const GOOD: Ansi = AnsiColor::Green.on_default();
pub(super) const BAD: Ansi = AnsiColor::Red.on_default();
pub(super) const OPEN: Ansi = AnsiColor::Yellow.on_default();

impl Style {
    pub(super) fn paint(self, style: Ansi, text: &str) -> String {
        if self.color && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// Cells in aligned columns, without lines around them.
pub(super) struct Grid {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
    hidden: Vec<usize>,
}

impl Grid {
    pub(super) fn new(header: &[&str]) -> Self {
        let header = header.iter().map(|&name| name.to_owned()).collect();
        Self { header, rows: Vec::new(), right: Vec::new(), hidden: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: impl Into<Vec<String>>) {
        self.rows.push(cells.into());
    }

    /// Columns of numbers.
    pub(super) fn right(&mut self, columns: &[usize]) {
        columns.clone_into(&mut self.right);
    }

    pub(super) fn hides(&self, column: usize) -> bool {
        self.hidden.contains(&column)
    }

    /// Hides the columns in which nothing stands.
    pub(super) fn drop_empty(&mut self) {
        let empty = |column: &usize| self.rows.iter().all(|row| row[*column].is_empty());
        self.hidden.extend((0..self.header.len()).filter(empty).collect::<Vec<_>>());
    }

    /// Hides columns, in this order, until a line fits.
    pub(super) fn fit(&mut self, room: usize, expendable: &[usize]) {
        for column in expendable {
            if self.lines_with_header().all(|line| width(&line) <= room) {
                return;
            }
            self.hidden.push(*column);
        }
    }

    pub(super) fn lines_with_header(&self) -> impl Iterator<Item = String> + use<> {
        let visible: Vec<_> = (0..self.header.len()).filter(|column| !self.hidden.contains(column)).collect();
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        let pick =
            |cells: &Vec<String>| visible.iter().map(|column| cells[*column].clone()).collect::<Vec<_>>();
        table.add_row(pick(&self.header));
        for row in &self.rows {
            table.add_row(pick(row));
        }
        for (i, column) in visible.iter().enumerate() {
            if let Some(cells) = table.column_mut(i) {
                cells.set_padding((0, 2));
                if self.right.contains(column) {
                    cells.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().into_iter()
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = String> + use<> {
        self.lines_with_header().skip(1)
    }
}

/// Columns that a text takes. Wide characters count as one here: the tables above measure exactly, wrapping may be
/// a little off for them.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

/// What a server said, made harmless for a terminal: no line ends, no control sequences.
pub(super) fn one_line(text: &str) -> String {
    let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn shorten(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    kept + "…"
}

/// Breaks text at spaces so that no line is longer than `room`, words permitting; a unit stays with its number.
pub(super) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(number) if is_number(number) && is_unit(word) => number.extend([" ", word]),
            _ => words.push(word.to_owned()),
        }
    }
    let mut lines = vec![String::new()];
    for word in &words {
        let line = lines.last_mut().expect("starts with one line");
        if line.is_empty() {
            line.push_str(word);
        } else if width(line) + 1 + width(word) <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.clone());
        }
    }
    lines
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
        && word.chars().all(|c| c.is_ascii_digit() || ".,".contains(c))
}

fn is_unit(word: &str) -> bool {
    let unit = word.trim_end_matches([',', ';', ':', '.', ')']);
    ["%", "ns", "µs", "ms", "s", "tok/s", "req/s"].contains(&unit)
}

pub(super) fn indented(text: &str, by: usize, style: Style) -> Vec<String> {
    let lines = if text.is_empty() { Vec::new() } else { wrap(text, style.width.saturating_sub(by)) };
    lines.iter().map(|line| format!("{}{line}", " ".repeat(by))).collect()
}

/// A heading with text behind it, continued below its beginning.
pub(super) fn behind(heading: &str, text: &str, style: Style) -> Vec<String> {
    let mut lines = indented(text, width(heading) + 2, style);
    if let Some(first) = lines.first_mut() {
        *first = format!("{}  {}", style.paint(BOLD, heading), first.trim_start());
    }
    lines
}
