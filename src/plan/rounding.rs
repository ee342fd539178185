//! Shares of another phase's users: whole numbers that come near them, or do not.

use super::{LoadStep, Pattern, Plan};

/// A number that is farther from the share it stands for than this share of it is another load.
const TOLERANCE: f64 = 0.2;

/// A load that offers its endpoints something else than its share of another phase's load, since users and places are
/// whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Rounding {
    /// The other phase.
    pub phase: String,
    /// Whether it is users that were rounded, rather than places under a `concurrency_limit`.
    pub users: bool,
    /// How many the other phase has.
    pub whole: u32,
    /// The share of them.
    pub share: f64,
    /// How many there are.
    pub number: u32,
}

impl Rounding {
    /// How many there would have to be.
    pub fn fair(&self) -> f64 {
        f64::from(self.whole) * self.share
    }

    /// The next number for the other phase whose share is near a whole number.
    pub fn next_fair(&self) -> u32 {
        let near = |whole: &u32| {
            let fair = f64::from(*whole) * self.share;
            off(fair.round().max(1.0), fair) <= TOLERANCE
        };
        // less is not near 1
        let least = (1.0 / (1.0 + TOLERANCE) / self.share) as u32;
        (self.whole.max(least)..=u32::MAX).find(near).unwrap_or(u32::MAX)
    }

    /// What was rounded: `users`, or `places`.
    pub fn noun(&self) -> &'static str {
        if self.users { "users" } else { "places" }
    }
}

/// What rounding made of a load that is a share of another phase's; `None` where it is near enough, or no such share.
pub fn rounding(plan: &Plan, load: &LoadStep) -> Option<Rounding> {
    let same = load.same_as.as_ref()?;
    let (users, number) = whole_number(load)?;
    let wholes = plan.loads().filter(|(step, _)| step.phase == same.phase);
    // levels that come to the same are one: it stands for the nearest of them
    let rounded = wholes
        .filter_map(|(_, of)| whole_number(of).filter(|(kind, _)| *kind == users))
        .map(|(_, whole)| Rounding { phase: same.phase.clone(), users, whole, share: same.share, number });
    let distance = |rounded: &Rounding| off(f64::from(number), rounded.fair());
    rounded.min_by(|a, b| distance(a).total_cmp(&distance(b))).filter(|rounded| distance(rounded) > TOLERANCE)
}

/// How far a number is from what it should be, as a share of that.
fn off(number: f64, fair: f64) -> f64 {
    // where the two are equal, the last digit of a quotient does not decide
    ((number / fair) - 1.0).abs() - 1e-9
}

/// The users of a closed loop, or the places of an open one.
fn whole_number(load: &LoadStep) -> Option<(bool, u32)> {
    match load.pattern {
        Pattern::Closed { users, .. } => Some((true, users)),
        Pattern::Open { concurrency_limit, .. } | Pattern::Trace { concurrency_limit, .. } => {
            Some((false, concurrency_limit?))
        }
    }
}
