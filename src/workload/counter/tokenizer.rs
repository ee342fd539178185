//! A tokenizer, ready to count.

use std::{
    collections::HashSet,
    fmt,
    fs::File,
    io::{self, ErrorKind, Read as _},
    path::Path,
};

use sha2::{Digest, Sha256};
use tiktoken_rs::CoreBPE;
use tokenizers::ModelWrapper;

use super::{Costs, TokenizerError, estimate_tokens};
use crate::{config::Encoding, workload::hex::hex};

/// Bytes of the largest file that is read; those of models come to some 30 MB.
const LARGEST: u64 = 256 << 20;

/// A text that tells tokenizers apart, and that each has to make tokens of: words, code, digits, and letters beyond ASCII.
pub const SPECIMEN: &str = "The quick brown fox can't jump over 13 lazy dogs, 2026 times.\nfn main() {\n    let \
                                     x = [1.5, 0xff];\n}\n\tnaïve café, Straße, Привет, 日本語, 🙂";

/// A tokenizer, ready to count.
pub struct Tokenizer {
    kind: Kind,
    /// SHA-256, in hex, of the file that it was read from.
    sha256: Option<String>,
    costs: Costs,
}

enum Kind {
    /// By a `tokenizer.json`.
    File(Box<tokenizers::Tokenizer>),
    /// An encoding of tiktoken.
    Encoding(&'static CoreBPE),
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // a vocabulary has some hundred thousand tokens
        f.debug_struct("Tokenizer").field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads the file at `path`, which messages call `name`.
    ///
    /// # Errors
    ///
    /// Why tokens cannot be counted by it.
    pub(super) fn read(path: &Path, name: &str) -> Result<Self, TokenizerError> {
        let bytes = contents(path, name)?;
        let sha256 = Some(hex(&Sha256::digest(&bytes)));
        let unusable = |why: &dyn fmt::Display| {
            TokenizerError::new(
                format!("`{name}` is no tokenizer that can be used: {why}"),
                "name the `tokenizer.json` that is published beside the weights of the model",
            )
        };
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(&bytes).map_err(|error| unusable(&error))?;
        // a server does none of these: it takes the whole text, and the same tokens every time
        tokenizer.with_truncation(None).map_err(|error| unusable(&error))?;
        tokenizer.with_padding(None);
        if let ModelWrapper::BPE(model) = tokenizer.get_model()
            && model.dropout.is_some()
        {
            let mut model = model.clone();
            model.dropout = None;
            tokenizer.with_model(model);
        }
        let tokens = tokenizer.encode_fast(SPECIMEN, false).map_err(|error| unusable(&error))?;
        if tokens.is_empty() {
            return Err(unusable(&"it makes no tokens of any text"));
        }
        Ok(Self::new(Kind::File(Box::new(tokenizer)), sha256))
    }

    /// An encoding of tiktoken.
    pub(super) fn of(encoding: Encoding) -> Self {
        let bpe = match encoding {
            Encoding::O200kHarmony => tiktoken_rs::o200k_harmony_singleton(),
            Encoding::O200kBase => tiktoken_rs::o200k_base_singleton(),
            Encoding::Cl100kBase => tiktoken_rs::cl100k_base_singleton(),
            Encoding::P50kEdit => tiktoken_rs::p50k_edit_singleton(),
            Encoding::P50kBase => tiktoken_rs::p50k_base_singleton(),
            // the same vocabulary under an older name
            Encoding::R50kBase | Encoding::Gpt2 => tiktoken_rs::r50k_base_singleton(),
        };
        Self::new(Kind::Encoding(bpe), None)
    }

    fn new(kind: Kind, sha256: Option<String>) -> Self {
        let costs = Costs::by(|text| kind.count(text));
        Self { kind, sha256, costs }
    }

    /// How many tokens the words of made-up prose have.
    pub(super) fn costs(&self) -> &Costs {
        &self.costs
    }

    /// SHA-256, in hex, of the file that it was read from; `None` of an encoding.
    pub(super) fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// The length of a text in tokens.
    pub(super) fn count(&self, text: &str) -> u32 {
        self.kind.count(text)
    }
}

impl Kind {
    /// The length of a text in tokens. A text that a tokenizer cannot do anything with, such as one with a million blanks in a
    /// row, is estimated.
    fn count(&self, text: &str) -> u32 {
        let tokens = match self {
            Self::File(tokenizer) => tokenizer.encode_fast(text, false).ok().map(|tokens| tokens.len()),
            Self::Encoding(bpe) => bpe.count(text, &HashSet::new()).ok(),
        };
        tokens.map_or_else(|| estimate_tokens(text), |tokens| u32::try_from(tokens).unwrap_or(u32::MAX))
    }
}

fn contents(path: &Path, name: &str) -> Result<Vec<u8>, TokenizerError> {
    let unread = |error: io::Error| {
        let why = match error.kind() {
            ErrorKind::NotFound => "there is no such file".to_owned(),
            ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => error.to_string(),
        };
        TokenizerError::new(
            format!("cannot read `{name}`: {why}"),
            "put the file there, or correct the path, which starts at the folder of the file that it stands in",
        )
    };
    let file = File::open(path).map_err(unread)?;
    let kind = file.metadata().map_err(unread)?;
    if kind.is_dir() {
        let help = format!("name the file in it: `{}/tokenizer.json`", name.trim_end_matches('/'));
        return Err(TokenizerError::new(format!("`{name}` is a folder"), help));
    }
    let mut bytes = Vec::new();
    (&file).take(LARGEST + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > LARGEST {
        return Err(TokenizerError::new(
            format!("`{name}` has more than 256 MiB, which no tokenizer has"),
            "name the `tokenizer.json` that is published beside the weights of the model",
        ));
    }
    Ok(bytes)
}
