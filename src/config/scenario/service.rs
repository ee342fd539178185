//! `[services.NAME]`: a program that a run starts and stops, such as the server under test.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HeaderText;

/// A program that runs as long as a run does.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// The program: a name that is looked up as a shell does, or a path from `folder`. [`THIS_PROGRAM`] is this program itself.
    pub command: String,
    /// What stands behind it, each as one argument.
    pub args: Vec<HeaderText>,
    /// Variables of its environment besides those of this process.
    pub environment: BTreeMap<String, HeaderText>,
    /// The folder that it runs in.
    pub folder: String,
    /// When it is ready; `None` for when the ports of the endpoints that it serves are open.
    pub ready: Option<Ready>,
    /// How long that may take.
    pub ready_within: Duration,
    /// What asks it to end.
    pub stop: StopSignal,
    /// How long it may take to; then it is killed.
    pub stop_within: Duration,
}

/// The command that stands for this program, wherever it is installed.
pub const THIS_PROGRAM: &str = "scenario";

/// What shows that a service is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    /// This URL answers with a status of 2xx.
    Http(String),
    /// These places accept connections, each `HOST:PORT`.
    Tcp(Vec<String>),
    /// This text stands in a line of its output.
    Output(String),
}

/// The signal that asks a service to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StopSignal {
    /// What `kill` sends.
    #[serde(rename = "SIGTERM")]
    Terminate,
    /// What Ctrl-C sends.
    #[serde(rename = "SIGINT")]
    Interrupt,
    /// For servers that take it for "finish what you have".
    #[serde(rename = "SIGQUIT")]
    Quit,
    /// What a terminal sends that is closed.
    #[serde(rename = "SIGHUP")]
    HangUp,
}

impl StopSignal {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Terminate, Self::Interrupt, Self::Quit, Self::HangUp];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
            Self::Quit => "SIGQUIT",
            Self::HangUp => "SIGHUP",
        }
    }
}
