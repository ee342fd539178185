//! Throughput against latency: which levels of load, or which requests, nothing else beats in both.

use super::{
    Sketch,
    axis::{Axis, seconds_unit},
    names::Names,
    page::{MARGIN, Page, Panel, SMALL, Sample, X_AXIS, left_of},
    scene::{Anchor, Color, Dash, INK, MUTED, Marker, Scene, WIDTH, series_color},
    ttft::endpoint_index,
};
use crate::{
    catalog::{Metric, Statistic},
    report::Report,
    verdict::{Optimum, level_of},
};

/// Points of single requests drawn at most; more are thinned evenly.
pub(super) const MANY: usize = 1500;
const FRONTIER: Color = INK;

/// A group of points with the same look.
struct Group {
    name: String,
    index: usize,
    points: Vec<Spot>,
}

/// A point: latency in seconds, tokens per second, and what it is.
#[derive(Debug, Clone, PartialEq)]
struct Spot {
    latency: f64,
    throughput: f64,
    label: String,
}

pub(super) fn sketch(report: &Report) -> Option<Sketch> {
    let steps = by_step(report);
    let of_steps = !steps.is_empty();
    let groups = if of_steps { steps } else { by_request(report) };
    let all = || groups.iter().flat_map(|group| &group.points);
    let finite: Vec<_> = all().filter(|spot| spot.latency.is_finite()).cloned().collect();
    if finite.is_empty() {
        return None;
    }
    let title = "Throughput against latency".to_owned();
    let (subtitle, x_title, y_title) = if of_steps {
        (
            "a point per step; 95th percentile with failed requests as infinite",
            "whole answer (e2e p95)",
            "output tokens per second",
        )
    } else {
        ("a point per successful request", "whole answer (e2e)", "output tokens per second of the request")
    };
    let mut page = Page::new(report, &title, subtitle);
    let best = frontier(&finite);
    page.legend(&legend(&groups, of_steps, best.len() > 1));

    let largest = finite.iter().map(|spot| spot.latency).fold(0.0, f64::max);
    let fastest = all().map(|spot| spot.throughput).fold(0.0, f64::max);
    let (unit, factor) = seconds_unit(largest);
    let y = Axis::linear(0.0, fastest * 1.18, 5, false);
    let panel = Panel {
        left: left_of(&y),
        right: WIDTH - MARGIN,
        top: page.top + 20.0,
        bottom: page.bottom - X_AXIS,
        x: Axis::linear(0.0, largest * factor * 1.12, 8, false),
        y,
    };
    panel.grid(&mut page.scene, true);
    let place = |spot: &Spot| panel.at(spot.latency * factor, spot.throughput);
    let frontier: Vec<_> = best.iter().map(place).collect();
    if !of_steps {
        draw_points(&mut page.scene, &panel, &groups, factor, of_steps);
    }
    page.scene.path(staircase(&frontier), FRONTIER, 4.0, Dash::Dotted);
    page.scene.path(smooth(&frontier), FRONTIER, 7.0, Dash::Solid);
    if of_steps {
        draw_points(&mut page.scene, &panel, &groups, factor, of_steps);
        labels(&mut page.scene, &panel, &groups, factor, &frontier);
    }
    ideal(&mut page.scene, &panel);
    panel.x_axis(&mut page.scene, &format!("{x_title} in {unit}"));
    panel.y_axis(&mut page.scene, y_title);
    Some(Sketch { name: "throughput-latency", title, scene: page.scene })
}

/// A point per step of phases with several, one group per phase.
fn by_step(report: &Report) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for scope in &report.summary.scopes {
        let (Some(step), None, true) = (&scope.key.step, &scope.key.endpoint, scope.measured) else {
            continue;
        };
        let latency = scope.value(Metric::E2e, Some(Statistic::P95));
        let throughput = scope.value(Metric::OutputTokensPerSecond, None);
        let (Some(latency), Some(throughput)) = (latency, throughput) else { continue };
        let phase = &scope.key.phase;
        let is_best = |optimum: &Optimum| {
            optimum.phase == *phase && optimum.step.as_deref().map(level_of) == Some(step.as_str())
        };
        let best = report.verdict.optima.iter().any(is_best);
        let label = if best { format!("{step} (optimum)") } else { step.clone() };
        let spot = Spot { latency, throughput, label };
        let index = groups.len();
        match groups.iter_mut().find(|group| group.name == scope.key.phase) {
            Some(group) => group.points.push(spot),
            None => groups.push(Group { name: scope.key.phase.clone(), index, points: vec![spot] }),
        }
    }
    groups
}

/// A point per successful request, one group per endpoint.
fn by_request(report: &Report) -> Vec<Group> {
    let points = &report.summary.points;
    let mut groups: Vec<Group> = Vec::new();
    for point in points.iter().step_by(points.len().div_ceil(MANY).max(1)) {
        let (Some(latency), Some(tokens)) = (point.e2e_s.filter(|s| *s > 0.0), point.output_tokens) else {
            continue;
        };
        let spot = Spot { latency, throughput: tokens as f64 / latency, label: String::new() };
        match groups.iter_mut().find(|group| group.name == point.endpoint) {
            Some(group) => group.points.push(spot),
            None => groups.push(Group {
                name: point.endpoint.clone(),
                index: endpoint_index(report, &point.endpoint),
                points: vec![spot],
            }),
        }
    }
    groups.sort_by_key(|group| group.index);
    groups
}

/// A frontier of one point is no line, and is not promised one.
fn legend(groups: &[Group], of_steps: bool, with_frontier: bool) -> Vec<(Sample, String)> {
    let mut entries: Vec<_> = groups
        .iter()
        .map(|group| {
            let look = Sample::Point(Marker::of_series(group.index), series_color(group.index), of_steps);
            (look, group.name.clone())
        })
        .collect();
    if with_frontier {
        entries.push((Sample::Line(FRONTIER, 4.0, Dash::Dotted), "Pareto frontier".to_owned()));
        entries.push((Sample::Line(FRONTIER, 7.0, Dash::Solid), "curve of best trade-offs".to_owned()));
    }
    entries
}

/// The points that no other beats in both latency and throughput, by rising latency.
fn frontier(points: &[Spot]) -> Vec<Spot> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.latency.total_cmp(&b.latency).then(b.throughput.total_cmp(&a.throughput)));
    let mut best = f64::NEG_INFINITY;
    sorted.retain(|spot| {
        let better = spot.throughput > best;
        best = best.max(spot.throughput);
        better
    });
    sorted
}

/// The edge of what the frontier's points dominate.
fn staircase(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut stairs = Vec::new();
    for pair in points.windows(2) {
        stairs.extend([pair[0], (pair[1].0, pair[0].1)]);
    }
    stairs.extend(points.last());
    stairs
}

/// A smooth curve through the points that rises where they rise and nowhere else: the monotone cubic of Fritsch and
/// Carlson (SIAM J. Numer. Anal. 17, 1980).
fn smooth(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const PIECES: usize = 24;
    let slopes: Vec<f64> = points.windows(2).map(|p| (p[1].1 - p[0].1) / (p[1].0 - p[0].0)).collect();
    if slopes.iter().any(|slope| !slope.is_finite()) || points.len() < 3 {
        return points.to_vec();
    }
    let last = slopes.len() - 1;
    let mut tangents = vec![slopes[0]];
    tangents
        .extend(slopes.windows(2).map(|s| if s[0] * s[1] <= 0.0 { 0.0 } else { f64::midpoint(s[0], s[1]) }));
    tangents.push(slopes[last]);
    for (i, slope) in slopes.iter().enumerate() {
        if *slope == 0.0 {
            (tangents[i], tangents[i + 1]) = (0.0, 0.0);
            continue;
        }
        let (a, b) = (tangents[i] / slope, tangents[i + 1] / slope);
        let size = a.hypot(b);
        if size > 3.0 {
            (tangents[i], tangents[i + 1]) = (3.0 / size * a * slope, 3.0 / size * b * slope);
        }
    }
    let mut curve = vec![points[0]];
    for (i, pair) in points.windows(2).enumerate() {
        let width = pair[1].0 - pair[0].0;
        curve.extend((1..=PIECES).map(|piece| {
            let t = piece as f64 / PIECES as f64;
            let (t2, t3) = (t * t, t * t * t);
            let y = (2.0 * t3 - 3.0 * t2 + 1.0) * pair[0].1
                + (t3 - 2.0 * t2 + t) * width * tangents[i]
                + (3.0 * t2 - 2.0 * t3) * pair[1].1
                + (t3 - t2) * width * tangents[i + 1];
            (pair[0].0 + t * width, y)
        }));
    }
    curve
}

/// Draws the points; an infinite latency lies at the right edge, hollow.
fn draw_points(scene: &mut Scene, panel: &Panel, groups: &[Group], factor: f64, of_steps: bool) {
    let size = if of_steps { 17.0 } else { 9.0 };
    for group in groups {
        for spot in &group.points {
            let at = spot_at(panel, spot, factor);
            let filled = of_steps && spot.latency.is_finite();
            scene.point(at, Marker::of_series(group.index), size, series_color(group.index), filled);
        }
    }
}

fn spot_at(panel: &Panel, spot: &Spot, factor: f64) -> (f64, f64) {
    let y = panel.y(spot.throughput);
    if spot.latency.is_finite() { (panel.x(spot.latency * factor), y) } else { (panel.right - 24.0, y) }
}

/// Names the points, clear of the frontier.
fn labels(scene: &mut Scene, panel: &Panel, groups: &[Group], factor: f64, frontier: &[(f64, f64)]) {
    let spots = || groups.iter().flat_map(|group| &group.points);
    let bounds = (panel.left + 6.0, panel.top, panel.right, panel.bottom - 6.0);
    let lines = [staircase(frontier), smooth(frontier)].concat();
    let mut names = Names::new(bounds, spots().map(|spot| spot_at(panel, spot, factor)), &lines);
    for spot in spots() {
        let infinite = format!("{}: ∞ →", spot.label);
        let name = if spot.latency.is_finite() { &spot.label } else { &infinite };
        names.write(scene, spot_at(panel, spot, factor), name, SMALL);
    }
}

/// An arrow to the corner where everything is fast.
fn ideal(scene: &mut Scene, panel: &Panel) {
    let tip = (panel.left + 26.0, panel.top + 26.0);
    let tail = (tip.0 + 120.0, tip.1 + 90.0);
    let (dx, dy) = (tip.0 - tail.0, tip.1 - tail.1);
    let length = dx.hypot(dy);
    let (dx, dy) = (dx / length, dy / length);
    let neck = (tip.0 - dx * 34.0, tip.1 - dy * 34.0);
    scene.path(vec![tail, neck], MUTED, 6.0, Dash::Solid);
    scene.area(
        vec![tip, (neck.0 - dy * 17.0, neck.1 + dx * 17.0), (neck.0 + dy * 17.0, neck.1 - dx * 17.0)],
        MUTED,
        1.0,
    );
    scene.text((tail.0 + 14.0, tail.1 + 18.0), "ideal corner", SMALL, MUTED, Anchor::Start);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(latency: f64, throughput: f64) -> Spot {
        Spot { latency, throughput, label: String::new() }
    }

    #[test]
    fn the_frontier_is_what_nothing_beats() {
        let points = [spot(1.0, 10.0), spot(2.0, 9.0), spot(2.0, 20.0), spot(3.0, 20.0), spot(4.0, 30.0)];
        assert_eq!(frontier(&points), [spot(1.0, 10.0), spot(2.0, 20.0), spot(4.0, 30.0)]);
    }

    #[test]
    fn the_curve_meets_the_points_and_never_turns_back() {
        let points = [(0.0, 100.0), (10.0, 40.0), (30.0, 39.0), (80.0, 5.0)];
        let curve = smooth(&points);
        for point in points {
            assert!(curve.iter().any(|at| (at.0 - point.0).hypot(at.1 - point.1) < 1e-9), "{point:?}");
        }
        assert!(curve.windows(2).all(|pair| pair[1].0 > pair[0].0 && pair[1].1 <= pair[0].1 + 1e-9));
    }
}
