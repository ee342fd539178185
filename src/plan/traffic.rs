//! Which endpoints a phase loads, and with which share.

use super::Traffic;
use crate::config::{Phase, Scenario, traffic};

/// The traffic of a phase, shares summing to 1, in the order of the endpoints' names. A phase with the load of another
/// splits it as that one does.
pub(super) fn shares(scenario: &Scenario, phase: &Phase) -> Vec<Traffic> {
    let endpoints: Vec<(&str, Option<f64>)> =
        scenario.endpoints.iter().map(|(name, endpoint)| (name.as_str(), endpoint.weight)).collect();
    let of = |phase: &Phase| traffic::shares(&endpoints, phase.endpoints.as_deref());
    let own = of(phase);
    let shares = match &phase.same_as {
        None => own,
        Some(same) => {
            let loaded = own.iter().map(|(endpoint, _)| *endpoint);
            let part = traffic::part(&of(&scenario.phases[&same.phase]), loaded)
                .expect("a checked scenario: the other phase loads them");
            let sum: f64 = part.iter().map(|(_, share)| share).sum();
            part.into_iter().map(|(endpoint, share)| (endpoint, share / sum)).collect()
        }
    };
    shares.into_iter().map(|(endpoint, share)| Traffic { endpoint, share }).collect()
}
