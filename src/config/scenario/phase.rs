//! `[phases.NAME]` and its load.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Follow, Pressure, Search};
use crate::units::Seconds;

/// `[phases.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// Whether its requests count; `false` is warm-up.
    pub measure: bool,
    /// Whether the run is no measurement where a step of it did not settle, or drifts (check 6).
    pub require_steady: bool,
    /// Ends each step after so many requests. Already filled from `defaults.requests` where that applies.
    pub requests: Option<u64>,
    /// Ends each step after so long.
    pub duration: Option<Duration>,
    /// What is due in the first so long of each step is not counted; `None` where the kind of load decides.
    pub settle: Option<Duration>,
    /// The endpoints that it loads; `None` means every endpoint that takes mixed traffic.
    pub endpoints: Option<Vec<String>>,
    /// How requests arrive.
    pub load: Load,
    /// Where the load comes from, where it is that of another phase.
    pub same_as: Option<SameAs>,
    /// When it begins.
    pub order: Order,
    /// Prompts per request, one step for each; empty where the phase says nothing, which is one prompt. Already filled
    /// from `defaults.batch_sizes` where it says so.
    pub batch_sizes: Vec<u32>,
    /// What loads this machine meanwhile.
    pub pressure: Option<Pressure>,
}

/// When a phase begins. What a phase waits for has ended when what runs during it has ended, too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Order {
    /// When the phase before it in the file has ended.
    #[default]
    InTurn,
    /// `after`: when these phases have ended; of none: as soon as the servers are ready.
    After(Vec<String>),
    /// `during`: together with this phase, until its arrivals stop. Such a phase has one step.
    During(String),
}

/// `load.same_as`: a part of another phase's load. The load itself is already worked out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SameAs {
    /// The other phase.
    pub phase: String,
    /// The share of its traffic that goes to the endpoints of this one, `0..=1`.
    #[schemars(range(min = 0, max = 1))]
    pub share: f64,
}

impl Phase {
    /// The names of its steps, of which there is one where neither its load nor its batches have several levels:
    /// `users=4`, `batch=4`, or both as `users=4,batch=4`. Loads come in their order, and under each the batches.
    pub fn levels(&self) -> Vec<String> {
        let loads = self.load.levels();
        if self.batch_sizes.len() < 2 {
            return loads;
        }
        let batches = self.batch_sizes.iter().map(|batch| format!("batch={batch}"));
        if loads.len() < 2 {
            return batches.collect();
        }
        loads.iter().flat_map(|load| batches.clone().map(move |batch| format!("{load},{batch}"))).collect()
    }

    /// Prompts per request of each step, in the order of [`Self::levels`].
    pub fn batches(&self) -> Vec<u32> {
        if self.batch_sizes.is_empty() { vec![1] } else { self.batch_sizes.clone() }
    }

    /// How long each step goes on by the clock; `None` where only a count ends it. Stages end where they end, or with
    /// the phase.
    pub fn length(&self) -> Option<Duration> {
        match &self.load {
            Load::Pause(length) => Some(*length),
            Load::Open(Open { shape: Shape::Stages(stages), .. }) => {
                let whole = stages.iter().map(|stage| stage.over).sum();
                Some(self.duration.map_or(whole, |duration| duration.min(whole)))
            }
            Load::Open(_) | Load::Trace(_) | Load::Closed(_) => self.duration,
            Load::Search(search) => Some(search.step),
        }
    }
}

/// `load`: one of the kinds of arrival; or `pause` in its place.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// So many users, each with one request at a time.
    Closed(Closed),
    /// Requests arrive when they arrive, whatever the answers do.
    Open(Open),
    /// Requests arrive as they once did.
    Trace(Follow),
    /// One level after another, until it is known which still holds.
    Search(Search),
    /// Nothing is sent for so long. Such a phase has no endpoints and is not measured.
    Pause(Duration),
}

impl Load {
    /// The names of its levels, of which each is a step where they are several: `users=4`, `rate=8`. Those of a search are known
    /// once it has tried them; until then `trial=1` and so on stand for them.
    pub fn levels(&self) -> Vec<String> {
        match self {
            Self::Closed(closed) => closed.users.iter().map(|users| format!("users={users}")).collect(),
            Self::Open(open) => match &open.shape {
                Shape::Rates(rates) => rates.iter().map(|rate| format!("rate={rate}")).collect(),
                Shape::Stages(_) => vec!["stages".to_owned()],
            },
            Self::Trace(_) => vec!["trace".to_owned()],
            Self::Search(search) => (1..=search.trials()).map(|number| format!("trial={number}")).collect(),
            Self::Pause(_) => vec!["pause".to_owned()],
        }
    }

    /// The most requests that may be in flight by the plan itself, so that more wait in a queue.
    pub fn concurrency_limit(&self) -> Option<u32> {
        match self {
            Self::Open(open) => open.concurrency_limit,
            Self::Trace(follow) => follow.concurrency_limit,
            Self::Closed(_) | Self::Search(_) | Self::Pause(_) => None,
        }
    }

    /// Its spikes, where it has any.
    pub fn spikes(&self) -> Option<&Spikes> {
        match self {
            Self::Open(open) => open.spikes.as_ref(),
            Self::Closed(_) | Self::Trace(_) | Self::Search(_) | Self::Pause(_) => None,
        }
    }
}

/// `load.closed`.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    /// One step per level; already filled from `defaults.concurrency`.
    pub users: Vec<u32>,
    /// Users start spread over this time.
    pub ramp_up: Duration,
    /// Pause of a user between an answer and the next request.
    pub think_time: Duration,
}

/// `load.open`.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// The process.
    pub arrivals: Arrivals,
    /// The rate over time.
    pub shape: Shape,
    /// Spikes over that rate.
    pub spikes: Option<Spikes>,
    /// At most so many in flight; more wait in a queue, and the wait counts.
    pub concurrency_limit: Option<u32>,
}

/// The arrival process.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Evenly spaced.
    Constant,
    /// Exponential gaps.
    Poisson,
    /// Gamma-distributed gaps: bursts and lulls where they vary more than those of a Poisson process, which is the case
    /// of `cv` = 1.
    Gamma {
        /// Coefficient of variation of the gaps: their standard deviation over their mean.
        cv: f64,
    },
}

/// The rate of an open loop.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// `rate`: requests per second, one step per level.
    Rates(Vec<f64>),
    /// `stages`: one after the other, within one step.
    Stages(Vec<Stage>),
}

/// `load.open.spikes`: from time to time, another rate in place of the usual one. One starts at every whole multiple of
/// the period, and the last has one full period after it, so that each has the same time to recover in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spikes {
    /// The period.
    pub every: Duration,
    /// The length of a spike.
    pub lasting: Duration,
    /// Requests per second during a spike, whatever the rate around it.
    pub rate: f64,
}

impl Spikes {
    /// How many there are in a load of some length.
    pub fn count(&self, length: Duration) -> u32 {
        let periods = length.as_nanos().checked_div(self.every.as_nanos()).unwrap_or(0);
        u32::try_from(periods.saturating_sub(1)).unwrap_or(u32::MAX)
    }
}

/// A stretch of time in which the rate goes linearly from one value to another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stage {
    /// Requests per second at its start.
    pub from: f64,
    /// Requests per second at its end; the same for `hold`.
    pub to: f64,
    /// Its length.
    #[serde(rename = "over_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub over: Duration,
}
