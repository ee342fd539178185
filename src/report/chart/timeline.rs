//! Output tokens per second over the run: a line per endpoint, the phases behind it.

use std::collections::BTreeSet;

use super::{
    Sketch,
    axis::Axis,
    page::{MARGIN, Page, Panel, SMALL, Sample, X_AXIS, fitted, left_of},
    render::text_width,
    scene::{Anchor, BAND, Color, Dash, GRID, MUTED, Scene, WIDTH, series_color},
    ttft::endpoint_index,
};
use crate::{
    metrics::Slice,
    plan::{Plan, Work},
    report::Report,
};

/// Slices drawn at most; more are merged.
const MANY: usize = 400;
/// The line of all endpoints together.
const TOTAL: Color = Color(120, 130, 142);
/// What lies behind the curves in a spike.
const SPIKE: Color = Color(255, 227, 194);

/// A stretch of the run in one phase, or in the same ones side by side.
struct Band {
    phases: Vec<String>,
    from: f64,
    to: f64,
}

pub(super) fn sketch(report: &Report) -> Option<Sketch> {
    let timeline = &report.summary.timeline;
    let endpoints: BTreeSet<_> = timeline
        .slices
        .iter()
        .flat_map(|slice| {
            slice.output_tokens.iter().filter(|(_, tokens)| **tokens > 0.0).map(|(name, _)| name)
        })
        .collect();
    if endpoints.is_empty() || timeline.slice_s <= 0.0 {
        return None;
    }
    let mut endpoints: Vec<_> = endpoints.into_iter().collect();
    endpoints.sort_by_key(|name| endpoint_index(report, name));

    let merged = timeline.slices.len().div_ceil(MANY);
    let length = timeline.slice_s * merged as f64;
    let rate = |tokens: &dyn Fn(&Slice) -> f64| -> Vec<(f64, f64)> {
        timeline
            .slices
            .chunks(merged)
            .enumerate()
            .map(|(i, slices)| {
                let seconds = timeline.slice_s * slices.len() as f64;
                let sum: f64 = slices.iter().map(tokens).sum();
                (length * i as f64 + seconds / 2.0, sum / seconds)
            })
            .collect()
    };
    let total = rate(&|slice| slice.output_tokens.values().sum());
    let highest = total.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    let end = timeline.slice_s * timeline.slices.len() as f64;

    let title = "Output tokens per second over the run".to_owned();
    let slice = if length < 1.0 { format!("{:.0} ms", length * 1e3) } else { format!("{length:.0} s") };
    let mut page = Page::new(report, &title, &format!("tokens that arrived, in slices of {slice}"));
    let mut legend: Vec<_> = endpoints
        .iter()
        .map(|name| {
            let index = endpoint_index(report, name);
            (Sample::Line(series_color(index), 7.0, Dash::of_series(index)), (*name).clone())
        })
        .collect();
    if endpoints.len() > 1 {
        legend.push((Sample::Line(TOTAL, 3.0, Dash::Solid), "together".to_owned()));
    }
    page.legend(&legend);

    // the phases' names need their own space above the curves
    let y = Axis::linear(0.0, highest * 1.05, 5, false);
    let panel = Panel {
        left: left_of(&y),
        right: WIDTH - MARGIN,
        top: page.top + 120.0,
        bottom: page.bottom - X_AXIS,
        x: Axis::linear(0.0, end, 9, false),
        y,
    };
    bands(&mut page.scene, &panel, report);
    spikes(&mut page.scene, &panel, report);
    panel.grid(&mut page.scene, false);
    steps(&mut page.scene, &panel, report);
    let place = |points: &[(f64, f64)]| points.iter().map(|(x, y)| panel.at(*x, *y)).collect::<Vec<_>>();
    if endpoints.len() > 1 {
        page.scene.path(place(&total), TOTAL, 3.0, Dash::Solid);
    }
    for name in &endpoints {
        let index = endpoint_index(report, name);
        let points = rate(&|slice| slice.output_tokens.get(*name).copied().unwrap_or(0.0));
        page.scene.path(place(&points), series_color(index), 7.0, Dash::of_series(index));
    }
    panel.x_axis(&mut page.scene, "time since the start of the run in s");
    panel.y_axis(&mut page.scene, "output tokens per second");
    Some(Sketch { name: "tokens-over-time", title, scene: page.scene })
}

/// Whether the requests of a phase count.
fn measured(plan: &Plan, phase: &str) -> bool {
    plan.steps
        .iter()
        .any(|step| step.phase == phase && matches!(&step.work, Work::Load(load) if load.measure))
}

/// Shades every other band, hatches what is not measured, and names each above the curves.
fn bands(scene: &mut Scene, panel: &Panel, report: &Report) {
    let top = panel.top - 110.0;
    for (i, band) in phases(report).iter().enumerate() {
        let (from, to) = (panel.x(band.from), panel.x(band.to));
        if i % 2 == 0 {
            scene.rect((from, top), (to, panel.bottom), BAND, 1.0);
        }
        let phases = band.phases.join(" + ");
        let counts = band.phases.iter().any(|phase| measured(report.plan, phase));
        if !counts {
            hatch(scene, (from, top), (to, panel.bottom));
        }
        scene.path(vec![(from, top), (from, panel.bottom)], GRID, 3.0, Dash::Solid);
        let room = to - from - 24.0;
        let long = format!("{phases} (not measured)");
        let name = if !counts && text_width(&long, SMALL, true) <= room { long.clone() } else { phases };
        if text_width(&name, SMALL, true) <= room {
            scene.bold((from + 14.0, top + 42.0), name, SMALL, MUTED, Anchor::Start);
        } else if to - from > SMALL * 1.5 {
            // a short phase is named along its height
            let long = fitted(if counts { &name } else { &long }, SMALL, panel.bottom - top - 40.0);
            let middle = top + 20.0 + text_width(&long, SMALL, false) / 2.0;
            scene.upwards((f64::midpoint(from, to) + SMALL * 0.35, middle), long, SMALL, MUTED);
        }
    }
}

/// Shades the spikes, and more faintly for how long they were felt.
fn spikes(scene: &mut Scene, panel: &Panel, report: &Report) {
    let whole =
        report.summary.scopes.iter().filter(|scope| scope.key.step.is_none() && scope.key.endpoint.is_none());
    for spike in whole.flat_map(|scope| &scope.spikes) {
        let (from, to) = (panel.x(spike.from_s), panel.x(spike.to_s));
        scene.rect((from, panel.top), (to, panel.bottom), SPIKE, 1.0);
        if let Some(recovery) = spike.recovery {
            let felt = panel.x(spike.to_s + recovery.least_s);
            scene.rect((to, panel.top), (felt, panel.bottom), SPIKE, 0.4);
        }
    }
}

/// Slanted lines inside a rectangle.
fn hatch(scene: &mut Scene, (x0, y0): (f64, f64), (x1, y1): (f64, f64)) {
    const APART: f64 = 28.0;
    let (width, height) = (x1 - x0, y1 - y0);
    for i in 1..((width + height) / APART) as usize {
        let at = APART * i as f64;
        let from = if at <= height { (x0, y0 + at) } else { (x0 + at - height, y1) };
        let to = if at <= width { (x0 + at, y0) } else { (x1, y0 + at - width) };
        scene.path(vec![from, to], GRID, 2.0, Dash::Solid);
    }
}

/// Marks where the steps of a ladder begin, with their names where there is room.
fn steps(scene: &mut Scene, panel: &Panel, report: &Report) {
    for scope in report.summary.scopes.iter().filter(|scope| scope.key.endpoint.is_none()) {
        let (Some(step), Some(window)) = (&scope.key.step, scope.window) else { continue };
        let (from, to) = (panel.x(window.from_s), panel.x(window.to_s));
        scene.path(vec![(from, panel.top - 56.0), (from, panel.bottom)], TOTAL, 2.0, Dash::Dotted);
        let room = to - from - 12.0;
        let value = step.rsplit('=').next().unwrap_or(step);
        if let Some(name) =
            [step.as_str(), value].into_iter().find(|name| text_width(name, SMALL * 0.9, false) <= room)
        {
            scene.text((from + 12.0, panel.top - 18.0), name, SMALL * 0.9, MUTED, Anchor::Start);
        }
    }
}

/// The phases in the order in which they ran, with the gaps between them left out. Phases side by side begin and end a
/// little apart: a single slice with some of the phases of the band beside it belongs to that band.
fn phases(report: &Report) -> Vec<Band> {
    let timeline = &report.summary.timeline;
    let touch = |one: &Band, next: &Band| next.from - one.to < timeline.slice_s / 2.0;
    let mut bands: Vec<Band> = Vec::new();
    for (i, slice) in timeline.slices.iter().enumerate().filter(|(_, slice)| !slice.phases.is_empty()) {
        let from = timeline.slice_s * i as f64;
        let next = Band { phases: slice.phases.clone(), from, to: from + timeline.slice_s };
        match bands.last_mut() {
            Some(band) if band.phases == next.phases && touch(band, &next) => band.to = next.to,
            _ => bands.push(next),
        }
    }
    let single = |band: &Band| band.to - band.from < timeline.slice_s * 1.5;
    let within =
        |one: &Band, other: &Band| single(one) && one.phases.iter().all(|phase| other.phases.contains(phase));
    let mut merged: Vec<Band> = Vec::new();
    for band in bands {
        match merged.last_mut() {
            Some(last) if touch(last, &band) && within(&band, last) => last.to = band.to,
            Some(last) if touch(last, &band) && within(last, &band) => {
                *last = Band { from: last.from, ..band };
            }
            _ => merged.push(band),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn phases_that_begin_and_end_a_little_apart_are_one_band() {
        let mut run = fixture::mixed();
        let names = ["w", "", "a", "ab", "ab", "ab", "b", "c", "c", "cd", "cd", "cd"];
        let slice = |names: &str| Slice {
            phases: names.chars().map(String::from).collect(),
            ..run.summary.timeline.slices[0].clone()
        };
        run.summary.timeline.slices = names.into_iter().map(slice).collect();
        let bands: Vec<(String, f64, f64)> = phases(&run.report())
            .into_iter()
            .map(|band| (band.phases.concat(), band.from, band.to))
            .collect();
        let expected = [("w", 0.0, 1.0), ("ab", 2.0, 7.0), ("c", 7.0, 9.0), ("cd", 9.0, 12.0)];
        assert_eq!(bands, expected.map(|(name, from, to)| (name.to_owned(), from, to)));
    }
}
