//! What a chart is made of, in pixels of the finished picture: a list of shapes, drawn in order.

/// Width of a picture: 8 inches at 300 dpi.
pub(super) const WIDTH: f64 = 2400.0;
/// Height of most pictures: 5 inches at 300 dpi.
pub(super) const HEIGHT: f64 = 1500.0;

/// An opaque colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Color(pub(super) u8, pub(super) u8, pub(super) u8);

/// The paper.
pub(super) const PAPER: Color = Color(255, 255, 255);
/// Text and axes.
pub(super) const INK: Color = Color(31, 41, 51);
/// Secondary text.
pub(super) const MUTED: Color = Color(91, 103, 117);
/// Lines of the grid.
pub(super) const GRID: Color = Color(225, 230, 236);
/// Every other phase's background.
pub(super) const BAND: Color = Color(244, 246, 249);

/// Colours of series, from the palette of Okabe and Ito, which colour-blind readers can tell apart; in this order
/// neighbours differ in lightness too.
const SERIES: [Color; 6] = [
    Color(0, 114, 178),
    Color(213, 94, 0),
    Color(0, 138, 102),
    Color(178, 75, 138),
    Color(176, 121, 0),
    Color(74, 150, 201),
];

/// The colour of a series by its number.
pub(super) fn series_color(index: usize) -> Color {
    SERIES[index % SERIES.len()]
}

/// How a line is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dash {
    /// Not at all.
    Solid,
    /// Long strokes.
    Dashed,
    /// Short strokes.
    Dotted,
    /// Long and short strokes.
    Alternating,
}

impl Dash {
    /// The dash of a series by its number.
    pub(super) fn of_series(index: usize) -> Self {
        [Self::Solid, Self::Dashed, Self::Dotted, Self::Alternating][index % 4]
    }

    /// Lengths of strokes and gaps in turn, for a line of this width.
    fn pattern(self, width: f64) -> Vec<f64> {
        let lengths: &[f64] = match self {
            Self::Solid => &[],
            Self::Dashed => &[4.0, 2.5],
            Self::Dotted => &[1.2, 2.2],
            Self::Alternating => &[5.0, 2.2, 1.2, 2.2],
        };
        lengths.iter().map(|length| length * width).collect()
    }

    /// Cuts a line into its strokes.
    pub(super) fn cut(self, points: &[(f64, f64)], width: f64) -> Vec<Vec<(f64, f64)>> {
        let pattern = self.pattern(width);
        if pattern.is_empty() {
            return vec![points.to_vec()];
        }
        let mut strokes = Vec::new();
        let mut stroke: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
        let (mut part, mut left) = (0, pattern[0]);
        for pair in points.windows(2) {
            let (mut from, to) = (pair[0], pair[1]);
            loop {
                let length = (to.0 - from.0).hypot(to.1 - from.1);
                if length <= left {
                    left -= length;
                    stroke.push(to);
                    break;
                }
                let share = left / length;
                from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
                stroke.push(from);
                if part % 2 == 0 {
                    strokes.push(std::mem::take(&mut stroke));
                }
                stroke = vec![from];
                part = (part + 1) % pattern.len();
                left = pattern[part];
            }
        }
        if part % 2 == 0 && stroke.len() > 1 {
            strokes.push(stroke);
        }
        strokes
    }
}

/// The shape of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// ●
    Circle,
    /// ▲
    Triangle,
    /// ■
    Square,
    /// ◆
    Diamond,
    /// ×
    Cross,
}

impl Marker {
    /// The marker of a series by its number; the cross is kept for failures.
    pub(super) fn of_series(index: usize) -> Self {
        [Self::Circle, Self::Triangle, Self::Square, Self::Diamond][index % 4]
    }
}

/// Which part of a text its position names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// Its start.
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

/// A run of text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    /// On the baseline.
    pub(super) at: (f64, f64),
    pub(super) words: String,
    /// Size of the em, in pixels.
    pub(super) size: f64,
    pub(super) color: Color,
    pub(super) bold: bool,
    pub(super) anchor: Anchor,
    /// Whether it runs upwards.
    pub(super) upwards: bool,
}

/// Something to draw.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// A filled polygon.
    Area { points: Vec<(f64, f64)>, color: Color, opacity: f64 },
    /// A line through points.
    Path { points: Vec<(f64, f64)>, color: Color, width: f64, dash: Dash },
    /// A point.
    Point { at: (f64, f64), marker: Marker, size: f64, color: Color, filled: bool },
    /// Text.
    Text(Text),
}

/// A picture, [`WIDTH`] pixels wide.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scene {
    pub(super) height: f64,
    pub(super) shapes: Vec<Shape>,
}

impl Scene {
    /// Blank paper of a height.
    pub(super) fn new(height: f64) -> Self {
        Self { height, shapes: Vec::new() }
    }

    /// A filled rectangle.
    pub(super) fn rect(&mut self, (x0, y0): (f64, f64), (x1, y1): (f64, f64), color: Color, opacity: f64) {
        self.area(vec![(x0, y0), (x1, y0), (x1, y1), (x0, y1)], color, opacity);
    }

    /// A filled polygon.
    pub(super) fn area(&mut self, points: Vec<(f64, f64)>, color: Color, opacity: f64) {
        self.shapes.push(Shape::Area { points, color, opacity });
    }

    /// A line; fewer than two points draw nothing.
    pub(super) fn path(&mut self, points: Vec<(f64, f64)>, color: Color, width: f64, dash: Dash) {
        if points.len() > 1 {
            self.shapes.push(Shape::Path { points, color, width, dash });
        }
    }

    /// A point of a series.
    pub(super) fn point(&mut self, at: (f64, f64), marker: Marker, size: f64, color: Color, filled: bool) {
        self.shapes.push(Shape::Point { at, marker, size, color, filled });
    }

    /// Plain text.
    pub(super) fn text(
        &mut self,
        at: (f64, f64),
        text: impl Into<String>,
        size: f64,
        color: Color,
        anchor: Anchor,
    ) {
        self.words(at, text.into(), size, color, anchor, false);
    }

    /// Bold text.
    pub(super) fn bold(
        &mut self,
        at: (f64, f64),
        text: impl Into<String>,
        size: f64,
        color: Color,
        anchor: Anchor,
    ) {
        self.words(at, text.into(), size, color, anchor, true);
    }

    fn words(&mut self, at: (f64, f64), words: String, size: f64, color: Color, anchor: Anchor, bold: bool) {
        self.shapes.push(Shape::Text(Text { at, words, size, color, bold, anchor, upwards: false }));
    }

    /// Text that runs upwards, centred.
    pub(super) fn upwards(&mut self, at: (f64, f64), text: impl Into<String>, size: f64, color: Color) {
        self.shapes.push(Shape::Text(Text {
            at,
            words: text.into(),
            size,
            color,
            bold: false,
            anchor: Anchor::Middle,
            upwards: true,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_cover_the_strokes_of_a_line_and_nothing_else() {
        let strokes = Dash::Dashed.cut(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)], 1.0);
        let lengths: Vec<f64> = strokes
            .iter()
            .map(|stroke| stroke.windows(2).map(|p| (p[1].0 - p[0].0).hypot(p[1].1 - p[0].1)).sum())
            .collect();
        // 20 units of a pattern of 6.5: three whole strokes of 4 and what is left of a fourth
        assert_eq!(lengths.len(), 4);
        assert!((lengths.iter().sum::<f64>() - 12.5).abs() < 1e-9, "{lengths:?}");
    }

    #[test]
    fn a_solid_line_is_one_stroke() {
        let points = [(0.0, 0.0), (5.0, 5.0)];
        assert_eq!(Dash::Solid.cut(&points, 3.0), [points.to_vec()]);
    }
}
