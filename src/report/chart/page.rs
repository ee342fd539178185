//! What all charts share: heading, legend, panel with axes, and the line that says where it was measured.

use super::{
    axis::Axis,
    render::text_width,
    scene::{Anchor, Color, Dash, GRID, HEIGHT, INK, MUTED, Marker, Scene, WIDTH},
};
use crate::report::{Report, words};

/// Space at the left and right edge of the paper.
pub(super) const MARGIN: f64 = 72.0;
/// Em of tick labels and legends.
pub(super) const SMALL: f64 = 36.0;
/// Em of axis titles.
const LABEL: f64 = 38.0;
/// Em of the heading.
const HEADING: f64 = 56.0;
/// Em of the footer and of what is beside the point.
pub(super) const FOOT: f64 = 30.0;

/// A sample in the legend.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sample {
    /// A line.
    Line(Color, f64, Dash),
    /// A point.
    Point(Marker, Color, bool),
}

/// The paper with its furniture; what is left in the middle is for panels.
pub(super) struct Page {
    pub(super) scene: Scene,
    /// The upper edge of what is left.
    pub(super) top: f64,
    /// The lower edge of what is left.
    pub(super) bottom: f64,
}

impl Page {
    /// Heading and footer.
    pub(super) fn new(report: &Report, title: &str, subtitle: &str) -> Self {
        Self::of_height(HEIGHT, report, title, subtitle)
    }

    /// Heading and footer of paper that need not have the usual height.
    pub(super) fn of_height(height: f64, report: &Report, title: &str, subtitle: &str) -> Self {
        let place = format!(
            "{} · scenario {} · {}",
            words::hardware(report),
            report.plan.title(),
            words::started(report)
        );
        let notice = words::simulated_notice(report);
        Self::of_places(height, (title, subtitle), &[place], notice.as_deref())
    }

    /// Heading, and a footer that says where it was measured.
    pub(super) fn of_places(
        height: f64,
        (title, subtitle): (&str, &str),
        places: &[String],
        notice: Option<&str>,
    ) -> Self {
        let mut scene = Scene::new(height);
        let room = WIDTH - 2.0 * MARGIN;
        scene.bold((MARGIN, 104.0), title, HEADING, INK, Anchor::Start);
        let mut top = 104.0;
        for line in broken(subtitle, LABEL, room) {
            top += 56.0;
            scene.text((MARGIN, top), line, LABEL, MUTED, Anchor::Start);
        }

        let places = places.iter().flat_map(|place| broken(place, FOOT, room));
        let mut lines: Vec<_> = places.map(|line| (line, MUTED)).collect();
        if let Some(notice) = notice {
            lines.extend(broken(&capital(notice), FOOT, room).into_iter().map(|line| (line, INK)));
        }
        let first = height - 40.0 - 42.0 * (lines.len() - 1) as f64;
        for (i, (line, color)) in lines.into_iter().enumerate() {
            scene.text((MARGIN, first + 42.0 * i as f64), line, FOOT, color, Anchor::Start);
        }
        let rule = first - 52.0;
        scene.path(vec![(MARGIN, rule), (WIDTH - MARGIN, rule)], GRID, 3.0, Dash::Solid);
        Self { scene, top: top + 30.0, bottom: rule - 30.0 }
    }

    /// A legend in rows, below what is already there.
    pub(super) fn legend(&mut self, entries: &[(Sample, String)]) {
        let mut at = (MARGIN, self.top + 40.0);
        for (sample, name) in entries {
            let width = match sample {
                Sample::Line(..) => 96.0,
                Sample::Point(..) => 36.0,
            };
            let taken = width + 20.0 + text_width(name, SMALL, false);
            if at.0 > MARGIN && at.0 + taken > WIDTH - MARGIN {
                at = (MARGIN, at.1 + 54.0);
            }
            let middle = at.1 - SMALL * 0.34;
            match *sample {
                Sample::Line(color, thickness, dash) => {
                    self.scene.path(vec![(at.0, middle), (at.0 + width, middle)], color, thickness, dash);
                }
                Sample::Point(marker, color, filled) => {
                    self.scene.point((at.0 + width / 2.0, middle), marker, 15.0, color, filled);
                }
            }
            self.scene.text((at.0 + width + 20.0, at.1), name.clone(), SMALL, INK, Anchor::Start);
            at.0 += taken + 70.0;
        }
        self.top = at.1 + 30.0;
    }
}

/// The first letter as a capital: what stands alone on a chart is a sentence of its own.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Breaks text at spaces so that no line is wider than the room, words permitting.
fn broken(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line} {word}"), size, false) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Cuts text at the end until it fits.
pub(super) fn fitted(text: &str, size: f64, room: f64) -> String {
    if text_width(text, size, false) <= room {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let shorter: String = kept.iter().chain(std::iter::once(&'…')).collect();
        if text_width(&shorter, size, false) <= room {
            return shorter;
        }
    }
    String::new()
}

/// A rectangle with two axes.
pub(super) struct Panel {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) x: Axis,
    pub(super) y: Axis,
}

impl Panel {
    /// The place of a value on the x axis.
    pub(super) fn x(&self, value: f64) -> f64 {
        self.left + (self.right - self.left) * self.x.place(value)
    }

    /// The place of a value on the y axis.
    pub(super) fn y(&self, value: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * self.y.place(value)
    }

    /// The place of a pair of values.
    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x(x), self.y(y))
    }

    /// Grid lines, below everything else.
    pub(super) fn grid(&self, scene: &mut Scene, upright: bool) {
        for tick in &self.y.ticks {
            let y = self.y(tick.value);
            scene.path(vec![(self.left, y), (self.right, y)], GRID, 2.0, Dash::Solid);
        }
        if upright {
            for tick in &self.x.ticks {
                let x = self.x(tick.value);
                scene.path(vec![(x, self.top), (x, self.bottom)], GRID, 2.0, Dash::Solid);
            }
        }
    }

    /// The labels of the y axis, and its title where there is one.
    pub(super) fn y_axis(&self, scene: &mut Scene, title: &str) {
        for tick in &self.y.ticks {
            let y = self.y(tick.value) + SMALL * 0.35;
            scene.text((self.left - 18.0, y), tick.label.clone(), SMALL, INK, Anchor::End);
        }
        scene.upwards((MARGIN + 30.0, f64::midpoint(self.top, self.bottom)), title, LABEL, INK);
    }

    /// The x axis: its line, ticks and labels, and its title.
    pub(super) fn x_axis(&self, scene: &mut Scene, title: &str) {
        self.base(scene);
        for tick in &self.x.ticks {
            let x = self.x(tick.value);
            scene.path(vec![(x, self.bottom), (x, self.bottom + 12.0)], INK, 3.0, Dash::Solid);
            scene.text((x, self.bottom + 54.0), tick.label.clone(), SMALL, INK, Anchor::Middle);
        }
        let middle = f64::midpoint(self.left, self.right);
        scene.text((middle, self.bottom + 112.0), title, LABEL, INK, Anchor::Middle);
    }

    /// The line of the x axis alone.
    pub(super) fn base(&self, scene: &mut Scene) {
        scene.path(vec![(self.left, self.bottom), (self.right, self.bottom)], INK, 3.0, Dash::Solid);
    }
}

/// Space that [`Panel::x_axis`] takes below a panel.
pub(super) const X_AXIS: f64 = 130.0;

/// The left edge of a panel whose y axis has a title and these labels.
pub(super) fn left_of(axis: &Axis) -> f64 {
    let widest = axis.ticks.iter().map(|tick| text_width(&tick.label, SMALL, false)).fold(0.0, f64::max);
    MARGIN + 70.0 + widest + 18.0
}
