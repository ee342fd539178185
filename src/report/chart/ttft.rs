//! Distribution of the time to the first token: one panel per endpoint, with median and 95th percentile.

use super::{
    Sketch,
    axis::{Axis, seconds_unit},
    page::{MARGIN, Page, Panel, SMALL, X_AXIS, fitted, left_of},
    render::text_width,
    scene::{Anchor, Color, Dash, INK, MUTED, Scene, WIDTH, series_color},
};
use crate::{
    catalog::{Metric, Statistic},
    metrics::{Distribution, Scope, Values},
    report::{Report, words},
    units,
};

/// Panels that fit one above the other; more are left to the tables.
const MANY: usize = 5;
const BINS: usize = 48;
/// Above this ratio of the largest to the smallest value a linear axis hides the small ones.
const WIDE: f64 = 40.0;

/// One distribution to draw.
struct Series<'a> {
    name: String,
    color: Color,
    values: &'a [f64],
    distribution: &'a Distribution,
}

pub(super) fn sketch(report: &Report) -> Option<Sketch> {
    let all = series(report);
    let shown = &all[..all.len().min(MANY)];
    let smallest = shown.iter().filter_map(|s| s.values.first()).copied().fold(f64::INFINITY, f64::min);
    let largest = shown.iter().filter_map(|s| s.values.last()).copied().fold(0.0, f64::max);
    if shown.is_empty() || largest <= 0.0 {
        return None;
    }
    let (unit, factor) = seconds_unit(largest);
    let log = largest / smallest.max(1e-6) > WIDE;
    let x = if log {
        Axis::log(smallest.max(1e-6) * factor * 0.9, largest * factor * 1.1)
    } else {
        Axis::linear(0.0, largest * factor * 1.02, 8, false)
    };

    let left_out = match all.len() - shown.len() {
        0 => String::new(),
        n => format!(" ({n} more in the tables)"),
    };
    let title = "Time to first token".to_owned();
    let subtitle =
        format!("distribution over successful requests; percentiles count failures as infinite{left_out}");
    let mut page = Page::new(report, &title, &subtitle);
    let counts: Vec<Vec<u64>> = shown.iter().map(|s| histogram(s.values, &x, factor)).collect();
    let highest = |counts: &[u64]| counts.iter().copied().max().unwrap_or(0) as f64;
    let ticks = if shown.len() > 2 { 2 } else { 4 };
    let left = counts
        .iter()
        .map(|counts| left_of(&Axis::linear(0.0, highest(counts) * 1.05, ticks, true)))
        .fold(0.0, f64::max);
    let height = (page.bottom - X_AXIS - page.top) / shown.len() as f64;
    for (i, (series, counts)) in shown.iter().zip(&counts).enumerate() {
        let top = page.top + height * i as f64;
        let panel = Panel {
            left,
            right: WIDTH - MARGIN,
            top: top + 110.0,
            bottom: top + height - if i + 1 < shown.len() { 16.0 } else { 0.0 },
            x: x.clone(),
            y: Axis::linear(0.0, highest(counts) * 1.05, ticks, true),
        };
        draw(&mut page.scene, &panel, series, counts, factor);
        panel.y_axis(&mut page.scene, if shown.len() > 3 { "" } else { "requests" });
        if i + 1 < shown.len() {
            panel.base(&mut page.scene);
        } else {
            panel.x_axis(&mut page.scene, &format!("time to first token in {unit}"));
        }
    }
    Some(Sketch { name: "ttft-distribution", title, scene: page.scene })
}

/// The distributions to draw: phases that do not explore come first, ladders only where there is nothing else;
/// endpoints rather than their phase where they are known.
fn series<'a>(report: &Report<'a>) -> Vec<Series<'a>> {
    let whole = |scope: &&Scope| scope.measured && scope.key.step.is_none();
    let scopes = &report.summary.scopes;
    let explores = !scopes.iter().filter(whole).any(|scope| !scope.explores && values(scope).is_some());
    let chosen: Vec<_> = scopes
        .iter()
        .filter(whole)
        .filter(|scope| scope.explores == explores)
        .filter_map(|scope| values(scope).map(|(values, distribution)| (scope, values, distribution)))
        .collect();
    chosen
        .iter()
        .filter(|(scope, ..)| {
            let has_parts = chosen
                .iter()
                .any(|(other, ..)| other.key.endpoint.is_some() && other.key.phase == scope.key.phase);
            scope.key.endpoint.is_some() || !has_parts
        })
        .map(|(scope, values, distribution)| Series {
            name: scope.key.to_string(),
            color: series_color(scope.key.endpoint.as_deref().map_or(0, |name| endpoint_index(report, name))),
            values,
            distribution,
        })
        .collect()
}

/// The number of an endpoint in the plan, which gives it the same colour and shape in every chart.
pub(super) fn endpoint_index(report: &Report, name: &str) -> usize {
    report.plan.endpoints.iter().position(|endpoint| endpoint.name == name).unwrap_or(0)
}

fn values(scope: &Scope) -> Option<(&[f64], &Distribution)> {
    let distribution = scope.series.get(&Metric::Ttft)?;
    match &distribution.values {
        Values::Sorted(values) if !values.is_empty() => Some((values, distribution)),
        _ => None,
    }
}

/// Counts per bin; bins are equally wide on the axis.
fn histogram(values: &[f64], x: &Axis, factor: f64) -> Vec<u64> {
    let mut counts = vec![0; BINS];
    for value in values {
        let bin = (x.place(value * factor) * BINS as f64).floor();
        counts[(bin.max(0.0) as usize).min(BINS - 1)] += 1;
    }
    counts
}

fn draw(scene: &mut Scene, panel: &Panel, series: &Series, counts: &[u64], factor: f64) {
    panel.grid(scene, true);
    let edge = |bin: usize| panel.left + (panel.right - panel.left) * bin as f64 / BINS as f64;
    let mut outline = Vec::new();
    for (bin, count) in counts.iter().chain([&0]).enumerate() {
        if *count == 0 {
            if !outline.is_empty() {
                outline.push((edge(bin), panel.bottom));
                scene.path(std::mem::take(&mut outline), series.color, 5.0, Dash::Solid);
            }
            continue;
        }
        let y = panel.y(*count as f64);
        scene.rect((edge(bin), y), (edge(bin + 1), panel.bottom), series.color, 0.22);
        if outline.is_empty() {
            outline.push((edge(bin), panel.bottom));
        }
        outline.extend([(edge(bin), y), (edge(bin + 1), y)]);
    }

    let heading = panel.top - 66.0;
    let failed = series.distribution.failed;
    let sample = match failed {
        0 => format!("n = {}", units::show_count(series.values.len() as u64)),
        _ => format!(
            "n = {}, and {} failed",
            units::show_count(series.values.len() as u64),
            units::show_count(failed)
        ),
    };
    let name = fitted(&series.name, SMALL, (panel.right - panel.left) / 2.0);
    scene.bold((panel.left, heading), name.clone(), SMALL, INK, Anchor::Start);
    let after = panel.left + text_width(&name, SMALL, true) + 36.0;
    scene.text((after, heading), sample, SMALL, MUTED, Anchor::Start);
    marks(scene, panel, series, factor);
}

/// Median and 95th percentile, as targets judge them.
fn marks(scene: &mut Scene, panel: &Panel, series: &Series, factor: f64) {
    let mut free_from = panel.left;
    for (statistic, dash) in [(Statistic::P50, Dash::Solid), (Statistic::P95, Dash::Dashed)] {
        let Some(value) = series.distribution.judged(statistic) else { continue };
        let label = format!("{} {}", statistic.name(), words::value(Metric::Ttft, Some(value)));
        let width = text_width(&label, SMALL, false);
        let baseline = panel.top - 16.0;
        let x = if value.is_finite() { panel.x(value * factor) } else { panel.right };
        if value.is_finite() {
            scene.path(vec![(x, panel.top), (x, panel.bottom)], INK, 5.0, dash);
        }
        // above the line, never over the label before it or the edge
        let start = (x - width / 2.0).max(free_from).min(panel.right - width);
        scene.text((start, baseline), label, SMALL, INK, Anchor::Start);
        free_from = start + width + 30.0;
    }
}
