//! What plans come to, one beside the other, before they run.

use comfy_table::CellAlignment;

use super::{Expected, Plan, render, totals};

/// Seconds beyond which one wants to know beforehand how long it will take.
const LONG_S: f64 = 600.0;

/// Requests, tokens, duration and, where there are prices, cost of each plan with its repeats, and of all where they are
/// several.
pub fn text(plans: &[&Plan]) -> String {
    let mut table = render::table();
    let columns = if plans.iter().any(|plan| plan.price.is_some()) { 6 } else { 5 };
    let mut row = |name: String, figures: [String; 5]| {
        table.add_row(std::iter::once(name).chain(figures).take(columns));
    };
    row(
        "scenario".to_owned(),
        ["requests", "tokens in", "tokens out", "duration", "cost"].map(str::to_owned),
    );
    for plan in plans {
        row(plan.title() + &times(plan), sum_shown([*plan]));
    }
    let all = || plans.iter().copied();
    if plans.len() > 1 {
        row("total".to_owned(), sum_shown(all()));
    }
    for column in 1..columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{}{}", render::lines(&table), render::note(all()))
}

/// What one run of a plan is expected to cost, for people; `None` without a price.
pub fn cost(plan: &Plan) -> Option<String> {
    plan.price?;
    let [.., cost] = render::totals_shown(plan);
    Some(cost)
}

/// What stands behind the name of something that is repeated: ` × 5`.
pub(super) fn times(plan: &Plan) -> String {
    if plan.repeats > 1 { format!(" × {}", plan.repeats) } else { String::new() }
}

/// Whether they take longer than one waits without asking, as far as that is known.
pub fn is_long(plans: &[&Plan]) -> bool {
    plans.iter().filter_map(|plan| sum([*plan]).duration_s).sum::<f64>() > LONG_S
}

/// All plans with their repeats, one after another. A figure is known where every plan's is.
pub(super) fn sum<'a>(plans: impl IntoIterator<Item = &'a Plan>) -> Expected {
    let wholes: Vec<(Expected, f64)> =
        plans.into_iter().map(|plan| (totals(plan), f64::from(plan.repeats))).collect();
    let sum = |figure: fn(&Expected) -> Option<f64>| {
        wholes.iter().map(|(whole, repeats)| Some(figure(whole)? * repeats)).sum()
    };
    Expected {
        requests: sum(|whole| whole.requests),
        input_tokens: sum(|whole| whole.input_tokens),
        output_tokens: sum(|whole| whole.output_tokens),
        duration_s: sum(|whole| whole.duration_s),
        cost: sum(|whole| whole.cost),
        assumed: wholes.iter().any(|(whole, _)| whole.assumed),
    }
}

/// The same for people.
pub(super) fn sum_shown<'a>(plans: impl IntoIterator<Item = &'a Plan> + Clone) -> [String; 5] {
    let each = plans.clone().into_iter().map(render::totals_estimated);
    let estimated = each.fold(render::Estimated::default(), render::Estimated::or);
    render::figures(&sum(plans), estimated)
}
