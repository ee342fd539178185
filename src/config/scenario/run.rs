//! `[run]` and `[output]`: limits of a run as a whole, and what it leaves behind.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Seconds;

/// `[run]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Goes on every chart beside the hardware, such as `Vast.ai`; empty for none.
    pub label: String,
    /// Safety cap on requests in flight; its use voids the run.
    pub max_in_flight: u32,
    /// How long what is in flight may take to end after the arrivals of a phase stop.
    pub drain: Duration,
    /// How long an endpoint may take to answer its readiness check.
    pub ready_timeout: Duration,
    /// What a run comes to in which a judged target could not be decided.
    pub on_inconclusive: OnInconclusive,
    /// What a run comes to in which the tool itself was the bottleneck.
    pub on_bottleneck: OnBottleneck,
    /// Whether it is looked what the machine can do before anything is sent.
    pub calibrate: bool,
    /// How many times the whole plan is run.
    pub repeats: u32,
    /// Threads that send requests and read answers.
    pub threads: Threads,
    /// Public hosts that load may go to.
    pub allow_hosts: Vec<String>,
    /// What the run may come to at most.
    pub ceiling: Ceiling,
    /// What both are without the flags of the command, where flags say anything of them.
    pub without_flags: Option<Permitted>,
}

/// How far a run may go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Permitted {
    /// Public hosts that load may go to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_hosts: Vec<String>,
    /// What it may come to at most.
    pub ceiling: Ceiling,
}

/// `[run.ceiling]`: what a run may come to at most, over all requests to servers that are not simulated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ceiling {
    /// Requests, warm-up included.
    pub requests: u64,
    /// Requests per second of an open loop at any time. A closed loop waits for its answers, so the server sets its
    /// rate.
    pub rate: f64,
    /// From the first request to the last.
    #[serde(rename = "duration_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub duration: Duration,
}

impl Default for Ceiling {
    /// What holds where nobody says otherwise, as `builtin.toml` has it; the reasons are there.
    fn default() -> Self {
        Self { requests: 1_000_000, rate: 1000.0, duration: Duration::from_secs(24 * 3600) }
    }
}

impl Ceiling {
    /// The higher of two, key by key.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            requests: self.requests.max(other.requests),
            rate: self.rate.max(other.rate),
            duration: self.duration.max(other.duration),
        }
    }

    /// The lower of two, key by key.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self {
            requests: self.requests.min(other.requests),
            rate: self.rate.min(other.rate),
            duration: self.duration.min(other.duration),
        }
    }
}

/// `run.on_inconclusive`: what it means that a judged target could not be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnInconclusive {
    /// The run does not pass: exit code 3.
    #[default]
    Fail,
    /// It is said, and the exit code is 0.
    Warn,
}

impl OnInconclusive {
    /// Whether it is what holds where nobody says otherwise.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `run.on_bottleneck`: what it means that the tool itself was late, or short of the machine's means (checks 2b and 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBottleneck {
    /// The run is no measurement: INVALID, exit code 3.
    #[default]
    Invalid,
    /// It is said, and the verdict stands.
    Warn,
}

impl OnBottleneck {
    /// Whether it is what holds where nobody says otherwise.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How many threads send requests and read answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Threads {
    /// `"auto"`: one for each processor that the process may use, or half as many where a server of the plan is on this machine
    /// and needs the others.
    #[default]
    Auto,
    /// `"all"`: one for each processor that the process may use.
    All,
    /// So many.
    Number(u32),
}

/// `[output]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// Whether the arrival of every chunk is kept.
    pub chunks: Chunks,
    /// Whether prompts are kept.
    pub prompts: bool,
    /// Whether the text of answers is kept.
    pub answers: bool,
    /// What is made of the numbers besides `summary.json`.
    pub formats: Vec<Format>,
}

impl Default for Output {
    fn default() -> Self {
        Self { chunks: Chunks::Full, prompts: false, answers: false, formats: Format::ALL.to_vec() }
    }
}

/// What is kept of the arrivals of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Chunks {
    /// Each of them.
    Full,
    /// The first and the last, which are part of the record.
    None,
}

/// Files that a report is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `report.html`.
    Html,
    /// `requests.csv`.
    Csv,
    /// `charts/*.png`.
    Png,
    /// `charts/*.svg`.
    Svg,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Html, Self::Csv, Self::Png, Self::Svg];

    /// The name in TOML and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Png => "png",
            Self::Svg => "svg",
        }
    }
}
