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
use self::table::Table;
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
};
use crate::config::{
    Checked, Counted, DataFile, Dataset, Endpoint, Finding, Lengths, RowOrder, Tokenizer, Workload,
};

/// Files of prompts and of tokenizers, each of them looked at once however often it is asked for.
#[derive(Debug, Default)]
pub struct Datasets {
    /// Where paths start that are not absolute.
    root: PathBuf,
    tables: BTreeMap<DataFile, Result<Arc<Table>, DatasetError>>,
    tokenizers: Tokenizers,
}

impl Datasets {
    /// Those whose paths start at a folder other than the current one.
    pub fn under(root: &Path) -> Self {
        Self { root: root.to_owned(), ..Self::default() }
    }

    /// Looks into every dataset and every tokenizer that a scenario uses, and says in it what was found there, or what is wrong.
    pub fn look_into(&mut self, checked: &mut Checked) {
        checked.look_into_datasets(&mut |name, dataset| match self.table(&dataset.file) {
            Ok(table) => Ok(table.content().clone()),
            Err(error) => Err(error.finding(name)),
        });
        checked.look_into_tokenizers(&mut |name, endpoint, workload| self.count(name, endpoint, workload));
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
    /// Where a dataset or the tokenizer cannot be used, or is not what it was when the plan was made.
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
                    return Err(OpenError::Dataset(DatasetError::of_file(
                        format!("`{}` is no longer the file that the plan was made with", dataset.file.path),
                        format!(
                            "bring back the file with the SHA-256 {:.12}…, or run its scenario with `scenario run`: the \
                             results are those of another experiment",
                            planned.sha256
                        ),
                    )));
                }
                let (dataset, counter) = (dataset.clone(), counter.clone());
                Kind::Dataset(Arc::new(Rows { dataset, table, counter }))
            }
        };
        Ok(Source::new(name, kind, counter))
    }

    fn table(&mut self, file: &DataFile) -> Result<Arc<Table>, DatasetError> {
        let path = self.root.join(&file.path);
        let whole = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
        // a plan may name it by another path than the scenario did
        let key = DataFile { path: whole.display().to_string(), ..file.clone() };
        let table = self.tables.entry(key).or_insert_with(|| Table::open(&path, file).map(Arc::new));
        table.clone()
    }
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
        let (own, said) = table.row(number, counter)?;
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
