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
        table.add_row(row(plan.title(), render::totals_shown(plan)));
    }
    let all = || plans.iter().copied();
    if plans.len() > 1 {
        table.add_row(row("total".to_owned(), sum_shown(all())));
    }
    format!("{}{}", render::lines(&table), render::note(sum(all()).assumed))
}

/// Whether they take longer than one waits without asking, as far as that is known.
pub fn is_long(plans: &[&Plan]) -> bool {
    plans.iter().filter_map(|plan| totals(plan).duration_s).sum::<f64>() > LONG_S
}

fn row(name: String, figures: [String; 4]) -> [String; 5] {
    let [requests, input, output, duration] = figures;
    [name, requests, input, output, duration]
}

/// All plans, one after another. A figure is known where every plan's is.
pub(super) fn sum<'a>(plans: impl IntoIterator<Item = &'a Plan>) -> Expected {
    let wholes: Vec<Expected> = plans.into_iter().map(totals).collect();
    let sum = |figure: fn(&Expected) -> Option<f64>| wholes.iter().map(figure).sum();
    Expected {
        requests: sum(|whole| whole.requests),
        input_tokens: sum(|whole| whole.input_tokens),
        output_tokens: sum(|whole| whole.output_tokens),
        duration_s: sum(|whole| whole.duration_s),
        assumed: wholes.iter().any(|whole| whole.assumed),
    }
}

/// The same for people.
pub(super) fn sum_shown<'a>(plans: impl IntoIterator<Item = &'a Plan> + Clone) -> [String; 4] {
    let estimated =
        plans.clone().into_iter().map(render::totals_estimated).fold((false, false), |all, one| {
            let ((requests, duration), (more_requests, more_duration)) = (all, one);
            (requests || more_requests, duration || more_duration)
        });
    render::figures(&sum(plans), estimated)
}
