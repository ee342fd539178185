//! `endpoints.NAME.tokenizer`.

use super::{
    super::{Encoding, Tokenizer, Vocabulary, nearest::suggest, tree::Node},
    leaf::{self, Read, wrong},
};

const HELP: &str = "write the path of the model's `tokenizer.json`, or the name of an encoding of tiktoken";

/// Reads a path or the name of an encoding. The file is looked into elsewhere.
pub(super) fn tokenizer(node: &Node) -> Read<Tokenizer> {
    let text = leaf::text(node)?;
    if text.is_empty() {
        return wrong(node, "must not be empty", "empty", HELP);
    }
    if text.contains('\n') || text.contains("://") {
        return wrong(node, "must be the path of a file or the name of an encoding", "neither of them", HELP);
    }
    let vocabulary = if Vocabulary::is_path(&text) {
        Vocabulary::File(text)
    } else if let Some(encoding) = Encoding::ALL.into_iter().find(|encoding| encoding.name() == text) {
        Vocabulary::Encoding(encoding)
    } else {
        let known = suggest(&text, "encodings", Encoding::ALL.map(Encoding::name));
        return wrong(
            node,
            format!("names the encoding `{text}`, which does not exist"),
            "no encoding of this name",
            format!("{known}; a file is named by its path: `tokenizer.json`, or any with a `/`"),
        );
    };
    Ok(Tokenizer { vocabulary, counted: None })
}
