//! Output tokens per second over the number of prompts per request, with what each batch gains over single prompts.

use super::{
    Sketch,
    axis::{Axis, Tick},
    page::{MARGIN, Page, Panel, SMALL, Sample, X_AXIS, left_of},
    scene::{Anchor, Dash, INK, Marker, WIDTH, series_color},
};
use crate::{
    metrics::{BatchCurve, batch_curves},
    report::Report,
    units,
};

pub(super) fn sketch(report: &Report) -> Option<Sketch> {
    let curves = batch_curves(report.summary);
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let fastest = all().map(|(_, tokens)| *tokens).fold(0.0, f64::max);
    if fastest <= 0.0 {
        return None;
    }
    let title = "Output tokens per second over the batch size".to_owned();
    let compared = all().any(|(batch, _)| *batch == 1);
    let subtitle = if compared {
        "all prompts of a request together; × is the gain over one prompt per request"
    } else {
        "all prompts of a request together"
    };
    let mut page = Page::new(report, &title, subtitle);
    if curves.len() > 1 {
        page.legend(&legend(&curves));
    }
    let y = Axis::linear(0.0, fastest * 1.18, 5, false);
    let panel = Panel {
        left: left_of(&y),
        right: WIDTH - MARGIN,
        top: page.top + 20.0,
        bottom: page.bottom - X_AXIS,
        x: sizes(all().map(|(batch, _)| *batch)),
        y,
    };
    panel.grid(&mut page.scene, true);
    for (i, curve) in curves.iter().enumerate() {
        let mut points = curve.points.clone();
        points.sort_by_key(|(batch, _)| *batch);
        let places: Vec<_> =
            points.iter().map(|(batch, tokens)| panel.at(f64::from(*batch), *tokens)).collect();
        page.scene.path(places.clone(), series_color(i), 6.0, Dash::of_series(i));
        let mut before = 0.0;
        for (at, (batch, tokens)) in places.into_iter().zip(points) {
            page.scene.point(at, Marker::of_series(i), 17.0, series_color(i), true);
            // of several curves the names of the points would cover each other
            if curves.len() == 1 {
                let gain = curve.speedup(tokens).filter(|_| batch > 1);
                let gain = gain.map_or(String::new(), |gain| format!(" ({gain:.1}×)"));
                let label = format!("{}{gain}", units::show_number(tokens));
                // above the line on the side from which it rises
                let (across, anchor) =
                    if tokens >= before { (22.0, Anchor::End) } else { (-22.0, Anchor::Start) };
                page.scene.text((at.0 + across, at.1 - 40.0), label, SMALL, INK, anchor);
            }
            before = tokens;
        }
    }
    panel.x_axis(&mut page.scene, "prompts per request");
    panel.y_axis(&mut page.scene, "output tokens per second");
    Some(Sketch { name: "throughput-batch", title, scene: page.scene })
}

/// A logarithmic axis with a tick at each size, and room beside the first and the last for their names.
fn sizes(batches: impl Iterator<Item = u32>) -> Axis {
    let mut sizes: Vec<u32> = batches.collect();
    sizes.sort_unstable();
    sizes.dedup();
    let (first, last) = (sizes.first().copied().unwrap_or(1), sizes.last().copied().unwrap_or(1));
    let edge = (f64::from(last) / f64::from(first)).powf(0.07);
    let ticks =
        sizes.iter().map(|size| Tick { value: f64::from(*size), label: units::show_count(u64::from(*size)) });
    Axis { from: f64::from(first) / edge, to: f64::from(last) * edge, log: true, ticks: ticks.collect() }
}

/// The curves by their phase and load, as far as these tell them apart.
fn legend(curves: &[BatchCurve]) -> Vec<(Sample, String)> {
    let names = curves.iter().enumerate().map(|(i, curve)| {
        let name = match curve.load.as_str() {
            "" => curve.phase.clone(),
            load => format!("{} · {load}", curve.phase),
        };
        (Sample::Point(Marker::of_series(i), series_color(i), true), name)
    });
    names.collect()
}
