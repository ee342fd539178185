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
use self::row::Request;
pub(super) use self::{
    data::read_exact_at,
    piece::{Place, each_row, records, trimmed},
    pieces::{Broken, PIECE, Piece, in_pieces},
    row::{BadRow, no_json, text, tokens},
    split::lines,
    table::{FIRST_LOOK, Table, bad_rows, cannot_read, first_bytes, open_file},
};
pub use self::{
    error::{DatasetError, OpenError},
    order::{UNCOUNTED_BLOCK, position},
};
use super::{
    MeanTokens, Prompt, conversation,
    counter::{Counter, Tokenizers},
    draw, estimate_tokens, mean, rng, snippets,
    source::{Kind, Source},
    synthetic,
    trace::{self, Requests},
};
use crate::config::{
    Checked, Counted, DataFile, Dataset, Endpoint, Finding, Lengths, Load, RowOrder, Scenario, Tokenizer,
    Trace, TraceFile, Workload, traffic,
};

/// Files of prompts, of traces and of tokenizers, each of them looked at once however often it is asked for.
#[derive(Debug, Default)]
pub struct Datasets {
    /// Where paths start that are not absolute.
    root: PathBuf,
    tables: BTreeMap<DataFile, Result<Arc<Table>, DatasetError>>,
    tokenizers: Tokenizers,
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
        for (name, endpoint) in endpoints.iter_mut().filter(|(_, endpoint)| endpoint.tokenizer.is_some()) {
            let Some(workload) = workloads.get(&endpoint.workload) else { continue };
            match (self.count(name, endpoint, workload), &mut endpoint.tokenizer) {
                (Ok(counted), Some(tokenizer)) => tokenizer.counted = Some(counted),
                (Ok(_), None) => {}
                (Err(finding), _) => findings.push(finding),
            }
        }
        findings
    }

    /// What the tokenizer of an endpoint comes to for the prompts of its workload.
    fn count(&mut self, name: &str, endpoint: &Endpoint, workload: &Workload) -> Result<Counted, Finding> {
        let tokenizer = endpoint.tokenizer.as_ref();
        let counter = self.tokenizers.counter(&self.root, tokenizer).map_err(|error| error.finding(name))?;
        let source = self.open(&endpoint.workload, workload, tokenizer);
        // what is wrong with a dataset has been told at the dataset
        let means = source.and_then(|source| Ok(source.mean_tokens()?)).ok();
        Ok(Counted {
            sha256: counter.sha256().map(str::to_owned),
            mean_prompt_tokens: means.map(|means| means.input).unwrap_or_default(),
            mean_output_tokens: means.map(|means| means.output).unwrap_or_default(),
        })
    }

    /// Opens the workload called `name`, so that prompts can be had of it whose tokens are counted by a tokenizer, or else
    /// estimated.
    ///
    /// # Errors
    ///
    /// Where a dataset, a trace or the tokenizer cannot be used, or is not what it was when the plan was made.
    pub fn open(
        &mut self,
        name: &str,
        workload: &Workload,
        tokenizer: Option<&Tokenizer>,
    ) -> Result<Source, OpenError> {
        let counter = self.tokenizers.counter(&self.root, tokenizer)?;
        let kind = match workload {
            Workload::Synthetic(of) => Kind::Synthetic(Arc::new(synthetic::Writer::new(of, &counter))),
            Workload::Snippets(of) => Kind::Snippets(Arc::new(snippets::Writer::new(of, &counter))),
            Workload::Conversation(of) => {
                Kind::Conversation(Arc::new(conversation::Writer::new(of, &counter)))
            }
            Workload::Dataset(dataset) => {
                let table = self.table(&dataset.file)?;
                if let Some(planned) = &dataset.content
                    && planned.sha256 != table.content().sha256
                {
                    return Err(changed(&dataset.file.path, &planned.sha256).into());
                }
                let (dataset, counter) = (dataset.clone(), counter.clone());
                Kind::Dataset(Arc::new(Rows { dataset, table, counter }))
            }
            Workload::Trace(trace) => {
                let requests = self.requests(&trace.file)?;
                let found = requests.content();
                if let Some(planned) = &trace.content
                    && (&planned.sha256, &planned.beside_sha256) != (&found.sha256, &found.beside_sha256)
                {
                    return Err(changed(&trace.file.path, &planned.sha256).into());
                }
                Kind::Trace(requests)
            }
        };
        Ok(Source::new(name, kind, counter))
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

/// The rows of a file, ready to be sent.
#[derive(Debug)]
pub(super) struct Rows {
    dataset: Dataset,
    table: Arc<Table>,
    counter: Counter,
}

impl Rows {
    /// Prompt `place` of request `seq`, of `size`.
    pub(super) fn prompt(
        &self,
        name: &str,
        seed: u64,
        seq: u64,
        place: u32,
        size: u32,
    ) -> Result<Prompt, DatasetError> {
        let Self { dataset, table, counter } = self;
        let rows = table.content().rows;
        let position = position(seq, place, size, rows);
        let number = match dataset.order {
            RowOrder::File => position,
            RowOrder::Shuffled => Permutation::new(rows, seed, name).at(position),
        };
        let (own, said) = table.row(number, counter, Request { name, seed, seq, place })?;
        let drawn = |lengths: &Lengths| draw(lengths, &mut rng(seed, &format!("output of {name}"), seq));
        Ok(Prompt {
            text: dataset.prefix.clone() + &own,
            output_tokens: dataset.output_tokens.as_ref().map_or_else(|| said.unwrap_or(1), drawn),
        })
    }

    /// Tokens that requests have on average, those of a sample of rows.
    pub(super) fn mean_tokens(&self) -> Result<MeanTokens, DatasetError> {
        let Self { dataset, table, counter } = self;
        let MeanTokens { input, output } = table.mean_tokens(counter)?;
        Ok(MeanTokens {
            input: f64::from(counter.count(&dataset.prefix)) + input,
            output: dataset.output_tokens.as_ref().map_or(output, mean),
        })
    }
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
