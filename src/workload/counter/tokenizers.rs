//! The tokenizers of a command, each of them made once.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::{Counter, Tokenizer, TokenizerError};
use crate::config::{self, Vocabulary};

/// Tokenizers, each made when it is first asked for.
#[derive(Debug, Default)]
pub(in super::super) struct Tokenizers {
    known: BTreeMap<Vocabulary, Result<Arc<Tokenizer>, TokenizerError>>,
}

impl Tokenizers {
    /// What counts by a tokenizer of a scenario or a plan, whose path starts at `root`; without one, the estimate.
    ///
    /// # Errors
    ///
    /// Where tokens cannot be counted by it, or it is not what it was when the plan was made.
    pub(in super::super) fn counter(
        &mut self,
        root: &Path,
        tokenizer: Option<&config::Tokenizer>,
    ) -> Result<Counter, TokenizerError> {
        let Some(config::Tokenizer { vocabulary, counted }) = tokenizer else { return Ok(Counter::Estimate) };
        let tokenizer = self.tokenizer(root, vocabulary)?;
        if let Some(planned) = counted.as_ref().and_then(|counted| counted.sha256.as_deref())
            && tokenizer.sha256() != Some(planned)
            && let Vocabulary::File(path) = vocabulary
        {
            return Err(TokenizerError::new(
                format!("`{path}` is no longer the tokenizer that the plan was made with"),
                format!(
                    "bring back the file with the SHA-256 {planned:.12}…, or run its scenario with `scenario run`: the \
                     results are those of another experiment"
                ),
            ));
        }
        Ok(Counter::Tokenizer(tokenizer))
    }

    fn tokenizer(&mut self, root: &Path, vocabulary: &Vocabulary) -> Result<Arc<Tokenizer>, TokenizerError> {
        let path = |name: &str| {
            let path = root.join(name);
            std::path::absolute(&path).unwrap_or(path)
        };
        let key = match vocabulary {
            // a plan may name it by another path than the scenario did
            Vocabulary::File(name) => Vocabulary::File(path(name).display().to_string()),
            Vocabulary::Encoding(encoding) => Vocabulary::Encoding(*encoding),
        };
        let made = self.known.entry(key).or_insert_with(|| {
            Ok(Arc::new(match vocabulary {
                Vocabulary::File(name) => Tokenizer::read(&path(name), name)?,
                Vocabulary::Encoding(encoding) => Tokenizer::of(*encoding),
            }))
        });
        made.clone()
    }
}
