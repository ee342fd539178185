//! `load.search`: which level of load the targets still hold at.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Arrivals;
use crate::units::Seconds;

/// A search for the highest level of load that holds: between which levels, how near it has to come, and how long each is tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Search {
    /// What is varied.
    pub over: Sought,
    /// The level that is tried first: requests per second, or users.
    pub from: f64,
    /// The highest that may be tried.
    pub to: f64,
    /// How long a trial lasts at least.
    #[serde(rename = "step_s", with = "crate::units::seconds")]
    #[schemars(with = "Seconds")]
    pub step: Duration,
    /// How far the lowest level that does not hold may lie above the limit that is told, as a share of it. Users are found to
    /// the user where that is coarser.
    pub precision: f64,
    /// What has to hold.
    pub until: Until,
}

/// What a search varies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sought {
    /// Requests per second of an open loop.
    Rate {
        /// How they arrive.
        arrivals: Arrivals,
    },
    /// Users of a closed loop.
    Users,
}

impl Sought {
    /// The word by which steps are named.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rate { .. } => "rate",
            Self::Users => "users",
        }
    }
}

/// `until`: what has to hold at a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// `"targets"`: every at-most target on latency and errors that the phase has, and the at-least ones on shares of requests.
    Targets,
    /// `["first_token", "errors"]`: these targets.
    Named(Vec<String>),
    /// `"broken"`: that requests are answered and throughput does not collapse, whatever the targets say.
    Broken,
}

/// How much higher the next level is as long as every one holds.
pub const GROWTH: f64 = 4.0;

/// A server is broken where no fewer of its requests fail.
pub const BROKEN: f64 = 0.05;

/// Trials beyond growing, bisecting and confirming: for levels that are undecided, or whose repeat does not hold.
const SPARE: u32 = 6;

impl Search {
    /// A level as it is tried and named: whole users, rates of three digits.
    pub fn rounded(&self, level: f64) -> f64 {
        match self.over {
            Sought::Users => level.round().max(1.0),
            Sought::Rate { .. } => {
                let scale = 10_f64.powi(2 - level.log10().floor() as i32);
                (level * scale).round() / scale
            }
        }
    }

    /// The levels that are tried while every one holds, from the lowest on: each [`GROWTH`] times the one before it, and the
    /// highest.
    pub fn growing(&self) -> Vec<f64> {
        let mut levels = vec![self.from];
        while let Some(last) = levels.last().filter(|last| **last < self.to) {
            levels.push(self.rounded(last * GROWTH).min(self.to));
        }
        levels
    }

    /// How many trials there may be: those of growing, of halving what lies between two of its levels until that is within the
    /// precision, one that confirms, and six more for what is not clear at once.
    pub fn trials(&self) -> u32 {
        let growing = self.growing().len() as u32;
        let apart = GROWTH.min(self.to / self.from).max(1.0);
        let halvings = (apart.ln() / self.precision.ln_1p()).log2().ceil().max(0.0) as u32;
        let halvings = match self.over {
            Sought::Rate { .. } => halvings,
            // no two users have one between them
            Sought::Users => halvings.min((self.to - self.from).log2().ceil().max(0.0) as u32),
        };
        growing + halvings + 1 + SPARE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(over: Sought, from: f64, to: f64) -> Search {
        let step = Duration::from_secs(30);
        Search { over, from, to, step, precision: 0.05, until: Until::Targets }
    }

    #[test]
    fn levels_grow_and_end_at_the_highest() {
        let rate = Sought::Rate { arrivals: Arrivals::Poisson };
        let rates = search(rate, 1.0, 200.0);
        assert_eq!(rates.growing(), [1.0, 4.0, 16.0, 64.0, 200.0]);
        assert_eq!(rates.trials(), 17);
        assert_eq!(rates.rounded(12.345), 12.3);
        assert_eq!(rates.rounded(0.098_76), 0.0988);
        assert_eq!(rates.rounded(1234.5), 1230.0);
        let users = search(Sought::Users, 1.0, 6.0);
        assert_eq!(users.growing(), [1.0, 4.0, 6.0]);
        assert_eq!(users.trials(), 3 + 3 + 1 + 6);
        assert_eq!(search(Sought::Users, 8.0, 8.0).growing(), [8.0]);
    }
}
