//! The page of `scenario compare --html`: what became of each metric, how sure that is, and what else differs.

use serde_json::{Value, json};

use super::{HtmlError, STYLE, engine};
use crate::{
    compare::{Call, Compared, Comparison, Row},
    report::{
        ChartError,
        changes::{change, interval, sign, simulated, word},
        chart, words,
    },
    units,
};

const TEMPLATE: &str = include_str!("../assets/comparison.html.hbs");

/// Why the page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// A chart of it could not be drawn.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// It could not be written.
    #[error(transparent)]
    Html(#[from] HtmlError),
}

/// The page of one comparison or several with the same first side.
pub fn comparisons(all: &[Comparison]) -> Result<String, PageError> {
    let each = all.iter().enumerate().map(|(i, of)| Ok(one(i, of, chart::changes(of)?)));
    let each = each.collect::<Result<Vec<_>, ChartError>>()?;
    let mut names: Vec<&str> = all.first().map(|of| of.before.name.as_str()).into_iter().collect();
    names.extend(all.iter().map(|of| of.after.name.as_str()));
    let page = json!({
        "title": names.join(" → "),
        "comparisons": each,
        "notice": all.iter().find_map(simulated),
        "style": STYLE,
    });
    Ok(engine().render_template(TEMPLATE, &page).map_err(HtmlError::from)?)
}

fn one(index: usize, of: &Comparison, chart: Option<chart::Chart>) -> Value {
    let Comparison {
        before, after, same_experiment, same_hardware, forced, tests, runs_needed, margin, ..
    } = of;
    let same = of.rows.iter().filter(|row| row.decides && row.call == of.call).count();
    let (deciding, shown): (Vec<&Row>, Vec<&Row>) = of.rows.iter().partition(|row| row.decides);
    json!({
        "id": index,
        "before": side(before),
        "after": side(after),
        "call": { "word": word(of.call), "sign": sign(of.call), "class": class(of.call) },
        "count": match tests {
            0 => "no metric has a target, so none decides".to_owned(),
            _ => format!("{same} of {} with a target", units::show_count_of(*tests, "metric")),
        },
        "margin": format!("by a margin of {}", units::show_share(*margin)),
        "needed": (*tests > 0).then(|| format!(
            "A regression in {} can show from {runs_needed} runs on each side, or from one against five or more.",
            units::show_count_of(*tests, "metric"),
        )),
        "alike": [
            json!({ "text": if *same_experiment { "same experiment" } else { "another experiment" }, "class": alike(*same_experiment) }),
            json!({ "text": if *same_hardware { "same hardware" } else { "other hardware" }, "class": alike(*same_hardware) }),
        ],
        "forced": forced,
        "chart": chart.map(|chart| json!({ "title": chart.title, "svg": chart.svg })),
        "deciding": rows(&deciding),
        "shown": rows(&shown),
        "differing": of.differing.iter().map(|field| json!({
            "field": field.field,
            "before": field.before.as_deref().unwrap_or(words::MISSING),
            "after": field.after.as_deref().unwrap_or(words::MISSING),
        })).collect::<Value>(),
        "notes": of.notes,
    })
}

fn side(side: &Compared) -> Value {
    json!({
        "name": side.name,
        "runs": units::show_count_of(side.runs.len() as u64, "run"),
        "names": side.runs,
        "platform": side.platform,
        "hardware": side.hardware,
        "experiment": format!("{:.12}", side.experiment),
    })
}

fn rows(rows: &[&Row]) -> Value {
    let each = rows.iter().map(|row| {
        let value = |value: f64| words::value(row.metric.metric, Some(value));
        json!({
            "sign": sign(row.call),
            "word": word(row.call),
            "class": if row.decides { class(row.call) } else { "plain" },
            "metric": row.metric.to_string(),
            "scope": row.scope.to_string(),
            "before": value(row.before),
            "after": value(row.after),
            "change": change(row.change),
            "interval": interval(row).unwrap_or_else(|| words::MISSING.to_owned()),
            "runs": format!("{} → {}", row.runs_before, row.runs_after),
            "note": row.note,
        })
    });
    each.collect()
}

fn class(call: Call) -> &'static str {
    match call {
        Call::Regressed => "bad",
        Call::Inconclusive => "open",
        Call::Improved | Call::Equivalent => "good",
    }
}

/// Whether what should be alike is.
fn alike(same: bool) -> &'static str {
    if same { "good" } else { "open" }
}
