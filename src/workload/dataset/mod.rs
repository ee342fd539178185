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
pub(super) use self::table::Table;
pub use self::{
    error::DatasetError,
    order::{UNCOUNTED_BLOCK, position},
};
use super::{
    MeanTokens, Prompt, draw, estimate_tokens, mean, rng,
    source::{Kind, Source},
};
use crate::config::{Checked, DataFile, Dataset, Lengths, RowOrder, Workload};

/// Files of prompts, each of them looked at once however often it is asked for.
#[derive(Debug, Default)]
pub struct Datasets {
    /// Where paths start that are not absolute.
    root: PathBuf,
    tables: BTreeMap<DataFile, Result<Arc<Table>, DatasetError>>,
}

impl Datasets {
    /// Those whose paths start at a folder other than the current one.
    pub fn under(root: &Path) -> Self {
        Self { root: root.to_owned(), tables: BTreeMap::new() }
    }

    /// Looks into every dataset that a scenario uses, and says in it what was found there, or what is wrong.
    pub fn look_into(&mut self, checked: &mut Checked) {
        checked.look_into_datasets(&mut |name, dataset| match self.table(&dataset.file) {
            Ok(table) => Ok(table.content().clone()),
            Err(error) => Err(error.finding(name)),
        });
    }

    /// Opens the workload called `name`, so that prompts can be had of it.
    ///
    /// # Errors
    ///
    /// Where a dataset cannot be used, or is not what it was when the plan was made.
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
                    return Err(DatasetError::of_file(
                        format!("`{}` is no longer the file that the plan was made with", dataset.file.path),
                        format!(
                            "bring back the file with the SHA-256 {:.12}…, or run its scenario with `scenario run`: the \
                             results are those of another experiment",
                            planned.sha256
                        ),
                    ));
                }
                Kind::Dataset(Arc::new(dataset.clone()), table)
            }
        };
        Ok(Source::new(name, kind))
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
