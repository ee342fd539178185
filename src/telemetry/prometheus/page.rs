//! The text format of Prometheus, version 0.0.4, and what `OpenMetrics` adds to it.
//!
//! The crates that read it either stop at the first line that they do not like, or put histograms and names together in their own
//! way, and with it the names as they stand there are gone. All that is needed here is a line at a time.

use std::borrow::Cow;

/// What a page says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Page<'a> {
    /// In the order of the page. Histograms and summaries are the series that they consist of.
    pub(super) series: Vec<Series<'a>>,
    /// Lines that are no series and no comment.
    pub(super) bad_lines: u64,
}

/// A line with a value.
#[derive(Debug, PartialEq)]
pub(super) struct Series<'a> {
    /// Name and labels as they stand there.
    pub(super) written: &'a str,
    /// The name alone.
    pub(super) name: &'a str,
    /// Names and values of the labels, without escapes.
    pub(super) labels: Vec<(&'a str, Cow<'a, str>)>,
    /// The value, which may be infinite or not a number.
    pub(super) value: f64,
}

impl Series<'_> {
    /// The value of a label.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_ref())
    }
}

/// Reads a page. What cannot be read is skipped and counted.
pub(super) fn parse(text: &str) -> Page<'_> {
    let mut page = Page::default();
    for line in text.lines().map(str::trim) {
        if line == "# EOF" {
            break;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match series(line) {
            Some(series) => page.series.push(series),
            None => page.bad_lines += 1,
        }
    }
    page
}

/// `name{label="value",…} value timestamp # exemplar`, where all but name and value may be left out.
fn series(line: &str) -> Option<Series<'_>> {
    let (name, rest) = word(line, true)?;
    let mut rest = rest.trim_start();
    let mut labels = Vec::new();
    let mut written = name;
    if let Some(mut inside) = rest.strip_prefix('{') {
        loop {
            inside = inside.trim_start();
            if let Some(behind) = inside.strip_prefix('}') {
                written = &line[..line.len() - behind.len()];
                rest = behind;
                break;
            }
            let (label, behind) = word(inside, false)?;
            let behind = behind.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?;
            let (value, behind) = quoted(behind)?;
            labels.push((label, value));
            inside = behind.trim_start();
            inside = match inside.strip_prefix(',') {
                Some(behind) => behind,
                None if inside.starts_with('}') => inside,
                None => return None,
            };
        }
    }
    let mut words = rest.split_whitespace();
    let value = words.next()?.parse().ok()?;
    // when it was true, and an example of a request: neither is needed, but a line with anything else is none
    match words.next() {
        None | Some("#") => {}
        Some(time) => {
            time.parse::<f64>().ok()?;
            if words.next().is_some_and(|word| word != "#") {
                return None;
            }
        }
    }
    Some(Series { written, name, labels, value })
}

/// The name at the start of a text, and what is behind it; only names of series may have colons.
fn word(text: &str, colons: bool) -> Option<(&str, &str)> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    let end = text.find(|c| !part(c)).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (!word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit())).then_some((word, rest))
}

/// A text up to its closing quote, and what is behind that.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(['"', '\\'])?;
    if text[end..].starts_with('"') {
        return Some((Cow::Borrowed(&text[..end]), &text[end + 1..]));
    }
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((Cow::Owned(value), &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                same @ ('\\' | '"') => value.push(same),
                other => value.extend(['\\', other]),
            },
            _ => value.push(c),
        }
    }
    None
}
