//! What a run and the process that watches a service say to each other, a line of JSON each.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::config::StopSignal;

/// What is to be run: the first line of the standard input of the process that watches. It holds secrets, and so stands in no
/// command line and in no file.
#[derive(Clone, Serialize, Deserialize)]
pub struct Order {
    /// The program: a name to look up, or a path.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables of its environment besides those that are there.
    pub environment: BTreeMap<String, String>,
    /// The folder that it runs in.
    pub folder: PathBuf,
    /// The file that its output is appended to.
    pub log: PathBuf,
    /// A text to look for in its output.
    pub awaited: Option<String>,
    /// What is masked in the log.
    pub secrets: Vec<String>,
    /// What asks it to end.
    pub stop: StopSignal,
    /// How long it may take to, in seconds.
    #[serde(with = "crate::units::seconds")]
    pub stop_within: Duration,
}

/// What is asked behind the order, on the same input. Its end asks for the end of the service, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// To end, in the time that it has.
    End,
    /// To be gone at once.
    Kill,
}

/// What is told of it on the standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It runs, as the process of this number.
    Started(u32),
    /// Its program cannot be run, and why.
    Refused(String),
    /// It was not started since it could not be watched, and why.
    Unwatched(String),
    /// The awaited text stands in its output.
    Seen,
    /// It has ended, and so has all that it had started but for what is named. Nothing follows.
    Ended(Ended),
}

/// How a service ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The status that it gave; `None` where a signal ended it, or nobody saw it end.
    pub status: Option<i32>,
    /// The number of the signal that ended it.
    pub signal: Option<i32>,
    /// Whether it was asked to end, did not in time, and was killed.
    pub killed: bool,
    /// Its processes that were killed and are there all the same: they belong to another user, or hang in the kernel.
    pub left_running: Vec<u32>,
}
