//! What became of every request, and how the run ended.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    plan::Plan,
    record::{Diary, Outcome, StopCause},
};

/// How a run ended, as its diary tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All that was planned was run.
    Completed,
    /// It was stopped early, in good order; the first cause counts.
    Stopped(StopCause),
    /// The diary breaks off: the tool or the machine died.
    Killed,
}

impl Ending {
    /// Reads it off the diary. A diary without a last line is that of a killed run, even if it was being stopped.
    pub fn of(diary: &[Diary]) -> Self {
        if !diary.iter().any(|line| matches!(line, Diary::RunEnded { .. })) {
            return Self::Killed;
        }
        diary
            .iter()
            .find_map(|line| match line {
                Diary::Stopping { cause, .. } => Some(Self::Stopped(*cause)),
                _ => None,
            })
            .unwrap_or(Self::Completed)
    }

    /// What that is of this plan: one that goes on until somebody ends it is complete when somebody does.
    pub(super) fn of_plan(self, plan: &Plan) -> Self {
        match self {
            Self::Stopped(StopCause::Interrupt | StopCause::Terminate) if plan.is_open_ended() => {
                Self::Completed
            }
            ending => ending,
        }
    }
}

/// What became of the requests of one load step. Balanced when `scheduled = issued = records + unknown`,
/// `records = sent + not_sent` and nothing contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Index of the step in the plan.
    pub step: usize,
    /// Its phase.
    pub phase: String,
    /// Its name within the phase.
    pub name: String,
    /// Whether it counts.
    pub measured: bool,
    /// Requests that the schedule had due in it; `None` when the step did not end.
    pub scheduled: Option<u64>,
    /// Whether somebody or something stopped the run before the step had ended.
    pub cut_short: bool,
    /// Requests issued, sent or not.
    pub issued: u64,
    /// Records written.
    pub records: u64,
    /// Records of requests that were sent, or for which at least a connection was tried.
    pub sent: u64,
    /// Records of requests that were due and never sent.
    pub not_sent: u64,
    /// Issued and without a record when the run was killed.
    pub unknown: u64,
    /// All of them by how they ended, `unknown` included; every outcome that occurred.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Records of requests that got at least the first byte of an answer.
    pub answered: u64,
    /// Records that repeat a number, lie outside the step's numbers, or whose stamps contradict their outcome.
    pub contradictions: u64,
}

impl Account {
    /// Requests that ended well.
    pub fn ok(&self) -> u64 {
        self.outcomes.get(&Outcome::Ok).copied().unwrap_or(0)
    }

    /// Requests that were sent and failed, the unknown left out.
    pub fn failed(&self) -> u64 {
        self.sent - self.ok().min(self.sent)
    }
}
