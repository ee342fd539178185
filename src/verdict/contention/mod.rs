//! What endpoints do to each other: a mixed phase against the phases that offer its endpoints their share alone.

mod compared;
mod words;

use schemars::JsonSchema;
use serde::Serialize;

pub(super) use compared::{Pair, contentions};
pub(super) use words::{failures, findings, times};

use crate::stats::Bounded;

/// A change of times or throughput within this share is none that anybody would notice: the margin of the regression gate.
const MARGIN: f64 = 0.05;

/// The same for a share of requests that fail: one request in a hundred.
const MARGIN_OF_ERRORS: f64 = 0.01;

/// A paragraph that every run has must not cry wolf: of mixed phases whose endpoints do nothing to each other, no more than
/// this share is said to have contention. All that is looked at in a phase shares it (Bonferroni).
pub(super) const FALSE_ALARMS: f64 = 0.01;

/// What the endpoints of a phase do to each other.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Contention {
    /// The phase that has them together.
    pub phase: String,
    /// Whether anything of it is surely there, and large enough to matter.
    pub found: bool,
    /// Each endpoint of a phase that offers it its share of the mixed load alone, in the order of the plan.
    pub endpoints: Vec<Beside>,
    /// Output tokens per second together ÷ the sum alone; `None` where not every endpoint was measured alone once.
    pub throughput: Option<Combined>,
    /// The smallest ÷ the largest share of its pace that an endpoint keeps, where there are two at least: 1 where all suffer
    /// alike. An endpoint's pace is told by its median `e2e`: alone ÷ together is its normalized progress of S. Eyerman and
    /// L. Eeckhout, *System-level performance metrics for multiprogram workloads* (2008), and their least ratio the fairness of
    /// R. Gabor, S. Weiss and A. Mendelson, *Fairness and throughput in switch on event multithreading* (2006).
    pub fairness: Option<Factor>,
    /// Phases that are not compared with it, and why.
    pub not_compared: Vec<NotCompared>,
}

/// An endpoint with something beside it, others or pressure, and without.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Beside {
    /// The endpoint.
    pub endpoint: String,
    /// The phase that has it without.
    pub without: String,
    /// Whether it surely does worse with it, and so much that it matters.
    pub suffers: bool,
    /// Of the median `ttft`; `None` of answers without a stream, and where more than half of the requests failed.
    pub ttft: Option<Inflation>,
    /// Of the median `e2e`; `None` where more than half of the requests failed.
    pub e2e: Option<Inflation>,
    /// Of the requests that fail; beside other endpoints of those that time out or get 429, 503 or 529.
    pub errors: Errors,
}

/// A median with something beside it ÷ without.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Inflation {
    /// The median without, in seconds.
    pub without_s: f64,
    /// The median with it, in seconds.
    pub with_s: f64,
    /// How many times as long it takes.
    pub times: Factor,
}

/// How many requests fail.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Errors {
    /// Without.
    pub without: Share,
    /// With something beside it.
    pub with: Share,
    /// How much larger their share is then, from −1 to 1; `None` where nothing was due.
    pub difference: Option<Factor>,
}

impl Beside {
    /// Whether it surely does no worse, by as much as matters.
    pub(super) fn is_unharmed(&self) -> bool {
        let below = |inflation: Inflation| inflation.times.high.is_some_and(|high| high < 1.0 + MARGIN);
        // where more than half of the answers failed there is no median
        self.e2e.is_some_and(below)
            && self.ttft.is_none_or(below)
            && self.errors.difference.and_then(|more| more.high).is_some_and(|high| high < MARGIN_OF_ERRORS)
    }
}

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Share {
    /// Requests that count.
    pub requests: u64,
    /// All that were due in the window.
    pub due: u64,
}

/// Output tokens per second of all endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Combined {
    /// The sum of those alone, per second.
    pub alone_per_s: f64,
    /// Together, per second.
    pub together_per_s: f64,
    /// Together ÷ alone.
    pub share: Factor,
}

/// A number with its one-sided 95 % bounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Factor {
    /// The number.
    pub value: f64,
    /// The bound below it; `None` where too few requests give none.
    pub low: Option<f64>,
    /// The bound above it, likewise.
    pub high: Option<f64>,
}

/// A phase that offers its endpoints something else than the mixed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NotCompared {
    /// The phase.
    pub phase: String,
    /// Why, in words.
    pub reason: String,
}

impl Factor {
    /// A ratio, of which 0 says as little as nothing.
    fn ratio(of: Bounded) -> Self {
        let factor = Self::difference(of);
        Self { low: factor.low.filter(|low| *low > 0.0), ..factor }
    }

    /// A difference.
    fn difference(Bounded { value, low, high }: Bounded) -> Self {
        let known = |bound: f64| bound.is_finite().then_some(bound);
        Self { value, low: known(low), high: known(high) }
    }
}
