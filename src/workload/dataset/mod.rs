//! Prompts out of a file: looked at once, row by row, before anything is sent, and read when they are needed.
//!
//! The one part of what is otherwise pure that reads files. What a request asks follows from the content of the file, the seed
//! and its number alone; of the file only the places of its rows are kept, so that gigabytes take megabytes.

mod data;
mod error;
mod index;
mod json;
mod order;
mod piece;
mod pieces;
mod row;
mod split;
mod survey;
mod table;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use self::order::Permutation;
pub(super) use self::{
    data::read_exact_at,
    piece::{Place, each_row, records, trimmed},
    pieces::{Broken, PIECE, Piece, in_pieces},
    row::{BadRow, no_json, text, tokens},
    split::lines,
    survey::hex,
    table::{FIRST_LOOK, Table, bad_rows, cannot_read, first_bytes, open_file},
};
pub use self::{
    error::DatasetError,
    order::{UNCOUNTED_BLOCK, position},
};
use super::{
    MeanTokens, Prompt, draw, estimate_tokens, mean, rng,
    source::{Kind, Source},
    trace::{self, Requests},
};
use crate::config::{
    Checked, DataFile, Dataset, Finding, Lengths, Load, RowOrder, Scenario, Trace, TraceFile, Workload,
    traffic,
};

/// Files of prompts and traces, each of them looked at once however often it is asked for.
#[derive(Debug, Default)]
pub struct Datasets {
    /// Where paths start that are not absolute.
    root: PathBuf,
    tables: BTreeMap<DataFile, Result<Arc<Table>, DatasetError>>,
    traces: BTreeMap<TraceFile, Result<Arc<Requests>, DatasetError>>,
}

impl Datasets {
    /// Those whose paths start at a folder other than the current one.
    pub fn under(root: &Path) -> Self {
        Self { root: root.to_owned(), ..Self::default() }
    }

    /// Looks into every file that requests of a scenario come from, and says in it what was found there, or what is wrong.
    pub fn look_into(&mut self, checked: &mut Checked) {
        checked.look_into(&mut |scenario| self.look_into_case(scenario));
    }

    fn look_into_case(&mut self, scenario: &mut Scenario) -> Vec<Finding> {
        let mut findings = Vec::new();
        let Scenario { endpoints, workloads, phases, .. } = scenario;
        let used = |name: &str| endpoints.values().any(|endpoint| endpoint.workload == name);
        for (name, workload) in workloads.iter_mut().filter(|(name, _)| used(name)) {
            match workload {
                Workload::Dataset(dataset) => match self.table(&dataset.file) {
                    Ok(table) => dataset.content = Some(table.content().clone()),
                    Err(error) => findings.push(error.finding(name, "dataset")),
                },
                Workload::Trace(trace) => match self.requests(&trace.file) {
                    Ok(requests) => trace.content = Some(requests.content().clone()),
                    Err(error) => findings.push(error.finding(name, trace::kind(&trace.file))),
                },
                Workload::Synthetic(_) | Workload::Snippets(_) | Workload::Conversation(_) => {}
            }
        }
        let weights: Vec<_> =
            endpoints.iter().map(|(name, endpoint)| (name.as_str(), endpoint.weight)).collect();
        for phase in phases.values_mut() {
            let Load::Trace(follow) = &mut phase.load else { continue };
            // a checked scenario: all of them have the same
            let loaded = traffic::shares(&weights, phase.endpoints.as_deref());
            let workload =
                loaded.first().and_then(|(endpoint, _)| workloads.get(&endpoints[*endpoint].workload));
            let Some(Workload::Trace(Trace { file, .. })) = workload else { continue };
            let requests = self.requests(file).ok();
            follow.part = requests.map(|rows| rows.part(follow.speed, phase.requests, phase.duration));
        }
        findings
    }

    /// Opens the workload called `name`, so that prompts can be had of it.
    ///
    /// # Errors
    ///
    /// Where a dataset or a trace cannot be used, or is not what it was when the plan was made.
    pub fn open(&mut self, name: &str, workload: &Workload) -> Result<Source, DatasetError> {
        let kind = match workload {
            Workload::Synthetic(synthetic) => Kind::Synthetic(Arc::new(synthetic.clone())),
            Workload::Snippets(snippets) => Kind::Snippets(Arc::new(snippets.clone())),
            Workload::Conversation(conversation) => Kind::Conversation(Arc::new(conversation.clone())),
            Workload::Dataset(dataset) => {
                let table = self.table(&dataset.file)?;
                if let Some(planned) = &dataset.content
                    && planned.sha256 != table.content().sha256
                {
                    return Err(changed(&dataset.file.path, &planned.sha256));
                }
                Kind::Dataset(Arc::new(dataset.clone()), table)
            }
            Workload::Trace(trace) => {
                let requests = self.requests(&trace.file)?;
                let found = requests.content();
                if let Some(planned) = &trace.content
                    && (&planned.sha256, &planned.beside_sha256) != (&found.sha256, &found.beside_sha256)
                {
                    return Err(changed(&trace.file.path, &planned.sha256));
                }
                Kind::Trace(requests)
            }
        };
        Ok(Source::new(name, kind))
    }

    fn table(&mut self, file: &DataFile) -> Result<Arc<Table>, DatasetError> {
        let path = self.root.join(&file.path);
        let key = DataFile { path: whole(&path), ..file.clone() };
        let table = self.tables.entry(key).or_insert_with(|| Table::open(&path, file).map(Arc::new));
        table.clone()
    }

    fn requests(&mut self, file: &TraceFile) -> Result<Arc<Requests>, DatasetError> {
        let path = self.root.join(&file.path);
        let key = TraceFile { path: whole(&path), ..file.clone() };
        let requests = self.traces.entry(key).or_insert_with(|| Requests::open(&path, file).map(Arc::new));
        requests.clone()
    }
}

/// The path from the root: a plan may name a file by another one than the scenario did.
fn whole(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

fn changed(path: &str, planned: &str) -> DatasetError {
    DatasetError::of_file(
        format!("`{path}` is no longer the file that the plan was made with"),
        format!(
            "bring back the file with the SHA-256 {planned:.12}…, or run its scenario with `scenario run`: the results are those \
             of another experiment"
        ),
    )
}

/// Prompt `place` of request `seq`, of `size`.
pub(super) fn prompt(
    dataset: &Dataset,
    table: &Table,
    name: &str,
    seed: u64,
    seq: u64,
    place: u32,
    size: u32,
) -> Result<Prompt, DatasetError> {
    let rows = table.content().rows;
    let position = position(seq, place, size, rows);
    let number = match dataset.order {
        RowOrder::File => position,
        RowOrder::Shuffled => Permutation::new(rows, seed, name).at(position),
    };
    let (own, said) = table.row(number)?;
    let drawn = |lengths: &Lengths| draw(lengths, &mut rng(seed, &format!("output of {name}"), seq));
    let text = dataset.prefix.clone() + &own;
    Ok(Prompt {
        estimated_tokens: estimate_tokens(&text),
        output_tokens: dataset.output_tokens.as_ref().map_or_else(|| said.unwrap_or(1), drawn),
        text,
    })
}

/// By what was found in the file; nothing is known of one that nobody has looked into.
pub(super) fn mean_tokens(dataset: &Dataset) -> MeanTokens {
    let content = dataset.content.as_ref();
    let own = content.map_or(0.0, |content| content.mean_prompt_tokens);
    let said = content.and_then(|content| content.mean_output_tokens);
    MeanTokens {
        input: f64::from(estimate_tokens(&dataset.prefix)) + own,
        output: dataset.output_tokens.as_ref().map_or_else(|| said.unwrap_or_default(), mean),
    }
}
