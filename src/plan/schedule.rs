//! When the requests of an open loop are due: absolute offsets from the start of their step.
//!
//! A process of unit rate (a whole number per arrival, or the sum of random gaps) is mapped through the inverse of
//! Λ(t), the integral of the rate: constant gaps, a Poisson process and bursts, homogeneous or not, come out of the
//! same few lines. An arrival depends on the seed and the step's place in the plan, never on the answers.

use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Exp1, Gamma};

use super::{LoadStep, Pattern, Step, Work};
use crate::{
    config::{Arrivals, Stage},
    workload::rng,
};

/// The arrivals of an open step, in nanoseconds from the start of the step, ascending.
///
/// - Constant: arrival `k`, from 0, is due when Λ reaches `k`, so the first one at the start (or at the end of the
///   stages that begin with a rate of 0).
/// - Poisson: the gaps of Λ are exponential with mean 1, so the count is a Poisson count, not one that was fixed and
///   spread out.
/// - Gamma: the gaps of Λ have mean 1 and the deviation `cv`. Time 0 falls into a gap as it may, so that the mean count
///   is Λ from the start on; a whole gap before the first arrival would be short of it or beyond it.
///
/// Ends after `requests`, before `duration`, or with the stages, whichever comes first; without a duration the last
/// stage goes on at its final rate until `requests` are through. `step_key` names the step: see [`step_key`].
pub fn arrivals(
    process: Arrivals,
    stages: &[Stage],
    requests: Option<u64>,
    duration: Option<Duration>,
    seed: u64,
    step_key: &str,
) -> Schedule {
    let rng = || Box::new(rng(seed, &format!("arrivals of {step_key}"), 0));
    Schedule {
        process: match process {
            Arrivals::Constant => Process::Constant { next: 0 },
            Arrivals::Poisson => Process::Poisson { sum: 0.0, rng: rng() },
            Arrivals::Gamma { cv } => Process::gamma(cv, rng()),
        },
        stages: stages.to_vec(),
        current: 0,
        stage_mass: 0.0,
        stage_start_ns: 0,
        left: requests.unwrap_or(u64::MAX),
        end_ns: duration.map(nanoseconds),
    }
}

/// The arrivals of a step of a plan; `None` where it follows no schedule.
pub fn of_step(step: &Step, seed: u64) -> Option<Schedule> {
    let Work::Load(LoadStep { pattern, requests, duration, .. }) = &step.work else { return None };
    let Pattern::Open { arrivals: process, stages, .. } = pattern else { return None };
    Some(arrivals(*process, stages, *requests, *duration, seed, &step_key(&step.phase, &step.name)))
}

/// What the random stream of a step's arrivals hangs on beside the seed: its phase and name, so that neither other
/// phases nor other levels move it.
pub fn step_key(phase: &str, step: &str) -> String {
    format!("{phase}/{step}")
}

/// Λ: the number of arrivals that the stages have on average, up to `duration` where one is given.
pub fn mean_count(stages: &[Stage], duration: Option<Duration>) -> f64 {
    let mut left = duration.unwrap_or(Duration::MAX);
    let mut mass = 0.0;
    for stage in stages {
        mass += mass_until(stage, left.min(stage.over).as_secs_f64());
        left = left.saturating_sub(stage.over);
    }
    mass
}

/// The mean arrival rate of these stages, per second; `None` of none.
pub fn mean_rate(stages: &[Stage]) -> Option<f64> {
    let seconds = stages.iter().map(|stage| stage.over).sum::<Duration>().as_secs_f64();
    if seconds > 0.0 {
        Some(mean_count(stages, None) / seconds)
    } else {
        stages.first().map(|stage| stage.from)
    }
}

/// The mean rate at which a step offers requests, per second; `None` of a closed loop, which the server sets the rate of, and
/// of a trace that nobody has looked into.
pub fn offered_rate(pattern: &Pattern) -> Option<f64> {
    match pattern {
        Pattern::Open { stages, .. } => mean_rate(stages),
        Pattern::Trace { part, .. } => part.as_ref()?.mean_rate(),
        Pattern::Closed { .. } => None,
    }
}

/// The highest rate at which a step offers requests at any time, per second; `None` likewise.
pub fn peak_rate(pattern: &Pattern) -> Option<f64> {
    match pattern {
        Pattern::Open { stages, .. } => Some(highest(stages)),
        Pattern::Trace { part, .. } => Some(part.as_ref()?.peak_rate),
        Pattern::Closed { .. } => None,
    }
}

/// The highest rate in these stages, per second.
pub fn highest(stages: &[Stage]) -> f64 {
    stages.iter().map(|stage| stage.from.max(stage.to)).fold(0.0, f64::max)
}

/// How many requests an open loop should offer, on average; `None` of a closed one, whose number depends on the
/// answers.
pub fn expected_arrivals(load: &LoadStep) -> Option<f64> {
    let stages = match &load.pattern {
        Pattern::Open { stages, .. } => stages,
        Pattern::Trace { part, .. } => return part.map(|part| part.requests as f64),
        Pattern::Closed { .. } => return None,
    };
    match (load.requests, load.duration) {
        // the last stage goes on for as long as it takes
        (Some(requests), None) => Some(requests as f64),
        (requests, duration) => {
            let mean = mean_count(stages, duration);
            Some(requests.map_or(mean, |requests| mean.min(requests as f64)))
        }
    }
}

/// An iterator over arrivals that knows its place by a few numbers, whatever the length of the run.
#[derive(Debug, Clone)]
pub struct Schedule {
    process: Process,
    stages: Vec<Stage>,
    /// The stage that the last arrival was in.
    current: usize,
    /// Λ at its start.
    stage_mass: f64,
    stage_start_ns: u64,
    left: u64,
    /// `None`: the last stage never ends.
    end_ns: Option<u64>,
}

/// A process of unit rate.
#[derive(Debug, Clone)]
enum Process {
    Constant { next: u64 },
    Poisson { sum: f64, rng: Box<ChaCha8Rng> },
    Gamma { next: f64, gaps: Gamma<f64>, rng: Box<ChaCha8Rng> },
}

impl Process {
    /// The stationary renewal process whose gaps have mean 1 and the deviation `cv`: a gamma distribution of shape
    /// k = 1/cv² and scale 1/k. The gap that time 0 falls into is picked in proportion to its length, which is the gamma
    /// distribution of shape k + 1, and time 0 lies anywhere in it (Cox, *Renewal Theory*, 1962, chapter 2).
    fn gamma(cv: f64, mut rng: Box<ChaCha8Rng>) -> Self {
        const RANGE: &str = "readers keep the variation within a range that gamma distributions have";
        let (shape, scale) = (1.0 / (cv * cv), cv * cv);
        let around_zero = Gamma::new(shape + 1.0, scale).expect(RANGE);
        let rest = rng.random::<f64>() * rng.sample(around_zero);
        let gaps = Gamma::new(shape, scale).expect(RANGE);
        Self::Gamma { next: rest, gaps, rng }
    }

    /// Λ at the next arrival.
    fn next_mass(&mut self) -> f64 {
        match self {
            Self::Constant { next } => {
                *next += 1;
                (*next - 1) as f64
            }
            Self::Poisson { sum, rng } => {
                *sum += rng.sample::<f64, _>(Exp1);
                *sum
            }
            Self::Gamma { next, gaps, rng } => {
                let here = *next;
                *next += rng.sample(*gaps);
                here
            }
        }
    }
}

impl Schedule {
    /// When Λ reaches `mass`; `None` beyond the last stage.
    fn invert(&mut self, mass: f64) -> Option<u64> {
        loop {
            let stage = *self.stages.get(self.current)?;
            let endless = self.end_ns.is_none() && self.current + 1 == self.stages.len();
            let within = mass - self.stage_mass;
            let whole = mass_until(&stage, stage.over.as_secs_f64());
            if within < whole {
                let at = time_of(&stage, within).min(stage.over.as_secs_f64());
                return Some(self.stage_start_ns.saturating_add(rounded(at)));
            }
            if endless {
                let at = stage.over.as_secs_f64() + (within - whole) / stage.to;
                return at.is_finite().then(|| self.stage_start_ns.saturating_add(rounded(at)));
            }
            self.stage_mass += whole;
            self.stage_start_ns = self.stage_start_ns.saturating_add(nanoseconds(stage.over));
            self.current += 1;
        }
    }
}

impl Iterator for Schedule {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.left == 0 {
            return None;
        }
        let mass = self.process.next_mass();
        match self.invert(mass) {
            Some(at) if self.end_ns.is_none_or(|end| at < end) => {
                self.left -= 1;
                Some(at)
            }
            _ => {
                self.left = 0;
                None
            }
        }
    }
}

impl std::iter::FusedIterator for Schedule {}

/// The integral of a stage's rate over its first `t` seconds: from·t + a·t²/2 with the slope a = (to − from)/over.
fn mass_until(stage: &Stage, t: f64) -> f64 {
    let over = stage.over.as_secs_f64();
    if over == 0.0 {
        return 0.0;
    }
    (stage.from + (stage.to - stage.from) * (t / over) / 2.0) * t
}

/// The time at which [`mass_until`] is `mass`, by the form of the quadratic formula that neither divides by the
/// slope nor subtracts two large numbers: t = 2m / (from + √(from² + 2am)).
fn time_of(stage: &Stage, mass: f64) -> f64 {
    if mass <= 0.0 {
        return 0.0;
    }
    let slope = (stage.to - stage.from) / stage.over.as_secs_f64();
    // a ramp down to 0 may come out a hair below 0 at its end
    let root = (stage.from * stage.from + 2.0 * slope * mass).max(0.0).sqrt();
    2.0 * mass / (stage.from + root)
}

fn rounded(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

/// 584 years are enough.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
