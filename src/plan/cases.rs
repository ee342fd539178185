//! The cases of a matrix side by side.

use comfy_table::CellAlignment;

use super::{Plan, estimate, render, services};
use crate::{config::case_name, units::show_count};

/// How many cases there are and what all of them come to, then a line for each, and what the planner warns of.
pub fn text(plans: &[Plan]) -> String {
    let Some(first) = plans.first() else { return String::new() };
    let [requests, input, output, duration, cost] = estimate::sum_shown(plans);
    let cost = if first.price.is_some() { format!(", cost {cost}") } else { String::new() };
    let axes: Vec<&str> = first.case.iter().map(|axis| axis.path.as_str()).collect();
    let mut head = render::table();
    let platform = format!("{} ({})", first.platform.name, first.platform.reason);
    head.add_row(["platform", &platform]);
    head.add_row(["cases", &format!("{}, by {}", show_count(plans.len() as u64), axes.join(" and "))]);
    for (service, line) in first.services.iter().zip(services::lines(first)) {
        let everywhere = plans
            .iter()
            .all(|plan| plan.services.iter().any(|other| other.command_line() == service.command_line()));
        let line =
            if everywhere { line } else { format!("{}: {}, by the case", service.name, service.command) };
        head.add_row(["service", &line]);
    }
    head.add_row([
        "total",
        &format!("{requests} requests, {input} tokens in, {output} tokens out, {duration}{cost}"),
    ]);
    let mut sections = vec![
        format!("{}\n{}", render::title(&first.name, &first.description), render::lines(&head)),
        format!("{}{}", rows(plans), render::note(plans)),
    ];
    let warnings = warnings(plans);
    if !warnings.is_empty() {
        sections.push(render::warnings(&warnings));
    }
    sections.join("\n")
}

fn rows(plans: &[Plan]) -> String {
    let mut table = render::table();
    let priced = plans.iter().any(|plan| plan.price.is_some());
    let mut row = |cells: [String; 7]| {
        let [.., experiment] = &cells;
        let shown = if priced { &cells[..6] } else { &cells[..5] };
        table.add_row(shown.iter().chain([experiment]));
    };
    row(["case", "requests", "tokens in", "tokens out", "duration", "cost", "experiment"].map(str::to_owned));
    for plan in plans {
        let [requests, input, output, duration, cost] = estimate::sum_shown([plan]);
        let experiment = format!("{:.12}", plan.experiment);
        row([
            case_name(&plan.case) + &estimate::times(plan),
            requests,
            input,
            output,
            duration,
            cost,
            experiment,
        ]);
    }
    for column in 1..if priced { 6 } else { 5 } {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    render::lines(&table)
}

/// What the planner warns of in the plans of one scenario, each once: what not every case has says where it is.
pub fn warnings(plans: &[Plan]) -> Vec<String> {
    let mut found: Vec<(&String, &Plan, usize)> = Vec::new();
    for plan in plans {
        for warning in &plan.warnings {
            match found.iter_mut().find(|(known, ..)| *known == warning) {
                Some((.., count)) => *count += 1,
                None => found.push((warning, plan, 1)),
            }
        }
    }
    let told = found.into_iter().map(|(warning, first, count)| {
        let first = case_name(&first.case);
        match count {
            _ if count == plans.len() => warning.clone(),
            1 => format!("case `{first}`: {warning}"),
            _ => format!("{count} of {} cases, such as `{first}`: {warning}", plans.len()),
        }
    });
    told.collect()
}
