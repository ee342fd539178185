//! What plans come to, one beside the other, before they run.

use comfy_table::CellAlignment;

use super::{Expected, Plan, render, totals};

/// Seconds beyond which one wants to know beforehand how long it will take.
const LONG_S: f64 = 600.0;

/// Requests, tokens and duration of each plan, and of all where they are several.
pub fn text(plans: &[&Plan]) -> String {
    let mut table = render::table();
    table.set_header(["scenario", "requests", "tokens in", "tokens out", "duration"]);
    for column in 1..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for plan in plans {
        table.add_row(row(&plan.name, render::totals_shown(plan)));
    }
    if plans.len() > 1 {
        let estimated = |of: fn(&Plan) -> bool| plans.iter().any(|plan| of(plan));
        let requests = estimated(render::any_requests_estimated);
        let duration = estimated(render::any_duration_estimated);
        table.add_row(row("total", render::figures(&sum(plans), requests, duration)));
    }
    format!("{}{}", render::lines(&table), render::note(plans.iter().any(|plan| totals(plan).assumed)))
}

/// Whether they take longer than one waits without asking, as far as that is known.
pub fn is_long(plans: &[&Plan]) -> bool {
    plans.iter().filter_map(|plan| totals(plan).duration_s).sum::<f64>() > LONG_S
}

fn row(name: &str, figures: [String; 4]) -> [String; 5] {
    let [requests, input, output, duration] = figures;
    [name.to_owned(), requests, input, output, duration]
}

/// All plans, one after another. A figure is known where every plan's is.
fn sum(plans: &[&Plan]) -> Expected {
    let all: Vec<Expected> = plans.iter().map(|plan| totals(plan)).collect();
    let sum = |figure: fn(&Expected) -> Option<f64>| all.iter().map(figure).sum::<Option<f64>>();
    Expected {
        requests: sum(|expected| expected.requests),
        input_tokens: sum(|expected| expected.input_tokens),
        output_tokens: sum(|expected| expected.output_tokens),
        duration_s: sum(|expected| expected.duration_s),
        assumed: all.iter().any(|expected| expected.assumed),
    }
}
