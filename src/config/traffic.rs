//! Weights → shares of traffic.

/// The endpoints that a phase loads, by index, with their shares, which sum to 1. `only` are the endpoints that the
/// phase names.
///
/// - A phase without a list of endpoints loads those that have a weight, or all of them where none has.
/// - Weights are renormalized among the endpoints of the phase. An endpoint that the phase names and that has no
///   weight gets the mean of those that have one, or 1 where no other has any: all get the same where none has.
///
/// In the order of the names, so that neither shares nor routes depend on the order of tables in the file; without
/// endpoints of weight 0, which get nothing.
pub fn shares(endpoints: &[(&str, Option<f64>)], only: Option<&[String]>) -> Vec<(usize, f64)> {
    let weighted = endpoints.iter().any(|(_, weight)| weight.is_some());
    let mut loaded: Vec<(usize, &str, Option<f64>)> = endpoints
        .iter()
        .enumerate()
        .filter(|(_, (name, weight))| match only {
            Some(names) => names.iter().any(|named| named == name),
            None => weight.is_some() || !weighted,
        })
        .map(|(index, (name, weight))| (index, *name, *weight))
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
        .map(|(endpoint, _, weight)| (endpoint, weight_of(weight) / total))
        .filter(|(_, share)| *share > 0.0)
        .collect()
}

/// What `shares` gives the `endpoints` of another phase, by index. `Err` names those that get nothing there.
pub fn part(
    shares: &[(usize, f64)],
    endpoints: impl IntoIterator<Item = usize>,
) -> Result<Vec<(usize, f64)>, Vec<usize>> {
    let (mut there, mut lacking) = (Vec::new(), Vec::new());
    for endpoint in endpoints {
        match shares.iter().find(|(index, _)| *index == endpoint) {
            Some(found) => there.push(*found),
            None => lacking.push(endpoint),
        }
    }
    if lacking.is_empty() { Ok(there) } else { Err(lacking) }
}
