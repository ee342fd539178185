//! The formats of configuration files.

use std::path::Path;

use super::{BYTE_ORDER_MARK, Problem, json, toml, tree::Document, yaml};

/// A format of configuration files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2, also several documents in one file.
    Yaml,
    /// TOML.
    Toml,
    /// JSON, also with comments and commas behind the last value.
    Json,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Yaml, Self::Toml, Self::Json];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Toml => "toml",
            Self::Json => "json",
        }
    }

    /// The format that the ending of a file's name stands for.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            "json" | "jsonc" => Some(Self::Json),
            _ => None,
        }
    }

    /// The documents in a text.
    pub(super) fn read(self, text: &str) -> Result<Vec<Document>, Problem> {
        // the mark is no part of the document for any of the parsers; places count from the start of the text
        let body = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let mut documents = match self {
            Self::Yaml => yaml::read(body),
            Self::Toml => toml::read(body),
            Self::Json => json::read(body),
        }
        .map_err(|wrong| {
            let problem = Problem::new(format!("it is no valid {}: {}", self.shown(), wrong.message));
            match wrong.at {
                Some(at) => problem.at(text, at + text.len() - body.len()),
                None => problem,
            }
        })?;
        for document in &mut documents {
            document.root.shift(text.len() - body.len());
        }
        Ok(documents)
    }

    fn shown(self) -> &'static str {
        match self {
            Self::Yaml => "YAML",
            Self::Toml => "TOML",
            Self::Json => "JSON",
        }
    }
}

/// Why a text cannot be read.
pub(super) struct Unreadable {
    /// The byte at which the parser stumbled.
    pub(super) at: Option<usize>,
    /// What it says.
    pub(super) message: String,
}
