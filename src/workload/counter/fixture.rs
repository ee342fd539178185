//! Tokenizers of files for tests.

use std::{fs, path::PathBuf};

use tempfile::TempDir;
use tokenizers::{
    DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, TokenizerBuilder,
    models::bpe::{BPE, BpeTrainer},
    pre_tokenizers::byte_level::ByteLevel,
};

use crate::config::{Tokenizer, Vocabulary};

/// A text that words of a vocabulary can be learnt from, and that stays as it is.
const LEARNT: &str = include_str!("../../../LICENSE-APACHE");

/// A `tokenizer.json` in a folder of its own: byte-level BPE with so few tokens that most words have several.
pub(in super::super) struct Learnt {
    folder: TempDir,
}

impl Learnt {
    pub(in super::super) fn new(vocabulary: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut tokenizer = TokenizerBuilder::<
            BPE,
            NormalizerWrapper,
            ByteLevel,
            PostProcessorWrapper,
            DecoderWrapper,
        >::default()
        .with_model(BPE::default())
        .with_pre_tokenizer(Some(ByteLevel::default().add_prefix_space(false)))
        .build()
        .expect("a tokenizer");
        let mut trainer = BpeTrainer::builder()
            .show_progress(false)
            .vocab_size(vocabulary)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .build();
        tokenizer.train(&mut trainer, LEARNT.lines()).expect("a vocabulary");
        tokenizer.save(folder.path().join("tokenizer.json"), false).expect("a file");
        Self { folder }
    }

    pub(in super::super) fn path(&self) -> PathBuf {
        self.folder.path().join("tokenizer.json")
    }

    /// As a scenario names it.
    pub(in super::super) fn tokenizer(&self) -> Tokenizer {
        let path = self.path().display().to_string();
        Tokenizer { vocabulary: Vocabulary::File(path), counted: None }
    }

    /// The file once more, with another value somewhere in it.
    pub(in super::super) fn changed(&self, pointer: &str, value: serde_json::Value) -> Tokenizer {
        let text = fs::read_to_string(self.path()).expect("a file");
        let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        *json.pointer_mut(pointer).expect("such a value") = value;
        let path = self.folder.path().join(format!("{}.json", pointer.replace('/', "-")));
        fs::write(&path, json.to_string()).expect("a file");
        Tokenizer { vocabulary: Vocabulary::File(path.display().to_string()), counted: None }
    }
}
