//! What pressure on the machine did to answers, as a table, whoever shows it.

use super::{Report, words};
use crate::{
    units::{show_number, show_seconds},
    verdict::{Inflation, PressedLoad},
};

/// The headings of [`Row::figures`].
pub(super) const FIGURES: [&str; 4] = ["calm", "pressed", "times as long", "90 % interval"];

/// A load under pressure against its calm counterpart.
pub(super) struct Table<'a> {
    /// `squeezed against calm`.
    pub(super) title: String,
    pub(super) rows: Vec<Row<'a>>,
}

/// The median of an endpoint.
pub(super) struct Row<'a> {
    pub(super) endpoint: &'a str,
    pub(super) metric: &'static str,
    pub(super) figures: [String; 4],
    /// Whether it surely does worse under pressure.
    pub(super) suffers: bool,
}

/// Every load under pressure that has a counterpart without, with the medians that both have.
pub(super) fn tables<'a>(report: &Report<'a>) -> Vec<Table<'a>> {
    report.verdict.pressure.iter().flat_map(|of| &of.loads).filter_map(table).collect()
}

fn table(of: &PressedLoad) -> Option<Table<'_>> {
    let calm = of.calm.as_ref()?;
    let pressed = of.step.as_ref().map_or(of.phase.clone(), |step| format!("{} · {step}", of.phase));
    let each = of.endpoints.iter().flat_map(|endpoint| {
        let medians = [("ttft.p50", endpoint.ttft), ("e2e.p50", endpoint.e2e)];
        medians.into_iter().filter_map(move |(metric, inflation)| {
            let figures = figures(inflation?);
            Some(Row { endpoint: &endpoint.endpoint, metric, figures, suffers: endpoint.suffers })
        })
    });
    let rows: Vec<Row<'_>> = each.collect();
    (!rows.is_empty()).then(|| Table { title: format!("{pressed} against {calm}"), rows })
}

fn figures(of: Inflation) -> [String; 4] {
    let interval = match (of.times.low, of.times.high) {
        (Some(low), Some(high)) => format!("{} – {}", show_number(low), show_number(high)),
        (Some(low), None) => format!("≥ {}", show_number(low)),
        (None, Some(high)) => format!("≤ {}", show_number(high)),
        (None, None) => words::MISSING.to_owned(),
    };
    [show_seconds(of.without_s), show_seconds(of.with_s), show_number(of.times.value), interval]
}
