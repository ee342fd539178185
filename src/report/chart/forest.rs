//! The changes of a comparison with their intervals, a row each, against the margin that matters.

use super::{
    Sketch,
    axis::{Axis, Tick},
    page::{FOOT, MARGIN, Page, Panel, SMALL, Sample, X_AXIS, fitted},
    render::text_width,
    scene::{Anchor, Color, Dash, GRID, INK, MUTED, Marker, Scene, WIDTH, series_color},
};
use crate::{
    catalog::Direction,
    compare::{Call, Comparison, Row},
    report::changes::{change, interval, simulated, word},
    units,
};

/// Rows that one picture has; what is behind them is in the table.
const MOST: usize = 40;
const ROW: f64 = 76.0;
/// The least and the largest ratio that the axis shows; what lies beyond stands at its end.
const ENDS: (f64, f64) = (0.05, 20.0);
/// The part of the paper that names may take.
const NAMES: f64 = 760.0;
/// Space between a column and the panel.
const GAP: f64 = 36.0;

pub(super) fn sketch(comparison: &Comparison) -> Option<Sketch> {
    let all: Vec<&Row> = comparison.rows.iter().filter(|row| !row.change.is_nan()).collect();
    let rows = &all[..all.len().min(MOST)];
    let (deciding, shown): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.decides);
    if rows.is_empty() {
        return None;
    }
    let title = "Changes with their intervals".to_owned();
    let more = match all.len() - rows.len() {
        0 => String::new(),
        more => format!("; {} in the table", units::show_count_of(more as u64, "more row")),
    };
    let margin = units::show_share(comparison.margin);
    let subtitle = format!(
        "after ÷ before with its 90 % interval where runs give one; the band is the margin of {margin}; small triangles point \
         to where a metric gets better{more}"
    );
    let groups = [("with a target: these decide", deciding), ("without a target", shown)];
    let groups: Vec<_> = groups.into_iter().filter(|(_, rows)| !rows.is_empty()).collect();
    let height = 760.0 + ROW * (rows.len() + groups.len()) as f64;
    let places =
        [&comparison.before, &comparison.after].map(|side| format!("{} · {}", side.name, side.hardware));
    let mut page = Page::of_places(height, (&title, &subtitle), &places, simulated(comparison).as_deref());
    let calls = [Call::Regressed, Call::Inconclusive, Call::Improved, Call::Equivalent];
    let legend: Vec<_> = calls
        .into_iter()
        .filter(|call| rows.iter().any(|row| row.call == *call))
        .map(|call| {
            let (marker, color, filled) = look(call);
            (Sample::Point(marker, color, filled), word(call).to_lowercase())
        })
        .collect();
    page.legend(&legend);

    let names = rows.iter().map(|row| text_width(&name(row), SMALL, false)).fold(0.0, f64::max).min(NAMES);
    let numbers = rows.iter().map(|row| text_width(&numbers(row), FOOT, false)).fold(0.0, f64::max);
    let mut panel = Panel {
        left: MARGIN + names + GAP + 2.0 * TRIANGLE,
        right: WIDTH - MARGIN - numbers - GAP,
        top: page.top + 30.0,
        bottom: page.bottom - X_AXIS,
        x: axis(rows, comparison.margin),
        y: Axis::linear(0.0, 1.0, 1, false),
    };
    panel.x.ticks = apart(&panel);
    furniture(&mut page.scene, &panel, comparison.margin);
    let height = (panel.bottom - panel.top) / (rows.len() + groups.len()) as f64;
    let mut y = panel.top + height / 2.0;
    for (heading, rows) in groups {
        page.scene.bold((MARGIN, y + SMALL * 0.35), heading, FOOT, MUTED, Anchor::Start);
        y += height;
        for of in rows {
            row(&mut page.scene, &panel, of, y);
            y += height;
        }
    }
    panel.x_axis(&mut page.scene, "change from before to after");
    Some(Sketch { name: "changes", title, scene: page.scene })
}

/// Half the size of a triangle beside a name.
const TRIANGLE: f64 = 11.0;

fn name(row: &Row) -> String {
    format!("{} in {}", row.metric, row.scope)
}

fn numbers(row: &Row) -> String {
    let interval = interval(row).map_or(String::new(), |interval| format!("  ({interval})"));
    format!("{}{interval}", change(row.change))
}

/// How a call looks, apart also without colours.
fn look(call: Call) -> (Marker, Color, bool) {
    match call {
        Call::Regressed => (Marker::Diamond, series_color(1), true),
        Call::Inconclusive => (Marker::Circle, MUTED, false),
        Call::Improved => (Marker::Triangle, series_color(2), true),
        Call::Equivalent => (Marker::Circle, series_color(0), true),
    }
}

/// The margin, the line of no change and the grid.
fn furniture(scene: &mut Scene, panel: &Panel, margin: f64) {
    let (down, up) = (1.0 / (1.0 + margin), 1.0 + margin);
    scene.rect((panel.x(down), panel.top), (panel.x(up), panel.bottom), series_color(0), 0.12);
    for tick in &panel.x.ticks {
        let x = panel.x(tick.value);
        scene.path(vec![(x, panel.top), (x, panel.bottom)], GRID, 2.0, Dash::Solid);
    }
    let one = panel.x(1.0);
    scene.path(vec![(one, panel.top), (one, panel.bottom)], INK, 3.0, Dash::Solid);
}

fn row(scene: &mut Scene, panel: &Panel, row: &Row, y: f64) {
    let (marker, color, filled) = look(row.call);
    let base = y + SMALL * 0.35;
    scene.text(
        (panel.left - GAP - 2.0 * TRIANGLE, base),
        fitted(&name(row), SMALL, NAMES),
        SMALL,
        INK,
        Anchor::End,
    );
    let better = match row.metric.metric.direction() {
        Direction::Higher => TRIANGLE,
        Direction::Lower => -TRIANGLE,
    };
    let beside = panel.left - GAP / 2.0 - TRIANGLE / 2.0;
    scene.area(
        vec![(beside - better, y - TRIANGLE), (beside - better, y + TRIANGLE), (beside + better, y)],
        MUTED,
        1.0,
    );
    let x = |ratio: f64| panel.x(ratio.clamp(panel.x.from, panel.x.to));
    if let Some((low, high)) = row.change_low.zip(row.change_high) {
        let (from, to) = (x(low), x(high));
        scene.path(vec![(from, y), (to, y)], color, 6.0, Dash::Solid);
        // an end that lies beyond the axis goes on
        for (ratio, at) in [(low, from), (high, to)] {
            if (panel.x.from..=panel.x.to).contains(&ratio) {
                scene.path(vec![(at, y - 13.0), (at, y + 13.0)], color, 6.0, Dash::Solid);
            }
        }
    }
    scene.point((x(row.change), y), marker, 15.0, color, filled);
    scene.text((panel.right + GAP, y + FOOT * 0.35), numbers(row), FOOT, INK, Anchor::Start);
}

/// A logarithmic axis of ratios that is as wide to either side of 1, with ticks that read as changes.
fn axis(rows: &[&Row], margin: f64) -> Axis {
    let ends = rows.iter().flat_map(|row| [Some(row.change), row.change_low, row.change_high]);
    let seen = ends.flatten().filter(|ratio| *ratio > 0.0 && ratio.is_finite());
    let widest =
        seen.map(|ratio| ratio.clamp(ENDS.0, ENDS.1).ln().abs()).fold((1.0 + margin).ln() * 2.0, f64::max);
    let to = (widest * 1.08).exp();
    let ticks: &[f64] = match to {
        ..1.18 => &[0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15],
        ..1.7 => &[0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6],
        ..4.0 => &[0.25, 0.33, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0],
        _ => &[0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0],
    };
    let label = |ratio: f64| match ratio {
        _ if (ratio - 1.0).abs() < 1e-9 => "0 %".to_owned(),
        2.0.. => format!("×{ratio:.0}"),
        _ => format!("{}{:.0} %", if ratio < 1.0 { "−" } else { "+" }, (ratio - 1.0).abs() * 100.0),
    };
    let within = ticks.iter().copied().filter(|ratio| (1.0 / to..=to).contains(ratio));
    let ticks = within.map(|value| Tick { value, label: label(value) }).collect();
    Axis { from: 1.0 / to, to, log: true, ticks }
}

/// The ticks whose labels leave room for each other, from that of no change outwards.
fn apart(panel: &Panel) -> Vec<Tick> {
    let span = |tick: &Tick| {
        let (x, half) = (panel.x(tick.value), text_width(&tick.label, SMALL, false) / 2.0);
        (x - half, x + half)
    };
    let mut kept: Vec<Tick> = Vec::new();
    let mut ticks: Vec<&Tick> = panel.x.ticks.iter().collect();
    ticks.sort_by(|a, b| a.value.ln().abs().total_cmp(&b.value.ln().abs()));
    for tick in ticks {
        let (from, to) = span(tick);
        if kept.iter().map(span).all(|(left, right)| from > right + GAP || to < left - GAP) {
            kept.push(tick.clone());
        }
    }
    kept.sort_by(|a, b| a.value.total_cmp(&b.value));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::compared;

    #[test]
    fn axes_are_as_wide_to_either_side_and_keep_what_is_seen() {
        let comparison = compared(1.2);
        for (change, last) in [(1.02, "+10 %"), (1.3, "+30 %"), (0.4, "×2"), (1000.0, "×20")] {
            let rows = [Row { change, change_low: None, change_high: None, ..comparison.rows[0].clone() }];
            let axis = axis(&rows.iter().collect::<Vec<_>>(), 0.05);
            assert!((axis.place(1.0) - 0.5).abs() < 1e-9);
            let labels: Vec<&str> = axis.ticks.iter().map(|tick| tick.label.as_str()).collect();
            assert_eq!(labels.last(), Some(&last), "{labels:?}");
            assert!(labels.contains(&"0 %"));
        }
    }
}
