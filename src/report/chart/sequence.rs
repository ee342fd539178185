//! Tokens per second of each request, in the order of their numbers.

use super::{
    Sketch,
    axis::Axis,
    page::{MARGIN, Page, Panel, Sample, X_AXIS, left_of},
    scene::{Color, Dash, Marker, WIDTH, series_color},
    tradeoff::MANY,
    ttft::endpoint_index,
};
use crate::report::Report;

/// Requests on each side of the one that a median belongs to.
const AROUND: usize = 12;
const FAILED: Color = Color(60, 60, 60);

/// The requests of an endpoint: their places and tokens per second.
struct Series<'a> {
    index: usize,
    name: &'a str,
    speeds: Vec<(f64, f64)>,
}

pub(super) fn sketch(report: &Report) -> Option<Sketch> {
    let points = &report.summary.points;
    let shown: Vec<_> = points.iter().step_by(points.len().div_ceil(MANY).max(1)).collect();
    let mut names: Vec<&str> = shown.iter().map(|point| point.endpoint.as_str()).collect();
    names.sort_by_key(|name| (endpoint_index(report, name), *name));
    names.dedup();
    let series: Vec<Series> = names
        .into_iter()
        .map(|name| {
            let speeds = shown.iter().filter(|point| point.endpoint == name).filter_map(|point| {
                let seconds = point.e2e_s.filter(|seconds| *seconds > 0.0)?;
                Some((point.place as f64, point.output_tokens? as f64 / seconds))
            });
            Series { index: endpoint_index(report, name), name, speeds: speeds.collect() }
        })
        .filter(|series| !series.speeds.is_empty())
        .collect();
    let fastest =
        series.iter().flat_map(|series| &series.speeds).map(|(_, speed)| *speed).fold(0.0, f64::max);
    if fastest <= 0.0 {
        return None;
    }
    let failed: Vec<_> =
        shown.iter().filter(|point| point.outcome.failed()).map(|point| point.place as f64).collect();

    let title = "Tokens per second over the sequence of requests".to_owned();
    let mut page = Page::new(
        report,
        &title,
        "output tokens ÷ e2e of each measured request, and the moving median of 25",
    );
    let mut legend = Vec::new();
    for Series { index, name, .. } in &series {
        legend.push((
            Sample::Point(Marker::of_series(*index), series_color(*index), false),
            (*name).to_owned(),
        ));
        legend.push((
            Sample::Line(series_color(*index), 8.0, Dash::of_series(*index)),
            format!("{name}, median"),
        ));
    }
    if !failed.is_empty() {
        legend.push((Sample::Point(Marker::Cross, FAILED, true), "failed".to_owned()));
    }
    page.legend(&legend);

    let first = shown.first().map_or(0.0, |point| point.place as f64);
    let last = shown.last().map_or(1.0, |point| point.place as f64);
    let y = Axis::linear(0.0, fastest * 1.06, 5, false);
    let panel = Panel {
        left: left_of(&y),
        right: WIDTH - MARGIN,
        top: page.top + 20.0,
        bottom: page.bottom - X_AXIS,
        x: Axis::linear(first, last, 9, false),
        y,
    };
    panel.grid(&mut page.scene, false);
    for Series { index, speeds, .. } in &series {
        for (place, speed) in speeds {
            page.scene.point(
                panel.at(*place, *speed),
                Marker::of_series(*index),
                8.0,
                pale(series_color(*index)),
                false,
            );
        }
    }
    for Series { index, speeds, .. } in &series {
        let median = moving_median(speeds).into_iter().map(|(x, y)| panel.at(x, y)).collect();
        page.scene.path(median, series_color(*index), 8.0, Dash::of_series(*index));
    }
    panel.x_axis(&mut page.scene, "measured requests, in the order of their numbers");
    for place in failed {
        page.scene.point((panel.x(place), panel.bottom - 16.0), Marker::Cross, 11.0, FAILED, true);
    }
    panel.y_axis(&mut page.scene, "output tokens per second of the request");
    Some(Sketch { name: "tokens-over-sequence", title, scene: page.scene })
}

/// The colour halfway to the paper.
fn pale(Color(r, g, b): Color) -> Color {
    let mix = |c: u8| u16::midpoint(u16::from(c), 255) as u8;
    Color(mix(r), mix(g), mix(b))
}

fn moving_median(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    (0..points.len())
        .map(|i| {
            let near = &points[i.saturating_sub(AROUND)..(i + AROUND + 1).min(points.len())];
            let mut speeds: Vec<f64> = near.iter().map(|(_, speed)| *speed).collect();
            speeds.sort_by(f64::total_cmp);
            (points[i].0, speeds[speeds.len() / 2])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_a_single_outlier() {
        let mut points: Vec<_> = (0..50).map(|i| (f64::from(i), 10.0)).collect();
        points[20].1 = 1000.0;
        assert!(moving_median(&points).iter().all(|(_, speed)| *speed == 10.0));
    }
}
