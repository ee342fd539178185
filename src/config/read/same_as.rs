//! `load.same_as`: the load of another phase, scaled to the endpoints of this one.

use std::time::Duration;

use indexmap::IndexMap;

use super::{
    super::{
        Closed, Endpoint, Load, Open, Order, Phase, SameAs, Shape, Spikes, Stage, nearest::quoted,
        source::Place, traffic, tree::Node,
    },
    leaf::{Read, Wrong},
};

/// What was read before the phases that take the load of another.
pub(super) struct Others<'a> {
    /// The whole tree.
    pub root: &'a Node,
    /// Every phase of the file; those that have a load of their own are read.
    pub phases: &'a IndexMap<String, Option<Phase>>,
    /// Every endpoint.
    pub endpoints: &'a IndexMap<String, Option<Endpoint>>,
}

/// A phase that asks for a load.
pub(super) struct Asked<'a> {
    pub others: &'a Others<'a>,
    /// Its own name.
    pub name: &'a str,
    /// The endpoints that it names.
    pub endpoints: Option<&'a [String]>,
    /// When it begins; `None` where that is wrong.
    pub order: Option<&'a Order>,
    /// Whether it has `requests`, and `duration`, of its own.
    pub bounded: (bool, bool),
}

/// A load, and what comes with it where it was another phase's.
pub(super) struct Written {
    pub load: Load,
    pub same_as: Option<SameAs>,
    /// What ends the phase where it does not say so itself.
    pub requests: Option<u64>,
    /// Likewise.
    pub duration: Option<Duration>,
    /// Prompts per request; empty for a load that is the phase's own, which says so itself.
    pub batch_sizes: Vec<u32>,
}

impl Written {
    /// A load that is the phase's own.
    pub(super) fn own(load: Load) -> Self {
        Self { load, same_as: None, requests: None, duration: None, batch_sizes: Vec::new() }
    }
}

/// Whether a phase takes the load of another.
pub(super) fn takes(phase: &Node) -> bool {
    phase.at(&["load", "same_as"]).is_some()
}

impl Asked<'_> {
    /// The load of the phase `of`, which is named at `node`, for this one. `None` where something that it rests on could
    /// not be read or does not exist, which is reported elsewhere.
    pub(super) fn take(&self, node: &Node, of: &str) -> Read<Option<Written>> {
        let Others { root, phases, .. } = self.others;
        let wrong = |what: String, label: &str, other: Option<(&Place, &str)>, help: String| Wrong {
            place: node.place.clone(),
            what,
            label: label.to_owned(),
            help,
            other: other.map(|(place, text)| (place.clone(), text.to_owned())),
        };
        if of == self.name {
            let help = "name the phase whose load this one takes a share of".to_owned();
            return Err(vec![wrong("names its own phase".to_owned(), "this phase", None, help)]);
        }
        let Some(there) = root.at(&["phases", of]) else { return Ok(None) };
        if let Some(next) = there.at(&["load", "same_as"]) {
            let help = match next.as_text() {
                Some(origin) if origin != self.name && origin != of => format!("name `{origin}` itself"),
                _ => "give one of the two a load of its own".to_owned(),
            };
            let what = format!("names `{of}`, which takes its load from another phase, too");
            return Err(vec![wrong(
                what,
                "has no load of its own",
                Some((&next.place, "taken from here")),
                help,
            )]);
        }
        let Some(Some(whole)) = phases.get(of) else { return Ok(None) };
        if let Load::Pause(_) = whole.load {
            let pause = there.get("pause").or_else(|| there.get("pressure"));
            let pause = pause.map(|pause| (&pause.key, "a pause by this"));
            let help = "name a phase that sends requests".to_owned();
            return Err(vec![wrong(format!("names `{of}`, which sends nothing"), "a pause", pause, help)]);
        }
        if let Load::Trace(_) = whole.load {
            let trace = there.at(&["load", "trace"]).map(|trace| (&trace.key, "follows a trace"));
            let help = "give this phase a `load.trace` of its own".to_owned();
            let what = format!("names `{of}`, which sends whole requests of a trace");
            return Err(vec![wrong(what, "nothing to take a share of", trace, help)]);
        }
        if let Load::Search(_) = whole.load {
            let search = there.at(&["load", "search"]).map(|search| (&search.key, "a search"));
            let help = "give this phase a load of its own".to_owned();
            let what = format!("names `{of}`, which looks for its load while it runs");
            return Err(vec![wrong(what, "nothing to take a share of", search, help)]);
        }
        let share = match self.share(whole) {
            None => return Ok(None),
            Some(Ok(share)) => share,
            Some(Err(lacking)) => {
                let names = quoted(&lacking);
                let place = there.get("endpoints").map_or(&there.key, |endpoints| &endpoints.place);
                let what = format!("names `{of}`, which sends nothing to {names}");
                let help = format!("name a phase that loads {names}, or give this one other `endpoints`");
                return Err(vec![wrong(what, "no share to take", Some((place, "loads others")), help)]);
            }
        };
        let mut taken = scaled(whole, of, share);
        let during = matches!(self.order, Some(Order::During(_)));
        if self.bounded.0 || self.bounded.1 || during {
            (taken.requests, taken.duration) = (None, None);
        } else if taken.requests.is_none() && taken.duration.is_none() && !is_staged(&taken.load) {
            let during = there.get("during").map(|during| (&during.place, "ends with this"));
            let help = "add `requests` or `duration` to this phase".to_owned();
            let what = format!("names `{of}`, which has no end of its own");
            return Err(vec![wrong(what, "when does this phase end?", during, help)]);
        }
        Ok(Some(taken))
    }

    /// The share of a phase's traffic that goes to the endpoints of this one, or the names of those that get none.
    /// `None` where endpoints are not what they should be.
    fn share(&self, whole: &Phase) -> Option<Result<f64, Vec<&str>>> {
        let endpoints = self.others.endpoints.iter();
        let weights: Vec<(&str, Option<f64>)> = endpoints
            .map(|(name, endpoint)| Some((name.as_str(), endpoint.as_ref()?.weight)))
            .collect::<Option<_>>()?;
        let loaded = traffic::shares(&weights, self.endpoints).into_iter().map(|(endpoint, _)| endpoint);
        match traffic::part(&traffic::shares(&weights, whole.endpoints.as_deref()), loaded) {
            Ok(part) => {
                let share = part.iter().map(|(_, share)| share).sum();
                (share > 0.0).then_some(Ok(share))
            }
            Err(lacking) => Some(Err(lacking.into_iter().map(|index| weights[index].0).collect())),
        }
    }
}

fn is_staged(load: &Load) -> bool {
    matches!(load, Load::Open(Open { shape: Shape::Stages(_), .. }))
}

/// A share of a phase's load. Users and limits are whole, so that theirs is the nearest that is at least 1; levels that
/// come to the same are one.
fn scaled(whole: &Phase, name: &str, share: f64) -> Written {
    let load = match &whole.load {
        Load::Closed(closed) => {
            let mut users: Vec<u32> = closed.users.iter().map(|users| whole_part(*users, share)).collect();
            keep_first(&mut users);
            Load::Closed(Closed { users, ..closed.clone() })
        }
        Load::Open(open) => Load::Open(Open {
            arrivals: open.arrivals,
            shape: match &open.shape {
                Shape::Rates(rates) => {
                    let mut rates: Vec<f64> = rates.iter().map(|rate| part(*rate, share)).collect();
                    keep_first(&mut rates);
                    Shape::Rates(rates)
                }
                Shape::Stages(stages) => {
                    Shape::Stages(stages.iter().map(|stage| part_of_stage(stage, share)).collect())
                }
            },
            spikes: open.spikes.map(|spikes| Spikes { rate: part(spikes.rate, share), ..spikes }),
            concurrency_limit: open.concurrency_limit.map(|limit| whole_part(limit, share)),
        }),
        // refused before this
        Load::Trace(follow) => Load::Trace(*follow),
        Load::Search(search) => Load::Search(search.clone()),
        Load::Pause(length) => Load::Pause(*length),
    };
    Written {
        load,
        same_as: Some(SameAs { phase: name.to_owned(), share }),
        requests: whole.requests.map(|requests| ((requests as f64 * share).round() as u64).max(1)),
        duration: whole.duration,
        batch_sizes: whole.batch_sizes.clone(),
    }
}

fn keep_first<T: PartialEq + Copy>(levels: &mut Vec<T>) {
    let mut kept: Vec<T> = Vec::with_capacity(levels.len());
    levels.retain(|level| {
        let new = !kept.contains(level);
        kept.push(*level);
        new
    });
}

fn part_of_stage(stage: &Stage, share: f64) -> Stage {
    Stage { from: part(stage.from, share), to: part(stage.to, share), over: stage.over }
}

/// A share of a rate to six digits, since rates name steps: a third of 8 is 2.66667.
fn part(rate: f64, share: f64) -> f64 {
    let product = rate * share;
    format!("{product:.5e}").parse().unwrap_or(product)
}

fn whole_part(number: u32, share: f64) -> u32 {
    ((f64::from(number) * share).round() as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_keep_six_digits() {
        for (rate, share, expected) in [
            (8.0, 0.3, 2.4),
            (8.0, 1.0 / 3.0, 2.66667),
            (0.1, 0.3, 0.03),
            (0.0, 0.5, 0.0),
            (1234.0, 0.7, 863.8),
        ] {
            assert_eq!(part(rate, share).to_string(), expected.to_string(), "{rate} {share}");
        }
    }

    #[test]
    fn numbers_are_whole_and_levels_differ() {
        let mut users: Vec<u32> = [1, 2, 4, 8, 16].iter().map(|users| whole_part(*users, 0.3)).collect();
        assert_eq!(users, [1, 1, 1, 2, 5]);
        keep_first(&mut users);
        assert_eq!(users, [1, 2, 5]);
    }
}
