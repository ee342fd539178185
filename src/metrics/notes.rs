//! What the reader of the records noticed, in words.

use std::collections::BTreeMap;

use crate::{
    config::Chunks,
    metrics::{Account, cell::Cell, scopes::Cells},
    plan::Plan,
    units::{show_count, show_share},
};

/// One line per thing that a reader of the numbers should know, over the measured steps; `windows` come first.
pub(super) fn notes(plan: &Plan, accounts: &[Account], cells: &Cells, windows: Vec<String>) -> Vec<String> {
    let mut by_endpoint: BTreeMap<usize, Cell> = BTreeMap::new();
    for account in accounts.iter().filter(|account| account.measured) {
        let Some((_, of_step)) = cells.get(&account.step) else { continue };
        for (part, cell) in of_step {
            by_endpoint.entry(part.endpoint).or_default().merge(cell);
        }
    }
    let mut notes = windows;
    for (endpoint, cell) in &by_endpoint {
        let name = &plan.endpoints[*endpoint].name;
        let (tokens, counts) = (&cell.tokens, &cell.counts);
        if tokens.from_chunks > 0 {
            notes.push(format!(
                "`{name}`: {} of {} answers carried no `usage`; their output tokens are the number of chunks",
                show_count(tokens.from_chunks),
                show_count(counts.ok()),
            ));
        }
        if cell.uncounted > 0 {
            notes.push(format!(
                "`{name}`: {} of {} answers told no token counts; their output tokens are in no rate",
                show_count(cell.uncounted),
                show_count(counts.issued),
            ));
        }
        if plan.price.is_some() && cell.without_input > 0 {
            notes.push(format!(
                "`{name}`: {} of {} answers do not say how many prompt tokens they are to, so nobody knows what a \
                 million tokens cost",
                show_count(cell.without_input),
                show_count(counts.ok()),
            ));
        }
        if tokens.output < tokens.requested {
            notes.push(format!(
                "`{name}`: answers were shorter than asked: {} of {} output tokens, {}",
                show_count(tokens.output),
                show_count(tokens.requested),
                show_share(tokens.output as f64 / tokens.requested as f64),
            ));
        }
        if counts.replaced_connections > 0 {
            notes.push(format!(
                "`{name}`: {} of {} requests replaced a pooled connection that had died",
                show_count(counts.replaced_connections),
                show_count(counts.issued),
            ));
        }
        if cell.without_chunk_times > 0 && plan.output.chunks == Chunks::Full {
            notes.push(format!(
                "`{name}`: streamed answers whose chunk times are lost: {}; their tokens are spread evenly and \
                 they have no gaps",
                show_count(cell.without_chunk_times),
            ));
        }
    }
    if plan.output.chunks == Chunks::None && by_endpoint.values().any(|cell| cell.without_chunk_times > 0) {
        notes.push(
            "the plan keeps no arrivals of chunks (`output.chunks`): there is no `itl`, and the tokens of an answer \
             count as evenly spread from its first to its last"
                .to_owned(),
        );
    }
    let unknown: u64 = accounts.iter().map(|account| account.unknown).sum();
    if unknown > 0 {
        let (were, they) = if unknown == 1 { ("request was", "it") } else { ("requests were", "they") };
        notes.push(format!(
            "{} {were} in flight when the run was killed: nobody knows how {they} would have ended, so no share and \
             no percentile counts {}",
            show_count(unknown),
            if unknown == 1 { "it" } else { "them" },
        ));
    }
    notes
}
