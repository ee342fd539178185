//! The lines of a text that a problem is about, as `miette` shows them: of a line without end only what matters.

use std::ops::Range;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

/// Bytes of a line that are shown whole.
const LONG: usize = 240;

/// Bytes that are shown around labels in a longer line.
const AROUND: usize = 60;

/// Bytes of a label in a longer line.
const LABEL: usize = 100;

/// Lines around labels that are kept: `miette` shows one.
const CONTEXT: usize = 2;

/// A text in which lines before and behind all labels are empty, and long ones are cut.
#[derive(Debug)]
pub(super) struct Excerpt {
    name: String,
    text: String,
    /// Where a line of the excerpt starts, and how many bytes of the original are missing before what is shown:
    /// `miette` counts columns in bytes.
    cuts: Vec<(usize, usize)>,
}

impl Excerpt {
    /// The excerpt around some spans of a text, and where they are in it.
    pub(super) fn new(name: &str, text: &str, spans: &[Range<usize>]) -> (Self, Vec<Range<usize>>) {
        let mut excerpt = Self { name: name.to_owned(), text: String::new(), cuts: Vec::new() };
        let mut moved: Vec<Range<usize>> = spans.to_vec();
        let lines: Vec<(usize, &str)> = text
            .split_inclusive('\n')
            .scan(0, |start, line| {
                *start += line.len();
                Some((*start - line.len(), line))
            })
            .collect();
        let line_of = |at: usize| lines.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        let first = spans.iter().map(|span| line_of(span.start)).min().unwrap_or_default();
        let last = spans.iter().map(|span| line_of(span.end)).max().unwrap_or_default();
        let near = first.saturating_sub(CONTEXT)..=last + CONTEXT;
        for (index, (start, line)) in lines.iter().enumerate() {
            let at = excerpt.text.len();
            let body = line.trim_end_matches(['\n', '\r']);
            let kept = if !near.contains(&index) {
                0..0
            } else if body.len() <= LONG {
                0..body.len()
            } else {
                window(body, *start, spans)
            };
            let before = if kept.start > 0 { "…" } else { "" };
            let after = if kept.end < body.len() && !kept.is_empty() { "…" } else { "" };
            for text in [before, &body[kept.clone()], after, &line[body.len()..]] {
                excerpt.text.push_str(text);
            }
            excerpt.cuts.push((at, kept.start.saturating_sub(before.len())));
            let place = |offset: usize| at + before.len() + offset.clamp(kept.start, kept.end) - kept.start;
            for (span, moved) in spans.iter().zip(&mut moved) {
                let end = start + line.len();
                // the end of a text is on its last line
                let here =
                    |offset: usize| (*start..end).contains(&offset) || (offset == end && end == text.len());
                if here(span.start) {
                    moved.start = if span.start - start > body.len() {
                        excerpt.text.len()
                    } else {
                        place(span.start - start)
                    };
                }
                if here(span.end) {
                    moved.end = place(span.end - start).max(moved.start);
                }
            }
        }
        (excerpt, moved)
    }
}

/// The part of a long line around the labels on it.
fn window(line: &str, start: usize, spans: &[Range<usize>]) -> Range<usize> {
    let here = spans.iter().filter(|span| (start..=start + line.len()).contains(&span.start));
    let around = here.map(|span| {
        let from = span.start - start;
        from.saturating_sub(AROUND)..(from + span.len().min(LABEL) + AROUND).min(line.len())
    });
    let whole = around.reduce(|one, other| one.start.min(other.start)..one.end.max(other.end));
    let whole = whole.unwrap_or(0..LONG);
    // labels far apart: the first says what is wrong
    let end = whole.end.min(whole.start + LONG.max(LABEL + 2 * AROUND));
    let boundary = |at: usize| (0..=at).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    boundary(whole.start)..boundary(end)
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let found = self.text.read_span(span, lines_before, lines_after)?;
        let first = found.span().offset();
        let line = self.cuts.partition_point(|(start, _)| *start <= first).saturating_sub(1);
        let cut = self.cuts.get(line).map_or(0, |(_, cut)| *cut);
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            found.data(),
            *found.span(),
            found.line(),
            found.column() + cut,
            found.line_count(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(text: &str, spans: &[Range<usize>]) -> (Excerpt, Vec<Range<usize>>) {
        Excerpt::new("x.toml", text, spans)
    }

    #[test]
    fn short_lines_near_a_label_stay_as_they_are() {
        let text = "a = 1\nb = é\r\n\nc = 3";
        for span in [0..1, 10..12, 14..14, 15..16, 19..19] {
            let (excerpt, moved) = excerpt(text, std::slice::from_ref(&span));
            let lines: Vec<&str> = excerpt.text.split('\n').collect();
            assert_eq!(excerpt.text.get(moved[0].clone()), text.get(span), "{lines:?}");
            assert!(lines.len() == 4 && lines[1] == "b = é\r", "{lines:?}");
        }
        let far = "x = 1\n".repeat(20);
        let (excerpt, moved) = excerpt(&far, std::slice::from_ref(&(60..61)));
        assert_eq!(excerpt.text.matches("x = 1").count(), 5, "lines far away are empty");
        assert_eq!(excerpt.text.matches('\n').count(), 20, "and still there");
        assert_eq!(&excerpt.text[moved[0].clone()], "x");
    }

    #[test]
    fn a_long_line_is_cut_around_its_labels() {
        let text = format!("a = 1\n{}WRONG{}{}\n", "é".repeat(500), "-".repeat(10), "y".repeat(5000));
        let at = text.find("WRONG").expect("it is there");
        let (excerpt, moved) = excerpt(&text, &[at..at + 5, at + 1..at + 4000]);
        assert_eq!(&excerpt.text[moved[0].clone()], "WRONG");
        assert!(excerpt.text[moved[1].clone()].starts_with("RONG-"), "{excerpt:?}");
        assert!(excerpt.text.len() < 400 && excerpt.text.contains("…é") && excerpt.text.ends_with("y…\n"));
        let header = excerpt.read_span(&SourceSpan::from(moved[0].clone()), 0, 0).expect("it is there");
        let plain = text.read_span(&SourceSpan::from(at..at + 5), 0, 0).expect("it is there");
        assert_eq!((header.line(), header.column()), (plain.line(), plain.column()));
    }
}
