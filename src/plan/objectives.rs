//! What the requests of each endpoint should meet.

use super::{Plan, PlannedEndpoint, describe};
use crate::config::{Objective, Scenario};

/// What requests of an endpoint should meet: what all should, with its own laid over it.
pub(super) fn of_endpoint(scenario: &Scenario, name: &str) -> Vec<Objective> {
    Objective::laid_over(&scenario.objectives, &scenario.endpoints[name].objectives)
}

impl Plan {
    /// Whether it asks anything of requests.
    pub fn has_objectives(&self) -> bool {
        self.endpoints.iter().any(|endpoint| !endpoint.objectives.is_empty())
    }

    /// What the requests of an endpoint should meet; `None` where nothing is asked of those of any. It is empty where
    /// something is asked of others only: such a request meets all there is unless it failed, so that its part in the goodput
    /// of a phase is that of any answer that came.
    pub fn objectives_of<'a>(&self, endpoint: &'a PlannedEndpoint) -> Option<&'a [Objective]> {
        self.has_objectives().then_some(&endpoint.objectives)
    }

    /// The endpoints that have objectives of their own, with them; none where the same is asked of all.
    pub fn with_own_objectives(&self) -> impl Iterator<Item = &PlannedEndpoint> {
        self.endpoints.iter().filter(|endpoint| endpoint.objectives != self.objectives)
    }

    /// Objectives in words, each with the endpoint that they are asked of: without one of all endpoints where it stands alone, and
    /// else of those that are not named. Empty where nothing is asked.
    pub fn objectives_in_words(&self) -> Vec<(Option<&str>, String)> {
        let own = self.with_own_objectives();
        let mut words: Vec<_> = own
            .map(|endpoint| (Some(endpoint.name.as_str()), describe::objectives(&endpoint.objectives)))
            .collect();
        let others = words.len() < self.endpoints.len();
        if self.has_objectives() && others {
            words.push((None, describe::objectives(&self.objectives)));
        }
        words
    }
}
