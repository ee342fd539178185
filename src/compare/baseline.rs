//! A baseline: runs under a name, with all that later runs are held against.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FORMAT, RunFigures, Side};
use crate::{
    machine::SystemInfo,
    plan::{self, Plan},
    schema::{Expectation, Mismatches},
};

/// Runs of one experiment on one machine, under a name. It holds all that is needed of them, so that their folders may go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Baseline {
    /// The version of this file's format.
    #[schemars(extend("const" = FORMAT))]
    pub format: u32,
    /// Its name.
    pub name: String,
    /// What was run; of several runs the plan of the first.
    pub plan: Plan,
    /// Where it was run and what answered; of several runs that of the first.
    pub system: SystemInfo,
    /// The numbers of each run.
    pub runs: Vec<RunFigures>,
}

/// Why the file of a baseline cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It is no JSON.
    #[error("it is no JSON: {0}")]
    Syntax(serde_json::Error),
    /// Another version of the program wrote it, or the plan in it.
    #[error("it has {what} {found}, and this version of `scenario` reads {what} {known}")]
    Format {
        /// What has a version: `format`, `plan.format`.
        what: &'static str,
        /// That of the file.
        found: u64,
        /// That of this program.
        known: u32,
    },
    /// Its values are not those of a baseline.
    #[error("{0}")]
    Content(Mismatches),
    /// A value has the right kind and does not fit.
    #[error("it is no baseline: {0}")]
    Value(serde_json::Error),
}

impl Baseline {
    /// The text of its file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a baseline has no maps with keys that are not text") + "\n"
    }

    /// Reads its file back.
    pub fn from_json(text: &str) -> Result<Self, BaselineError> {
        static EXPECTED: LazyLock<Expectation> = LazyLock::new(Expectation::of::<Baseline>);
        let document: Value = serde_json::from_str(text).map_err(BaselineError::Syntax)?;
        // first, so that a file of another format is told by its version and not by its first odd field
        let versions = [
            ("format", &document["format"], FORMAT),
            ("plan.format", &document["plan"]["format"], plan::FORMAT),
        ];
        for (what, found, known) in versions {
            if let Some(found) = found.as_u64().filter(|found| *found != u64::from(known)) {
                return Err(BaselineError::Format { what, found, known });
            }
        }
        EXPECTED.check(&document).map_err(BaselineError::Content)?;
        serde_json::from_value(document).map_err(BaselineError::Value)
    }

    /// It as one side of a comparison.
    pub fn side(&self) -> Side<'_> {
        Side { name: &self.name, plan: &self.plan, system: &self.system, runs: &self.runs }
    }
}
