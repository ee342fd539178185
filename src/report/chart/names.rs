//! Names of points: each beside its point, where it covers no other point or name and no line, as far as there is room.

use super::{
    render::text_width,
    scene::{Anchor, Dash, INK, MUTED, PAPER, Scene},
};

/// A rectangle: left, top, right, bottom.
type Box = (f64, f64, f64, f64);

/// Pixels between a point and its name, the nearest first.
const AWAY: [f64; 4] = [26.0, 58.0, 96.0, 140.0];

/// Where a name lies of its point, in units across and down: below to the right, where throughput against latency has
/// no frontier, comes first.
const SIDES: [(f64, f64); 8] =
    [(1.0, 1.0), (-1.0, -1.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0), (1.0, -1.0), (-1.0, 1.0)];

/// What names must keep clear of.
pub(super) struct Names {
    /// Where they may stand.
    bounds: Box,
    /// Points and other names: never covered.
    taken: Vec<Box>,
    /// Places on lines: covered where there is no other way.
    lines: Vec<(f64, f64)>,
}

impl Names {
    /// Names between some bounds, clear of points and of lines through these places.
    pub(super) fn new(bounds: Box, points: impl Iterator<Item = (f64, f64)>, lines: &[(f64, f64)]) -> Self {
        const RADIUS: f64 = 19.0;
        let around = |(x, y): (f64, f64)| (x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS);
        Self { bounds, taken: points.map(around).collect(), lines: close(lines) }
    }

    /// Writes the name of a point; where there is no room for it, nothing.
    pub(super) fn write(&mut self, scene: &mut Scene, at: (f64, f64), name: &str, size: f64) {
        let width = text_width(name, size, false);
        let Some((place, away)) = self.place(at, width, size) else { return };
        self.taken.push(place);
        let (left, top, right, bottom) = place;
        if away > AWAY[0] {
            let end = (at.0.clamp(left, right), at.1.clamp(top, bottom));
            scene.path(vec![at, end], MUTED, 2.0, Dash::Solid);
        }
        scene.rect((left, top), (right, bottom), PAPER, 0.75);
        scene.text((left, bottom - size * 0.24), name, size, INK, Anchor::Start);
    }

    /// The place that covers least, and how far it is from the point.
    fn place(&self, at: (f64, f64), width: f64, size: f64) -> Option<(Box, f64)> {
        let height = size * 1.12;
        let places = AWAY.into_iter().flat_map(|away| SIDES.map(|side| (away, side)));
        let free = places.filter_map(|(away, (across, down))| {
            // the near corner or edge lies this far away; half of that where the name is aside in both ways
            let far = if across != 0.0 && down != 0.0 { away * 0.7 } else { away };
            let x = at.0 + across * (far + width / 2.0);
            let y = at.1 + down * (far + height / 2.0);
            let place = (x - width / 2.0, y - height / 2.0, x + width / 2.0, y + height / 2.0);
            let inside = place.0 >= self.bounds.0
                && place.1 >= self.bounds.1
                && place.2 <= self.bounds.2
                && place.3 <= self.bounds.3;
            let free = inside && !self.taken.iter().any(|other| overlap(place, *other));
            free.then_some((place, away))
        });
        let covers = |(left, top, right, bottom): Box| {
            let on = |(x, y): &&(f64, f64)| (left..right).contains(x) && (top..bottom).contains(y);
            self.lines.iter().filter(on).count()
        };
        free.min_by_key(|(place, _)| covers(*place))
    }
}

fn overlap(one: Box, other: Box) -> bool {
    one.0 < other.2 && one.2 > other.0 && one.1 < other.3 && one.3 > other.1
}

/// The same lines with places so close that no name fits between two of them.
fn close(line: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const STEP: f64 = 8.0;
    let pieces = line.windows(2).flat_map(|pair| {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let pieces = ((x1 - x0).hypot(y1 - y0) / STEP).ceil().max(1.0);
        (0..pieces as usize).map(move |i| {
            let share = i as f64 / pieces;
            (x0 + (x1 - x0) * share, y0 + (y1 - y0) * share)
        })
    });
    pieces.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Box = (0.0, 0.0, 1000.0, 1000.0);

    #[test]
    fn names_cover_neither_points_nor_each_other_and_stay_inside() {
        // a crowd in a corner
        let points: Vec<_> =
            (0..12).map(|i| (40.0 + f64::from(i % 4) * 60.0, 960.0 - f64::from(i / 4) * 60.0)).collect();
        let mut names = Names::new(BOUNDS, points.iter().copied(), &[]);
        let mut places = Vec::new();
        for at in &points {
            if let Some((place, _)) = names.place(*at, 120.0, 36.0) {
                names.taken.push(place);
                places.push(place);
            }
        }
        assert!(places.len() >= 6, "{places:?}");
        for (i, place) in places.iter().enumerate() {
            assert!(place.0 >= 0.0 && place.3 <= 1000.0, "{place:?}");
            assert!(!places[..i].iter().any(|other| overlap(*place, *other)), "{place:?}");
            assert!(!points.iter().any(|(x, y)| overlap(*place, (*x, *y, *x, *y))), "{place:?}");
        }
    }

    #[test]
    fn a_line_is_covered_only_where_there_is_no_other_way() {
        let line = [(500.0, 500.0), (1000.0, 900.0)];
        let names = Names::new(BOUNDS, std::iter::empty(), &line);
        let ((left, top, right, bottom), _) = names.place((500.0, 500.0), 120.0, 36.0).expect("a place");
        let on = |(x, y): &(f64, f64)| (left..right).contains(x) && (top..bottom).contains(y);
        assert!(!close(&line).iter().any(on));
        // from edge to edge
        let lines: Vec<_> =
            (0..200).flat_map(|i| [(0.0, f64::from(i) * 5.0), (1000.0, f64::from(i) * 5.0)]).collect();
        let names = Names::new(BOUNDS, std::iter::empty(), &lines);
        assert!(names.place((500.0, 500.0), 120.0, 36.0).is_some());
    }
}
