//! Distribution of the time to the first token: a row per phase, level and endpoint over one axis, with median and 95th
//! percentile as figures beside them.

use super::{
    Sketch,
    axis::{Axis, seconds_unit},
    page::{FOOT, MARGIN, Page, Panel, SMALL, X_AXIS, fitted},
    render::text_width,
    scene::{Anchor, Color, Dash, GRID, HEIGHT, INK, MUTED, Scene, WIDTH, series_color},
};
use crate::{
    catalog::{Metric, Statistic},
    metrics::{Distribution, Scope, Values},
    report::{Report, words},
    units,
};

/// Rows that a picture of bearable height has room for; more are left to the tables.
const MANY: usize = 24;
/// The lowest row in which bars can still be told apart.
const LOWEST: f64 = 108.0;
const BINS: usize = 64;
/// Above this ratio of the largest to the smallest value a linear axis hides the small ones.
const WIDE: f64 = 40.0;
/// Width of a column of figures, and of the widest name of a row.
const FIGURE: f64 = 200.0;
const NAME: f64 = 560.0;

/// The figures of each row, with the line that marks them among the bars.
const FIGURES: [(Statistic, Dash); 2] = [(Statistic::P50, Dash::Solid), (Statistic::P95, Dash::Dashed)];

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
    let x = if largest / smallest.max(1e-6) > WIDE {
        Axis::log(smallest.max(1e-6) * factor * 0.9, largest * factor * 1.1)
    } else {
        Axis::linear(0.0, largest * factor * 1.02, 8, false)
    };

    let left_out = match all.len() - shown.len() {
        0 => String::new(),
        n => format!("; {n} more in the tables"),
    };
    let title = "Time to first token".to_owned();
    let scale = if shown.len() > 1 { ", each row on its own scale" } else { "" };
    let subtitle =
        format!("bars count successful requests{scale}; percentiles count failures as infinite{left_out}");
    let usual = Page::new(report, &title, &subtitle);
    let rows = shown.len() as f64;
    let furniture = usual.top + HEAD + X_AXIS + HEIGHT - usual.bottom;
    let height = (HEIGHT - furniture).max(rows * LOWEST) / rows;
    let mut page = Page::of_height((furniture + rows * height).round(), report, &title, &subtitle);

    let names = shown.iter().map(|series| text_width(&series.name, SMALL, true)).fold(0.0, f64::max);
    let counts = shown.iter().map(|series| text_width(&sample(series), SMALL, false)).fold(0.0, f64::max);
    let left = MARGIN + names.min(NAME).max(counts) + 140.0;
    let right = WIDTH - MARGIN - FIGURE * FIGURES.len() as f64;
    head(&mut page.scene, right, page.top);
    let first = page.top + HEAD;
    for (i, series) in shown.iter().enumerate() {
        let counts = histogram(series.values, &x, factor);
        let highest = counts.iter().copied().max().unwrap_or(0) as f64;
        let top = first + height * i as f64;
        let panel = Panel {
            left,
            right,
            top: top + 14.0,
            bottom: top + height,
            x: x.clone(),
            y: Axis { from: 0.0, to: highest.max(1.0), log: false, ticks: Vec::new() },
        };
        row(&mut page.scene, &panel, series, &counts, factor);
        if i + 1 < shown.len() {
            panel.base(&mut page.scene);
        } else {
            panel.x_axis(&mut page.scene, &format!("time to first token in {unit}"));
        }
    }
    Some(Sketch { name: "ttft-distribution", title, scene: page.scene })
}

/// Space that [`head`] takes.
const HEAD: f64 = 56.0;

/// What the columns of figures are, with their lines.
fn head(scene: &mut Scene, right: f64, top: f64) {
    for (i, (statistic, dash)) in FIGURES.into_iter().enumerate() {
        let end = right + FIGURE * (i + 1) as f64;
        let name = statistic.name();
        scene.bold((end, top + 36.0), name, SMALL, INK, Anchor::End);
        let before = end - text_width(name, SMALL, true) - 24.0;
        let middle = top + 36.0 - SMALL * 0.34;
        scene.path(vec![(before - 64.0, middle), (before, middle)], INK, 5.0, dash);
    }
}

/// The distributions to draw in the order of the plan: phases that only explore by their levels, all others by their
/// endpoints, and without either as a whole.
fn series<'a>(report: &Report<'a>) -> Vec<Series<'a>> {
    let scopes = &report.summary.scopes;
    let parts = |scope: &Scope| -> Vec<&str> {
        let same =
            |other: &&Scope| (&other.key.phase, &other.key.step) == (&scope.key.phase, &scope.key.step);
        scopes.iter().filter(same).filter_map(|other| other.key.endpoint.as_deref()).collect()
    };
    let chosen = scopes.iter().filter(|scope| {
        let has_levels =
            scopes.iter().any(|other| other.key.phase == scope.key.phase && other.key.step.is_some());
        let whole = scope.key.endpoint.is_none();
        scope.measured
            && match &scope.key.step {
                Some(_) => whole,
                None => !has_levels && (whole == (parts(scope).len() < 2)),
            }
    });
    chosen
        .filter_map(|scope| {
            let (values, distribution) = values(scope)?;
            // several endpoints together have the colour of none
            let color = endpoint_of(report, scope).map_or(MUTED, series_color);
            Some(Series { name: scope.key.to_string(), color, values, distribution })
        })
        .collect()
}

/// The number of the only endpoint that a scope is about.
fn endpoint_of(report: &Report, scope: &Scope) -> Option<usize> {
    if let Some(name) = &scope.key.endpoint {
        return Some(endpoint_index(report, name));
    }
    let (_, load) = report.plan.loads().find(|(step, _)| step.phase == scope.key.phase)?;
    match load.traffic.as_slice() {
        [only] => Some(only.endpoint),
        _ => None,
    }
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

/// How many requests are in the bars, and how many can be in none.
fn sample(series: &Series) -> String {
    let count = units::show_count(series.values.len() as u64);
    match series.distribution.failed {
        0 => format!("n = {count}"),
        failed => format!("n = {count}, {} failed", units::show_count(failed)),
    }
}

fn row(scene: &mut Scene, panel: &Panel, series: &Series, counts: &[u64], factor: f64) {
    for tick in &panel.x.ticks {
        let x = panel.x(tick.value);
        scene.path(vec![(x, panel.top - 14.0), (x, panel.bottom)], GRID, 2.0, Dash::Solid);
    }
    bars(scene, panel, series.color, counts);
    let highest = units::show_count(counts.iter().copied().max().unwrap_or(0));
    for (count, value) in [(highest, panel.y.to), ("0".to_owned(), 0.0)] {
        let baseline = panel.y(value) + if value > 0.0 { FOOT * 0.7 } else { 0.0 };
        scene.text((panel.left - 14.0, baseline), count, FOOT, MUTED, Anchor::End);
    }

    // two lines of text in the middle of the row
    let middle = f64::midpoint(panel.top - 14.0, panel.bottom);
    let name = fitted(&series.name, SMALL, panel.left - MARGIN - 130.0);
    scene.bold((MARGIN, middle - 8.0), name, SMALL, INK, Anchor::Start);
    scene.text((MARGIN, middle + 40.0), sample(series), SMALL, MUTED, Anchor::Start);
    for (i, (statistic, dash)) in FIGURES.into_iter().enumerate() {
        let value = series.distribution.judged(statistic);
        if let Some(value) = value.filter(|value| value.is_finite()) {
            let x = panel.x(value * factor);
            scene.path(vec![(x, panel.top), (x, panel.bottom)], INK, 5.0, dash);
        }
        let end = panel.right + FIGURE * (i + 1) as f64;
        scene.text((end, middle + 16.0), words::value(Metric::Ttft, value), SMALL, INK, Anchor::End);
    }
}

fn bars(scene: &mut Scene, panel: &Panel, color: Color, counts: &[u64]) {
    let edge = |bin: usize| panel.left + (panel.right - panel.left) * bin as f64 / BINS as f64;
    let mut outline = Vec::new();
    for (bin, count) in counts.iter().chain([&0]).enumerate() {
        if *count == 0 {
            if !outline.is_empty() {
                outline.push((edge(bin), panel.bottom));
                scene.path(std::mem::take(&mut outline), color, 4.0, Dash::Solid);
            }
            continue;
        }
        let y = panel.y(*count as f64);
        scene.rect((edge(bin), y), (edge(bin + 1), panel.bottom), color, 0.3);
        if outline.is_empty() {
            outline.push((edge(bin), panel.bottom));
        }
        outline.extend([(edge(bin), y), (edge(bin + 1), y)]);
    }
}
