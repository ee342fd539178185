//! The run's diary: what happened to it, beside its requests.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Alert, FORMAT};
use crate::plan::{ScopeKey, Tried};

/// A line of `events.jsonl`: the run's diary. Everything in it is needed to rebuild a report, or is of use to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Diary {
    /// The first line.
    RunStarted {
        /// The version of the files' format.
        #[schemars(extend("const" = FORMAT))]
        format: u32,
        /// Nanoseconds since the Unix epoch at time 0 of the run.
        wall_ns: i64,
    },
    /// A step began.
    StepStarted {
        /// Index in the plan.
        step: usize,
        /// When.
        at_ns: u64,
    },
    /// So many requests of the step have been issued by now. Written at most every 100 ms, so that requests in
    /// flight at a kill can be counted.
    Issued {
        /// Index in the plan.
        step: usize,
        /// When.
        at_ns: u64,
        /// Requests issued in this step so far.
        issued: u64,
        /// Requests in flight now.
        in_flight: u64,
        /// Users at work now; 0 in an open loop.
        users: u32,
    },
    /// A step ended: nothing of it is in flight any more.
    StepEnded {
        /// Index in the plan.
        step: usize,
        /// When.
        at_ns: u64,
        /// Requests issued in it.
        issued: u64,
        /// Requests that the plan's schedule had due in it; more than `issued` when it was cut short.
        due: u64,
    },
    /// What the next step of a search is: `step_started` follows.
    Trial {
        /// Index in the plan.
        step: usize,
        /// When.
        at_ns: u64,
        /// Requests per second, or users.
        level: f64,
        /// How long requests are due in it.
        duration_ns: u64,
    },
    /// A search has found what it looks for, or cannot: this step of it is not needed.
    Spared {
        /// Index in the plan.
        step: usize,
        /// When.
        at_ns: u64,
    },
    /// A trial of a search ends before its time, since its server falls behind: requests in flight and the time to the first token
    /// rise together.
    Saturated(Saturated),
    /// What the tool itself has used by now: written at the start, once a second, and at the end.
    Generator(Generator),
    /// What loads the machine beside a step has used and holds by now: written when it begins, once a second, and at its end.
    Pressed(Pressed),
    /// An alert fires, or does no longer.
    Alert(Alert),
    /// A target ends the run; `stopping` follows.
    Aborted(Abort),
    /// A program that the run had started has ended: on the way, or behind `run_ended` since the run was over.
    ServiceEnded(ServiceEnded),
    /// Somebody or something asked the run to stop early.
    Stopping {
        /// When.
        at_ns: u64,
        /// Who or what.
        cause: StopCause,
    },
    /// The run ended by itself or was stopped in good order: nothing is measured behind this line.
    RunEnded {
        /// When.
        at_ns: u64,
    },
}

/// What ends a trial of a search before its time. Both rises are those over the trial so far, as a share of the mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Saturated {
    /// Index in the plan.
    pub step: usize,
    /// When.
    pub at_ns: u64,
    /// The rise of the requests in flight.
    pub in_flight_rise: f64,
    /// The rise of the time to the first token, or of the whole answer where there is none.
    pub latency_rise: f64,
}

/// What the tool itself has used by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Generator {
    /// When.
    pub at_ns: u64,
    /// Processor time of all its threads since it was started, in nanoseconds; `None` where the system does not tell.
    pub cpu_ns: Option<u64>,
    /// Processors that it may use.
    pub cores: u32,
    /// The nice value of the threads that measure, below 0 where the system let them go before others; `None` where it does
    /// not tell threads apart.
    pub nice: Option<i32>,
    /// Bytes of it that are swapped out; `None` where the system does not tell.
    pub swapped_bytes: Option<u64>,
    /// Connections that the machine had no local port or file descriptor for.
    pub refused: u64,
    /// How often the wall clock was seen to jump, around which the kernel's stamps are wrong.
    pub wall_steps: u32,
}

/// How a service ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceEnded {
    /// Its name in the plan.
    pub service: String,
    /// When that was known.
    pub at_ns: u64,
    /// Whether it was asked to.
    pub asked: bool,
    /// The status that it gave; `None` where a signal ended it, or nobody saw it end.
    pub status: Option<i32>,
    /// The number of the signal that ended it.
    pub signal: Option<i32>,
    /// Whether it was asked to end, did not in time, and was killed.
    pub killed: bool,
    /// Its processes that were killed and are there all the same, by their numbers: they belong to another user, or hang in the
    /// kernel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_running: Vec<u32>,
}

impl ServiceEnded {
    /// How, in words: `ended with status 1`, `was ended by signal 9`.
    pub fn how(&self) -> String {
        let left = match self.left_running.as_slice() {
            [] => return self.end(),
            [one] => format!("process {one} is still there"),
            several => {
                let several: Vec<String> = several.iter().map(u32::to_string).collect();
                format!("processes {} are still there", several.join(", "))
            }
        };
        if self.status.or(self.signal).is_none() {
            format!("cannot be killed: {left}")
        } else {
            format!("{}, and not all of it can be killed: {left}", self.end())
        }
    }

    fn end(&self) -> String {
        match (self.status, self.signal) {
            _ if self.killed => "did not end when it was asked to, and was killed".to_owned(),
            (Some(status), _) => format!("ended with status {status}"),
            (None, Some(signal)) => format!("was ended by signal {signal}"),
            (None, None) => "ended, and nobody saw how".to_owned(),
        }
    }
}

/// What loads the machine beside a step has used and holds by now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pressed {
    /// Index in the plan.
    pub step: usize,
    /// When.
    pub at_ns: u64,
    /// Whether it presses as much as it is asked to or can; `false` while it still takes memory.
    pub ready: bool,
    /// Threads that compute.
    pub threads: u32,
    /// Processor time that these have used, in nanoseconds.
    pub cpu_ns: u64,
    /// Memory that is held, in bytes.
    pub memory_bytes: u64,
    /// Memory that is to be held, in bytes; less is held where that would leave too little for others.
    pub wanted_bytes: u64,
    /// Why nothing presses any more, before its time; `None` where it does.
    pub failed: Option<String>,
}

/// A target that has failed for as long as its `abort` says, and so ends the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Abort {
    /// When.
    pub at_ns: u64,
    /// The target.
    pub target: String,
    /// Where it failed.
    pub scope: ScopeKey,
    /// Since when the evidence has said so.
    pub since_ns: u64,
    /// Requests behind the evidence.
    pub requests: u64,
    /// Those of them on the wrong side of the limit.
    pub beyond: u64,
}

/// Why a run stopped early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// A second signal: cancel what is in flight.
    Cancel,
    /// The writer fell behind, or the disk refused.
    Recorder,
    /// What was to be sent could not be read from its file any more.
    Dataset,
    /// A target had failed for as long as its `abort` says.
    Abort,
    /// As many requests were sent as `run.ceiling.requests` allows.
    RequestCeiling,
    /// It went on for as long as `run.ceiling.duration` allows.
    DurationCeiling,
}

/// The trials of a run's searches, in their order, by its diary: one that ended before its time lasted so long.
pub fn trials(diary: &[Diary]) -> Vec<Tried> {
    let mut trials: Vec<Tried> = Vec::new();
    let mut started: BTreeMap<usize, u64> = BTreeMap::new();
    for line in diary {
        match *line {
            Diary::Trial { step, level, duration_ns, .. } => {
                trials.push(Tried { step, level, duration: Duration::from_nanos(duration_ns) });
            }
            Diary::StepStarted { step, at_ns } => _ = started.insert(step, at_ns),
            Diary::Saturated(Saturated { step, at_ns, .. }) => {
                let trial = trials.iter_mut().find(|trial| trial.step == step);
                if let (Some(trial), Some(started)) = (trial, started.get(&step)) {
                    trial.duration = trial.duration.min(Duration::from_nanos(at_ns.saturating_sub(*started)));
                }
            }
            _ => {}
        }
    }
    trials
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_service_ended_is_said_with_what_is_left_of_it() {
        for (status, signal, killed, left_running, how) in [
            (Some(1), None, false, &[][..], "ended with status 1"),
            (None, Some(9), false, &[], "was ended by signal 9"),
            (None, Some(9), true, &[], "did not end when it was asked to, and was killed"),
            (None, None, false, &[], "ended, and nobody saw how"),
            (None, None, true, &[4242], "cannot be killed: process 4242 is still there"),
            (
                Some(0),
                None,
                false,
                &[42, 43],
                "ended with status 0, and not all of it can be killed: processes 42, 43 are still there",
            ),
        ] {
            let (service, left_running) = ("server".to_owned(), left_running.to_vec());
            let ended = ServiceEnded { service, at_ns: 0, asked: true, status, signal, killed, left_running };
            assert_eq!(ended.how(), how);
            let json = serde_json::to_string(&ended).expect("JSON");
            assert_eq!(json.contains("left_running"), !ended.left_running.is_empty());
            assert_eq!(serde_json::from_str::<ServiceEnded>(&json).expect("a line"), ended);
        }
    }
}
