//! Which endpoints a phase loads, and with which share.

use super::Traffic;
use crate::config::{Phase, Scenario};

/// The traffic of a phase, shares summing to 1.
///
/// - A phase without a list of endpoints loads those that have a weight, or all of them where none has.
/// - Weights are renormalized among the endpoints of the phase. An endpoint that the phase names and that has no
///   weight gets the mean of those that have one, or 1 where no other has any: all get the same where none has.
///
/// In the order of the names, so that neither shares nor routes depend on the order of tables in the file; without
/// endpoints of weight 0, which get nothing.
pub(super) fn shares(scenario: &Scenario, phase: &Phase) -> Vec<Traffic> {
    let weighted = scenario.endpoints.values().any(|endpoint| endpoint.weight.is_some());
    let mut loaded: Vec<(usize, &String, Option<f64>)> = scenario
        .endpoints
        .iter()
        .enumerate()
        .filter(|(_, (name, endpoint))| match &phase.endpoints {
            Some(names) => names.contains(name),
            None => endpoint.weight.is_some() || !weighted,
        })
        .map(|(index, (name, endpoint))| (index, name, endpoint.weight))
        .collect();
    loaded.sort_by_key(|(_, name, _)| *name);

    let given: Vec<f64> = loaded.iter().filter_map(|(_, _, weight)| *weight).collect();
    let mean = given.iter().sum::<f64>() / given.len() as f64;
    // also where none is given and the mean is no number
    let otherwise = if mean > 0.0 { mean } else { 1.0 };
    let weight_of = |weight: Option<f64>| weight.unwrap_or(otherwise);
    let total: f64 = loaded.iter().map(|(_, _, weight)| weight_of(*weight)).sum();
    loaded
        .into_iter()
        .map(|(endpoint, _, weight)| Traffic { endpoint, share: weight_of(weight) / total })
        .filter(|traffic| traffic.share > 0.0)
        .collect()
}
